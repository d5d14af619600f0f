// What is sent again, and what is not, against a server that answers as it is told.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { KiwoomBilling, NoAnswer, RequestRefused } from "kiwoom-billing";

type Answer = "cut" | [status: number, body: unknown, retryAfter?: string];
const script: Answer[] = [];
const seen: { key: string | undefined; body: string }[] = [];
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    seen.push({ key: request.headers["idempotency-key"] as string | undefined, body: Buffer.concat(chunks).toString() });
    const answer = script.shift() ?? "cut";
    if (answer === "cut") return request.socket.destroy();
    const [status, body, retryAfter] = answer;
    if (retryAfter) response.setHeader("Retry-After", retryAfter);
    response.setHeader("Content-Type", "application/json");
    response.writeHead(status).end(typeof body === "string" ? body : JSON.stringify(body));
  });
});
let billing: KiwoomBilling;

before(async () => {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as { port: number };
  billing = new KiwoomBilling({ baseUrl: `http://127.0.0.1:${port}`, tries: 5 });
});
after(() => {
  server.close();
  server.closeAllConnections();
});

const charge = { orderId: "order-1", billingKey: "bk_1", customerId: "c", amount: 9900, productName: "단건 결제" };
const done = (status: string) => ({ success: true, data: { id: "pay_1", status } });
const refusal = (code: string) => ({ success: false, error: { code, message: code, requestId: "r" } });

function play(...answers: Answer[]) {
  script.splice(0, script.length, ...answers);
  seen.length = 0;
}

test("no clear answer is asked for again with the same key and body", async () => {
  play("cut", [502, "<html>Bad Gateway</html>"], [409, refusal("request_in_progress"), "0"],
    [503, refusal("database_unavailable"), "0"], [200, done("approved")]);
  assert.equal((await billing.charge(charge)).outcome, "succeeded");
  assert.equal(seen.length, 5);
  assert.deepEqual(new Set(seen.map((request) => request.key)), new Set(["order-1"]));
  assert.deepEqual(new Set(seen.map((request) => request.body)), new Set([JSON.stringify(charge)]));
});

test("what the service has decided is not asked for again", async () => {
  for (const [answer, outcome] of [
    [[202, done("unknown")], "unknown"],
    [[402, refusal("payment_declined")], "declined"],
    [[502, refusal("gateway_unavailable")], "not_sent"],
    [[502, refusal("merchant_setting")], "not_sent"],
    [[409, refusal("refund_not_allowed")], "declined"],
  ] as const) {
    play(answer as unknown as Answer);
    assert.equal((await billing.charge(charge)).outcome, outcome);
    assert.equal(seen.length, 1, outcome);
  }
  play([409, refusal("order_exists")]);
  await assert.rejects(billing.charge(charge), (error) => error instanceof RequestRefused && error.status === 409);
  assert.equal(seen.length, 1);
});

test("a wait of more than half a minute is left to the caller", async () => {
  play([429, refusal("rate_limited"), "3600"]);
  assert.deepEqual(await billing.charge(charge), { outcome: "unknown" });
  assert.equal(seen.length, 1);
});

test("a charge without any answer is unknown, and has no payment to take for one", async () => {
  const { port } = server.address() as { port: number };
  const hasty = new KiwoomBilling({ baseUrl: `http://127.0.0.1:${port}`, tries: 2 });
  play("cut", [500, refusal("internal_error")]);
  assert.deepEqual(await hasty.charge(charge), { outcome: "unknown" });
  play("cut", "cut");
  await assert.rejects(hasty.registerCard({} as never), NoAnswer);
  assert.equal(new Set(seen.map((request) => request.key)).size, 1, "one key for both tries");
});
