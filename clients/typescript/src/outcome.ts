import { NoAnswer, RequestRefused, type ErrorContent } from "./errors.js";

/**
 * What became of a call that moves money. `data` is there only once `outcome` has been looked at:
 *
 * - `succeeded`: the money moved.
 * - `declined`: the card, or KiwoomPay, said no. Another attempt is a new order.
 * - `not_sent`: nothing was charged or refunded. Try later, a charge as a new order.
 * - `unknown`: the money may have moved. Never charge again: wait for the event, or make the same call with the
 *   same key, which answers with what it became. `pending` is missing when no answer came at all.
 */
export type Outcome<Data> =
  | { outcome: "succeeded"; data: Data }
  | { outcome: "declined"; error: ErrorContent }
  | { outcome: "not_sent"; error: ErrorContent }
  | { outcome: "unknown"; pending?: Data };

const DECLINED = ["payment_declined", "refund_not_allowed"];
const NOT_SENT = ["gateway_unavailable", "merchant_setting", "charging_paused"];
/** Still so after every try: an earlier one may have done something. */
const NOT_CLEAR = ["request_in_progress", "rate_limited", "database_unavailable", "shutting_down"];

interface Reply<Data> {
  response: Response;
  data?: { data: Data };
  error?: { error: ErrorContent };
}

/** Throws `RequestRefused` for a request that has to be corrected. */
export async function outcomeOf<Data>(call: Promise<Reply<Data>>): Promise<Outcome<Data>> {
  const reply = await call.catch((error: unknown) => {
    if (error instanceof NoAnswer) return undefined;
    throw error;
  });
  if (!reply) return { outcome: "unknown" };
  if (reply.data) {
    const { data } = reply.data;
    return reply.response.status === 202 ? { outcome: "unknown", pending: data } : { outcome: "succeeded", data };
  }
  const error = refusalOf(reply);
  if (DECLINED.includes(error.code)) return { outcome: "declined", error };
  if (NOT_SENT.includes(error.code)) return { outcome: "not_sent", error };
  if (NOT_CLEAR.includes(error.code)) return { outcome: "unknown" };
  throw new RequestRefused(reply.response.status, error);
}

/** The data of a call that moves no money; throws `RequestRefused` when there is none. */
export async function dataOf<Data>(call: Promise<Reply<Data>>): Promise<Data> {
  const reply = await call;
  if (reply.data) return reply.data.data;
  throw new RequestRefused(reply.response.status, refusalOf(reply));
}

function refusalOf(reply: Reply<unknown>): ErrorContent {
  return reply.error?.error ?? { code: "unreadable", message: `${reply.response.status}`, requestId: "" };
}
