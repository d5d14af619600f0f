"""The events that the service delivers."""

from collections.abc import Mapping
from typing import TypeAlias, cast

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from .types import (
    BillingKeyEvent, CustomerEvent, OrderEvent, PaymentEvent, RefundEvent, SubscriptionEvent, WebhookEndpointEvent,
)

# Told apart by `object`, then by `type`. New types may come: ignore those that you do not know.
WebhookEvent: TypeAlias = (
    BillingKeyEvent | SubscriptionEvent | PaymentEvent | OrderEvent | RefundEvent | CustomerEvent
    | WebhookEndpointEvent
)


def verify_webhook(secret: str, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
    """The event of a delivery. `body` is what came, byte for byte.

    Raises WebhookVerificationError when it is not signed with the secret, or more than five minutes old.
    """
    try:
        return cast(WebhookEvent, Webhook(secret).verify(body, dict(headers.items())))
    except ValueError as error:
        # A signature that is no list of signatures, or no Base64.
        raise WebhookVerificationError("Invalid signature headers") from error


__all__ = ["WebhookEvent", "WebhookVerificationError", "verify_webhook"]
