"""A client of kiwoom-billing."""

from . import types
from .client import Charge, KiwoomBilling, Page
from .errors import NoAnswer, RequestRefused
from .outcome import Declined, NotSent, Outcome, Succeeded, Unknown
from .webhook import WebhookEvent, WebhookVerificationError, verify_webhook

__all__ = [
    "Charge", "Declined", "KiwoomBilling", "NoAnswer", "NotSent", "Outcome", "Page", "RequestRefused", "Succeeded",
    "Unknown", "WebhookEvent", "WebhookVerificationError", "types", "verify_webhook",
]
