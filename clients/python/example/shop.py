"""A shop's order server: POST /orders charges, GET /orders/ID says how it went, POST /webhooks takes the events.

BASE_URL, API_KEY, WEBHOOK_SECRET and PORT tell it where it is.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import assert_never

from kiwoom_billing import (
    Charge, Declined, KiwoomBilling, NotSent, RequestRefused, Succeeded, Unknown, WebhookVerificationError,
    verify_webhook,
)


class Shop:
    """Orders by their id. `checking`: the money may have moved, and nothing is charged until an event says more."""

    def __init__(self, billing: KiwoomBilling, webhook_secret: str) -> None:
        # A real shop keeps both in its database.
        self.orders: dict[str, dict[str, Any]] = {}
        self.handled: set[str] = set()
        self.billing = billing
        self.webhook_secret = webhook_secret

    def place(self, charge: Charge) -> dict[str, Any]:
        # Stored before the call. An order that comes again is the same order, with the same key.
        order = self.orders.setdefault(charge["orderId"], {"charge": charge, "state": "new"})
        if order["state"] in ("paid", "failed"):
            return order
        result = self.billing.charge(order["charge"])
        match result:
            case Succeeded(data):
                order.update(state="paid", paymentId=data.get("id"))
            case Declined() | NotSent():
                order.update(state="failed")
            case Unknown(pending):
                order.update(state="checking", paymentId=pending and pending.get("id"))
            case _:
                assert_never(result)
        return order

    def told(self, headers: dict[str, str], body: bytes) -> None:
        event = verify_webhook(self.webhook_secret, headers, body)
        if event["id"] in self.handled:
            return
        self.handled.add(event["id"])
        if event["object"] != "payment" or event["data"] is None:
            return
        order = self.orders.get(event["data"]["orderId"])
        if order and event["type"] == "payment.approved":
            order["state"] = "paid"
        if order and event["type"] == "payment.declined":
            order["state"] = "failed"

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, object]:
        if path == "/webhooks":
            self.told(headers, body)
            return 200, {}
        if path == "/orders":
            return 201, self.place(json.loads(body))
        order = self.orders.get(path.removeprefix("/orders/"))
        return (200, order) if order else (404, {"error": "no such order"})

    def server(self, port: int) -> ThreadingHTTPServer:
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                try:
                    status, answer = shop.answer(self.path, dict(self.headers.items()), body)
                except RequestRefused as refused:
                    status, answer = 400, {"error": refused.error}
                except (WebhookVerificationError, ValueError) as error:
                    status, answer = 400, {"error": str(error)}
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            do_GET = do_POST

            def log_message(self, *arguments: object) -> None:
                pass

        return ThreadingHTTPServer(("127.0.0.1", port), Handler)


if __name__ == "__main__":
    client = KiwoomBilling(os.environ.get("BASE_URL", "http://localhost:3000"), os.environ.get("API_KEY"))
    Shop(client, os.environ["WEBHOOK_SECRET"]).server(int(os.environ.get("PORT", "8080"))).serve_forever()
