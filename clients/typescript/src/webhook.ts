import { Webhook, WebhookVerificationError } from "standardwebhooks";

import type { components } from "./api.js";

type Schemas = components["schemas"];

/** Told apart by `object`, then by `type`. New types may come: ignore those that you do not know. */
export type WebhookEvent =
  | Schemas["BillingKeyEvent"]
  | Schemas["SubscriptionEvent"]
  | Schemas["PaymentEvent"]
  | Schemas["OrderEvent"]
  | Schemas["RefundEvent"]
  | Schemas["CustomerEvent"]
  | Schemas["WebhookEndpointEvent"];

/**
 * The event of a delivery. `body` is what came, byte for byte, not JSON that was written again. Throws
 * `WebhookVerificationError` when it is not signed with the secret, or more than five minutes old.
 */
export function verifyWebhook(
  secret: string,
  headers: Record<string, string | string[] | undefined> | Headers,
  body: string | Buffer,
): WebhookEvent {
  const found: Record<string, string> = {};
  for (const name of ["webhook-id", "webhook-timestamp", "webhook-signature"]) {
    const value = headers instanceof Headers ? headers.get(name) : headers[name];
    if (typeof value === "string") found[name] = value;
  }
  return new Webhook(secret).verify(body, found) as WebhookEvent;
}

export { WebhookVerificationError };
