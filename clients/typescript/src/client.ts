import createClient, { type Client } from "openapi-fetch";

import type { components, paths } from "./api.js";
import { type Outcome, dataOf, outcomeOf } from "./outcome.js";
import type { Item, ListPath, Params } from "./pages.js";
import { type Options, transport } from "./transport.js";
import type { WebhookEvent } from "./webhook.js";

type Schemas = components["schemas"];

/** One charge of a registered card. */
export interface Charge {
  /** Yours, unique for ever. Store it before the call. */
  orderId: string;
  billingKey: string;
  customerId: string;
  /** Won. */
  amount: number;
  /** Won, of `amount`. */
  taxFreeAmount?: number;
  productName: string;
}

/** Events, and the cursor to go on from once they are handled. */
export interface Page {
  events: WebhookEvent[];
  cursor: string;
}

type Money = "/billing/pay" | "/billing/subscribe" | "/billing/refund" | "/easypay/cancel";
type Subscription = "/billing/subscription/{id}";

/** Without the operations that may answer 202: they have methods whose `Outcome` says so. */
type Other = Omit<paths, Money | Subscription> & { [Path in Subscription]: Omit<paths[Path], "patch"> };

/**
 * A service of kiwoom-billing. Calls that move money answer with an `Outcome`; make each with one
 * `Idempotency-Key` for one intention, stored before the call.
 */
export class KiwoomBilling {
  /** Every other operation of the description, sent again where that is safe. */
  readonly api: Client<Other>;
  readonly #all: Client<paths>;

  constructor(options: Options) {
    this.#all = createClient<paths>({ baseUrl: options.baseUrl, fetch: transport(options) });
    this.api = this.#all as Client<Other>;
  }

  /** A billing key for a card. Throws `RequestRefused` with `card_refused` for one that cannot be used. */
  registerCard(card: Schemas["RegisterRequest"]): Promise<Schemas["BillingKeyBody"]> {
    return dataOf(this.api.POST("/billing/register", { body: card }));
  }

  /** Charges once. The order id is the `Idempotency-Key`. */
  charge(charge: Charge): Promise<Outcome<Schemas["PayAnswer"]>> {
    return outcomeOf(this.#all.POST("/billing/pay", { body: { ...charge }, params: keyed(charge.orderId) }));
  }

  /** Charges the period of a subscription that is due or owed. */
  chargeSubscription(subscriptionId: string, idempotencyKey: string): Promise<Outcome<Schemas["PayAnswer"]>> {
    return outcomeOf(this.#all.POST("/billing/pay", { body: { subscriptionId }, params: keyed(idempotencyKey) }));
  }

  subscribe(
    subscription: Schemas["SubscribeRequest"],
    idempotencyKey: string,
  ): Promise<Outcome<Schemas["SubscribedBody"]>> {
    return outcomeOf(this.#all.POST("/billing/subscribe", { body: subscription, params: keyed(idempotencyKey) }));
  }

  /** With `when: "now"` the difference may be charged. */
  changeSubscription(
    id: string,
    change: Schemas["UpdateRequest"],
    idempotencyKey: string,
  ): Promise<Outcome<Schemas["UpdatedBody"]>> {
    const params = { ...keyed(idempotencyKey), path: { id } };
    return outcomeOf(this.#all.PATCH("/billing/subscription/{id}", { body: change, params }));
  }

  /** Two refunds of a payment are two intentions, each with a key of its own. */
  refund(refund: Schemas["RefundRequest"], idempotencyKey: string): Promise<Outcome<Schemas["RefundAnswer"]>> {
    return outcomeOf(this.#all.POST("/billing/refund", { body: refund, params: keyed(idempotencyKey) }));
  }

  /** Gives back what was paid in the payment window, or closes an order that was not paid. */
  cancelOrder(cancel: Schemas["OrderCancelRequest"], idempotencyKey: string): Promise<Outcome<Schemas["Canceled"]>> {
    return outcomeOf(this.#all.POST("/easypay/cancel", { body: cancel, params: keyed(idempotencyKey) }));
  }

  /** Every entry of a list, fetched page by page: `list("/billing/payments", { query: { status: "unknown" } })`. */
  async *list<Path extends ListPath>(path: Path, params?: Params<Path>): AsyncGenerator<Item<Path>, void> {
    // What the routes of lists have in common cannot be said of each of them by itself.
    const get = this.api.GET as (path: string, init: object) => ReturnType<Client<paths>["GET"]>;
    const { query, ...rest } = (params ?? {}) as { query?: object };
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const init = { params: { ...rest, query: { ...query, ...(cursor && { cursor }) } } };
      const page = await dataOf(get(path, init) as never) as { items: Item<Path>[]; nextCursor: string | null };
      yield* page.items;
      cursor = page.nextCursor;
    }
  }

  /** What happened since `cursor`, oldest first, until nothing is left. Store each page's cursor when it is handled. */
  async *events(cursor?: string): AsyncGenerator<Page, void> {
    for (let from = cursor; ; ) {
      const page = await dataOf(this.api.GET("/events", { params: { query: from ? { cursor: from } : {} } }));
      if (page.items.length === 0) return;
      from = page.nextCursor ?? from ?? "";
      yield { events: page.items as WebhookEvent[], cursor: from };
    }
  }
}

function keyed(idempotencyKey: string) {
  return { header: { "Idempotency-Key": idempotencyKey } };
}
