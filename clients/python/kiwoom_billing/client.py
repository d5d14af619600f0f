"""A service of kiwoom-billing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypedDict, cast
from urllib.parse import quote

from typing_extensions import NotRequired

from .errors import NoAnswer, RequestRefused
from .outcome import Outcome, outcome_of
from .transport import Transport
from .types import (
    BillingKeyBody, Canceled, OrderCancelRequest, PayAnswer, PaymentBody, RefundAnswer, RefundBody, RefundRequest,
    RegisterRequest, SubscribedBody, SubscribeRequest, SubscriptionBody, UpdatedBody, UpdateRequest,
)
from .webhook import WebhookEvent


class Charge(TypedDict):
    """One charge of a registered card; amounts in won."""

    orderId: str
    """Yours, unique for ever. Store it before the call."""
    billingKey: str
    customerId: str
    amount: int
    taxFreeAmount: NotRequired[int]
    productName: str


@dataclass(frozen=True)
class Page:
    """Events, and the cursor to go on from once they are handled."""

    events: list[WebhookEvent]
    cursor: str


class KiwoomBilling:
    """Calls that move money answer with an `Outcome`.

    Make each with one `Idempotency-Key` for one intention, stored before the call. `timeout_secs` is for one try;
    the service may need 65. A request is sent `tries` times at most.
    """

    def __init__(
        self, base_url: str, api_key: str | None = None, *, timeout_secs: float = 65, tries: int = 5,
    ) -> None:
        self._transport = Transport(base_url, api_key, timeout_secs, tries)

    def register_card(self, card: RegisterRequest) -> BillingKeyBody:
        """A billing key for a card. Raises RequestRefused with `card_refused` for one that cannot be used."""
        return cast(BillingKeyBody, self.request("POST", "/billing/register", card))

    def charge(self, charge: Charge) -> Outcome[PayAnswer]:
        """Charges once. The order id is the `Idempotency-Key`."""
        return self._money("POST", "/billing/pay", charge, charge["orderId"])

    def charge_subscription(self, subscription_id: str, idempotency_key: str) -> Outcome[PayAnswer]:
        """Charges the period of a subscription that is due or owed."""
        return self._money("POST", "/billing/pay", {"subscriptionId": subscription_id}, idempotency_key)

    def subscribe(self, subscription: SubscribeRequest, idempotency_key: str) -> Outcome[SubscribedBody]:
        """With `chargeNow` the first period is charged."""
        return self._money("POST", "/billing/subscribe", subscription, idempotency_key)

    def change_subscription(self, id: str, change: UpdateRequest, idempotency_key: str) -> Outcome[UpdatedBody]:
        """With `"when": "now"` the difference may be charged."""
        return self._money("PATCH", f"/billing/subscription/{quote(id, safe='')}", change, idempotency_key)

    def refund(self, refund: RefundRequest, idempotency_key: str) -> Outcome[RefundAnswer]:
        """Two refunds of a payment are two intentions, each with a key of its own."""
        return self._money("POST", "/billing/refund", refund, idempotency_key)

    def cancel_order(self, cancel: OrderCancelRequest, idempotency_key: str) -> Outcome[Canceled]:
        """Gives back what was paid in the payment window, or closes an order that was not paid."""
        return self._money("POST", "/easypay/cancel", cancel, idempotency_key)

    def payments(self, **query: Any) -> Iterator[PaymentBody]:
        """Every payment that the filters take, newest first: `payments(status="unknown")`."""
        return cast(Iterator[PaymentBody], self.list("/billing/payments", **query))

    def refunds(self, **query: Any) -> Iterator[RefundBody]:
        """Every refund, newest first."""
        return cast(Iterator[RefundBody], self.list("/billing/refunds", **query))

    def subscriptions(self, **query: Any) -> Iterator[SubscriptionBody]:
        """Every subscription, newest first."""
        return cast(Iterator[SubscriptionBody], self.list("/billing/subscriptions", **query))

    def billing_keys(self, **query: Any) -> Iterator[BillingKeyBody]:
        """Every billing key, newest first."""
        return cast(Iterator[BillingKeyBody], self.list("/billing/keys", **query))

    def list(self, path: str, **query: Any) -> Iterator[Any]:
        """Every entry of any list, fetched page by page."""
        cursor = None
        while True:
            page = self.request("GET", path, **query, **({"cursor": cursor} if cursor else {}))
            yield from page["items"]
            cursor = page["nextCursor"]
            if not cursor:
                return

    def events(self, cursor: str | None = None) -> Iterator[Page]:
        """What happened since `cursor`, oldest first, until nothing is left.

        Store each page's cursor when it is handled.
        """
        while True:
            page = self.request("GET", "/events", **({"cursor": cursor} if cursor else {}))
            if not page["items"]:
                return
            cursor = page["nextCursor"]
            yield Page(page["items"], cursor)

    def request(self, method: str, path: str, body: object = None, key: str | None = None, **query: Any) -> Any:
        """`data` of any call that answers with JSON and moves no money. Raises RequestRefused when there is none.

        Raises NoAnswer for a 202: a call that moves money has a method of its own.
        """
        status, answer = self._transport.send(method, path, body, key, query)
        if status == 202:
            raise NoAnswer(f"{method} {path}: the outcome is not known")
        if not answer["success"]:
            raise RequestRefused(status, answer["error"])
        return answer["data"]

    def _money(self, method: str, path: str, body: object, key: str) -> Outcome[Any]:
        return outcome_of(lambda: self._transport.send(method, path, body, key))
