// A shop's order server: POST /orders charges, GET /orders/ID says how it went, POST /webhooks takes the events.
// BASE_URL, WEBHOOK_SECRET and PORT tell it where it is.
import { createServer, type IncomingMessage, type Server } from "node:http";
import { fileURLToPath } from "node:url";
import { type Charge, KiwoomBilling, RequestRefused, verifyWebhook } from "kiwoom-billing";

interface Order {
  charge: Charge;
  /** `checking`: the money may have moved. Nothing is charged again until an event says what became of it. */
  state: "new" | "paid" | "failed" | "checking";
  paymentId?: string;
}

export function createShop(billing: KiwoomBilling, webhookSecret: string): Server {
  // A real shop keeps both in its database.
  const orders = new Map<string, Order>();
  const handled = new Set<string>();

  async function place(charge: Charge): Promise<Order> {
    // Stored before the call. An order that comes again is the same order, with the same key.
    const order: Order = orders.get(charge.orderId) ?? { charge, state: "new" };
    orders.set(charge.orderId, order);
    if (order.state === "paid" || order.state === "failed") return order;
    const result = await billing.charge(order.charge);
    switch (result.outcome) {
      case "succeeded":
        return Object.assign(order, { state: "paid", paymentId: result.data.id });
      case "declined":
      case "not_sent":
        return Object.assign(order, { state: "failed" });
      case "unknown":
        return Object.assign(order, { state: "checking", paymentId: result.pending?.id });
    }
  }

  function told(headers: IncomingMessage["headers"], body: Buffer) {
    const event = verifyWebhook(webhookSecret, headers, body);
    if (handled.has(event.id)) return;
    handled.add(event.id);
    const order = event.object === "payment" && event.data ? orders.get(event.data.orderId) : undefined;
    if (order && event.type === "payment.approved") order.state = "paid";
    if (order && event.type === "payment.declined") order.state = "failed";
  }

  async function answer(request: IncomingMessage): Promise<[number, unknown]> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const path = request.url ?? "";
    if (path === "/webhooks") return told(request.headers, body), [204, undefined];
    if (path === "/orders") return [201, await place(JSON.parse(body.toString()) as Charge)];
    const order = orders.get(path.replace("/orders/", ""));
    return order ? [200, order] : [404, { error: "no such order" }];
  }

  return createServer((request, response) => {
    answer(request).then(
      ([status, body]) => response.writeHead(status).end(body && JSON.stringify(body)),
      (error: unknown) => {
        const refused = error instanceof RequestRefused ? error.error : { message: String(error) };
        response.writeHead(400).end(JSON.stringify({ error: refused }));
      },
    );
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { BASE_URL = "http://localhost:3000", API_KEY, WEBHOOK_SECRET = "", PORT = "8080" } = process.env;
  const billing = new KiwoomBilling({ baseUrl: BASE_URL, ...(API_KEY && { apiKey: API_KEY }) });
  createShop(billing, WEBHOOK_SECRET).listen(Number(PORT), "127.0.0.1");
}
