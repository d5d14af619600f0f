import { NoAnswer } from "./errors.js";

export interface Options {
  baseUrl: string;
  /** A key with the scopes that the calls need; none in development. */
  apiKey?: string;
  /** How long one try may take. The service may need 65 seconds, the default. */
  timeoutMs?: number;
  /** How often a request is sent at most, the first time included: 5. */
  tries?: number;
  /** In place of Node's own. */
  fetch?: (request: Request) => Promise<Response>;
}

/** A longer `Retry-After` is left to the caller. */
const LONGEST_WAIT_SECS = 30;

/**
 * A `fetch` that sends a request again only where that is safe: what changes something has an
 * `Idempotency-Key`, and every try is the same request with the same key.
 */
export function transport(options: Options): (request: Request) => Promise<Response> {
  const { timeoutMs = 65_000, tries = 5, fetch: send = globalThis.fetch } = options;
  return async (request) => {
    if (options.apiKey) request.headers.set("Authorization", `Bearer ${options.apiKey}`);
    if (request.method !== "GET" && !request.headers.has("Idempotency-Key")) {
      request.headers.set("Idempotency-Key", crypto.randomUUID());
    }
    let last: unknown;
    for (let tried = 1; tried <= tries; tried++) {
      let wait = Math.min(2 ** (tried - 1), 8);
      try {
        const response = await once(send, request, timeoutMs);
        const asked = waitOf(response);
        if (asked === undefined || tried === tries || asked > LONGEST_WAIT_SECS) return response;
        wait = asked;
      } catch (error) {
        request.signal.throwIfAborted();
        last = error;
      }
      if (tried < tries) await new Promise((done) => setTimeout(done, wait * 1000));
    }
    throw new NoAnswer(`${request.method} ${request.url}: no answer in ${tries} tries`, { cause: last });
  };
}

/** Throws when nothing came, or something that the service did not write. */
async function once(send: (request: Request) => Promise<Response>, request: Request, timeoutMs: number) {
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)]);
  const response = await send(new Request(request.clone(), { signal }));
  // A file or a page is no JSON, and nothing depends on it.
  if (request.method === "GET" && response.ok) return response;
  const answer = (await response.clone().json()) as { success?: unknown } | null;
  if (typeof answer?.success !== "boolean") throw new Error(`${response.status}, not of the service: a proxy's?`);
  if (response.status === 500) throw new Error("500: a fault of the service");
  return response;
}

/** Seconds after which the same request may be sent again, when the answer says so. */
function waitOf(response: Response): number | undefined {
  const asked = [409, 429, 503].includes(response.status) ? response.headers.get("Retry-After") : null;
  return asked === null ? undefined : Number(asked);
}
