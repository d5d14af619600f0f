export { KiwoomBilling } from "./client.js";
export type { Charge, Page } from "./client.js";
export { NoAnswer, RequestRefused } from "./errors.js";
export type { Outcome } from "./outcome.js";
export type { Item, ListPath, Params } from "./pages.js";
export type { Options } from "./transport.js";
export { WebhookVerificationError, verifyWebhook } from "./webhook.js";
export type { WebhookEvent } from "./webhook.js";
export type { components, operations, paths } from "./api.js";
