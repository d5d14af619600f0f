// A backend's day, with the types that openapi-typescript writes: run.ts BASE_URL RECEIVER_PORT SECRET.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import createClient from "openapi-fetch";
import { Webhook } from "standardwebhooks";

import type { components, paths } from "./api";

type Event = components["schemas"]["EventBody"];

const [BASE = "", PORT = "", SECRET = ""] = process.argv.slice(2);
const api = createClient<paths>({ baseUrl: BASE });
const customerId = "client-typescript";
const order = (name: string) => `${customerId}-${name}`;

/** The answer's data, when it has this status. */
function expect<Data>(status: number, reply: { response: Response; data?: { data: Data }; error?: unknown }): Data {
  assert.equal(reply.response.status, status, JSON.stringify(reply.error ?? reply.data));
  assert.ok(reply.data);
  return reply.data.data;
}

function refused(status: number, reply: { response: Response; error?: components["schemas"]["ErrorBody"] }) {
  assert.equal(reply.response.status, status, JSON.stringify(reply));
  assert.ok(reply.error);
  return reply.error.error;
}

/** Waits at most 30 seconds. */
async function until<Found>(look: () => Promise<Found | undefined>, what: string): Promise<Found> {
  for (let n = 0; n < 150; n++) {
    const found = await look();
    if (found) return found;
    await new Promise((done) => setTimeout(done, 200));
  }
  throw new Error(`never: ${what}`);
}

async function register(cardNumber: string): Promise<string> {
  const body = {
    cardNumber, expireDate: "3012", cardPassword: "12", birthDate: "901231", customerName: "홍길동", customerId,
  };
  return expect(201, await api.POST("/billing/register", { body })).billingKey;
}

const pay = (body: components["schemas"]["PayRequest"], key?: string) =>
  api.POST("/billing/pay", { body, params: { header: key ? { "Idempotency-Key": key } : {} } });

const delivered: Event[] = [];
const receiver = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const headers = request.headers as Record<string, string>;
    delivered.push(new Webhook(SECRET).verify(Buffer.concat(chunks).toString(), headers) as Event);
    response.end();
  });
});
receiver.listen(Number(PORT), "127.0.0.1");

const billingKey = await register("4111111111111111");
const once = { billingKey, customerId, amount: 9900, productName: "단건 결제", orderId: order("1") };
const paid = expect(200, await pay(once, order("1")));
assert.deepEqual([paid.status, paid.amount], ["approved", 9900]);
assert.equal(expect(200, await pay(once, order("1"))).id, paid.id, "the same key is the same payment");

const plan = { customerId, productName: "월간 구독", amount: 9900 };
const made = expect(201, await api.POST("/billing/subscribe", {
  body: { ...plan, billingKey, planId: "now", chargeNow: true },
}));
assert.deepEqual([made.status, made.coverage], ["active", "paid"]);

// Its first charge is declined by the schedule, and made by the caller.
const late = expect(201, await api.POST("/billing/subscribe", {
  body: { ...plan, billingKey: await register("4000000000009995"), planId: "late" },
}));
await fetch(`${BASE}/sandbox/clock`, {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ advanceDays: 1 }),
});
const path = { id: late.id };
await until(async () => {
  const { data } = await api.GET("/billing/subscription/{id}", { params: { path } });
  return data?.data.status === "past_due" ? data : undefined;
}, "past_due");
const owed = expect(200, await pay({ subscriptionId: late.id }));
assert.deepEqual([owed.status, owed.subscription?.status], ["approved", "active"]);

const short = await register("4000000000000341");
assert.equal(refused(402, await pay({ ...once, billingKey: short, orderId: order("2") })).code, "payment_declined");

const lost = await register("4000000000000119");
assert.equal(expect(202, await pay({ ...once, billingKey: lost, orderId: order("3") })).status, "unknown");
const begun = expect(202, await api.POST("/billing/subscribe", {
  body: { ...plan, billingKey: lost, planId: "lost", chargeNow: true },
}));
assert.deepEqual([begun.status, begun.payment?.status], ["incomplete", "unknown"]);

const wrong = refused(400, await pay({ ...once, amount: 0, orderId: "a b" }));
assert.deepEqual(wrong.details?.map((detail) => detail.field).sort(), ["amount", "orderId"]);

const listed: string[] = [];
for (let cursor: string | undefined; ;) {
  const query = { customerId, limit: 2, ...(cursor && { cursor }) };
  const page = expect(200, await api.GET("/billing/payments", { params: { query } }));
  listed.push(...page.items.map((payment) => payment.id));
  if (!page.nextCursor) break;
  cursor = page.nextCursor;
}
assert.ok(listed.length >= 5 && new Set(listed).size === listed.length && listed.includes(paid.id ?? ""));

const refund = expect(200, await api.POST("/billing/refund", { body: { orderId: order("1"), amount: 900 } }));
assert.deepEqual([refund.refund?.amount, refund.payment.refundableAmount], [900, 9000]);

const told = await until(async () => {
  const query = { objectId: paid.id ?? "" };
  const { data } = await api.GET("/events", { params: { query } });
  return data?.data.items.find((event) => event.type === "payment.partially_refunded");
}, "payment.partially_refunded");
const sent = await until(async () => delivered.find((event) => event.id === told.id), "its delivery");
assert.deepEqual(sent, told);

receiver.close();
console.log(`TypeScript: ${listed.length} payments, ${delivered.length} deliveries verified`);
