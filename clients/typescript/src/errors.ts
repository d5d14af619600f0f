import type { components } from "./api.js";

export type ErrorContent = components["schemas"]["ErrorContent"];

/** The service refused the request, and nothing was charged: decide by `error.code`. */
export class RequestRefused extends Error {
  override readonly name = "RequestRefused";

  constructor(
    readonly status: number,
    readonly error: ErrorContent,
  ) {
    super(`${error.code}: ${error.message}`);
  }
}

/** No answer of the service came, after every try: the network, a proxy, or a fault of the service. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}
