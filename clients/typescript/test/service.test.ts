// The client and the example shop with a real service and the sandbox: BASE_URL, RECEIVER_PORT, SECRET.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { KiwoomBilling, RequestRefused, verifyWebhook, WebhookVerificationError } from "kiwoom-billing";
import { createShop } from "../example/shop.js";

const { BASE_URL = "", RECEIVER_PORT = "", SECRET = "" } = process.env;
const billing = new KiwoomBilling({ baseUrl: BASE_URL });
const shop = createShop(billing, SECRET);
const customerId = "package-typescript";
const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

before(() => new Promise<void>((done) => shop.listen(Number(RECEIVER_PORT), "127.0.0.1", done)));
after(() => {
  shop.close();
  shop.closeAllConnections();
});

async function register(cardNumber: string): Promise<string> {
  const card = { cardNumber, expireDate: "3012", cardPassword: "12", birthDate: "901231" };
  return (await billing.registerCard({ ...card, customerName: "홍길동", customerId })).billingKey;
}

const charge = (name: string, billingKey: string) =>
  ({ orderId: `${customerId}-${name}`, billingKey, customerId, amount: 9900, productName: "단건 결제" });

interface Order { state: string; paymentId: string }

async function order(name: string, billingKey: string): Promise<Order> {
  const body = JSON.stringify(charge(name, billingKey));
  return (await fetch(`http://127.0.0.1:${RECEIVER_PORT}/orders`, { method: "POST", body })).json() as Promise<Order>;
}

async function stateOf(name: string): Promise<string> {
  return ((await (await fetch(`http://127.0.0.1:${RECEIVER_PORT}/orders/${customerId}-${name}`)).json()) as Order).state;
}

test("an order is charged once, however often it comes", async () => {
  const key = await register("4111111111111111");
  const [first, second] = [await order("1", key), await billing.charge(charge("1", key))];
  assert.equal(first.state, "paid");
  assert.ok(second.outcome === "succeeded" && second.data.id === first.paymentId);
  assert.equal((await order("2", await register("4000000000000341"))).state, "failed");
});

test("an order whose answer was lost is checked, and paid when the event says so", async () => {
  const lost = await order("3", await register("4000000000000119"));
  assert.equal(lost.state, "checking");
  const ledger = await (await fetch(`${BASE_URL}/sandbox/ledger`)).json() as { transactions: { transactionId: string }[] };
  const transactionId = ledger.transactions.at(-1)?.transactionId ?? "";
  const settled = await billing.api.POST("/billing/payment/{id}/resolve", {
    params: { path: { id: lost.paymentId } }, body: { outcome: "approved", transactionId, reason: "가맹점 관리자에서 확인" },
  });
  assert.equal(settled.response.status, 200, JSON.stringify(settled.error));
  for (let n = 0; n < 100 && (await stateOf("3")) !== "paid"; n++) await sleep(200);
  assert.equal(await stateOf("3"), "paid");
});

test("refunds are given once for each key", async () => {
  const refund = { orderId: `${customerId}-1`, amount: 900 };
  const made = [];
  for (const key of ["a", "a", "b"]) made.push(await billing.refund(refund, `${customerId}-refund-${key}`));
  const ids = made.map((result) => result.outcome === "succeeded" && result.data.refund?.id);
  assert.equal(ids[0], ids[1]);
  assert.notEqual(ids[0], ids[2]);
});

test("a subscription whose first charge is unknown says so", async () => {
  const plan = { customerId, planId: "lost", productName: "월간 구독", amount: 9900, chargeNow: true };
  const result = await billing.subscribe({ ...plan, billingKey: await register("4000000000000119") }, `${customerId}-sub`);
  assert.ok(result.outcome === "unknown" && result.pending?.status === "incomplete");
  // @ts-expect-error What is not known has no data.
  assert.equal(result.data, undefined);
});

test("what is wrong with a request is thrown with its fields", async () => {
  const wrong = billing.charge({ ...charge("4", "bk_1"), amount: 0 });
  await assert.rejects(wrong, (error) => {
    assert.ok(error instanceof RequestRefused);
    assert.deepEqual([error.status, error.error.details?.[0]?.field], [400, "amount"]);
    return true;
  });
});

test("a list goes on over its pages", async () => {
  const found = [];
  for await (const payment of billing.list("/billing/payments", { query: { customerId, limit: 2 } })) found.push(payment.id);
  assert.ok(found.length >= 4);
  assert.equal(new Set(found).size, found.length);
});

test("events are read up to the newest, and from a cursor on", async () => {
  let cursor: string | undefined;
  const types: string[] = [];
  for await (const page of billing.events()) {
    types.push(...page.events.map((event) => event.type));
    cursor = page.cursor;
  }
  assert.ok(types.includes("payment.partially_refunded"));
  for await (const page of billing.events(cursor)) assert.ok(!page.events.some((event) => event.object === "refund"));
});

test("a delivery that is not signed is refused", () => {
  const headers = { "webhook-id": "evt_1", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA" };
  assert.throws(() => verifyWebhook(SECRET, headers, "{}"), WebhookVerificationError);
});
