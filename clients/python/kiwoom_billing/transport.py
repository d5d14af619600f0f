"""Sends a request again only where that is safe."""

import time
import uuid
from collections.abc import Mapping
from typing import Any

import httpx

from .errors import NoAnswer

# A longer Retry-After is left to the caller.
LONGEST_WAIT_SECS = 30


class Transport:
    """What changes something has an `Idempotency-Key`, and every try is the same request with the same key."""

    def __init__(self, base_url: str, api_key: str | None, timeout_secs: float, tries: int) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.http = httpx.Client(base_url=base_url, headers=headers, timeout=timeout_secs)
        self.tries = tries

    def send(
        self, method: str, path: str, body: object = None, key: str | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> tuple[int, Any]:
        """Status and JSON of the answer. Raises NoAnswer when none of the service's own came."""
        headers = {} if method == "GET" else {"Idempotency-Key": key or str(uuid.uuid4())}
        request = self.http.build_request(method, path, json=body, params=query, headers=headers)
        last: Exception | None = None
        for tried in range(1, self.tries + 1):
            wait = min(2 ** (tried - 1), 8)
            try:
                response = self.http.send(request)
                answer = answer_of(response)
                asked = wait_of(response)
                if asked is None or tried == self.tries or asked > LONGEST_WAIT_SECS:
                    return response.status_code, answer
                wait = asked
            except (httpx.TransportError, ValueError) as error:
                last = error
            if tried < self.tries:
                time.sleep(wait)
        raise NoAnswer(f"{method} {path}: no answer in {self.tries} tries") from last


def answer_of(response: httpx.Response) -> Any:
    """Raises ValueError for what the service did not write, and for its faults."""
    answer = response.json()
    if not isinstance(answer, dict) or not isinstance(answer.get("success"), bool):
        raise ValueError(f"{response.status_code}, not of the service: a proxy's?")
    if response.status_code == 500:
        raise ValueError("500: a fault of the service")
    return answer


def wait_of(response: httpx.Response) -> int | None:
    """Seconds after which the same request may be sent again, when the answer says so."""
    asked = response.headers.get("Retry-After") if response.status_code in (409, 429, 503) else None
    return None if asked is None else int(asked)
