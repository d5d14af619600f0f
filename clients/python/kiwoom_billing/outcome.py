"""What became of a call that moves money: a class for each, so that none is taken for another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from .errors import NoAnswer, RequestRefused
from .types import ErrorContent

Data = TypeVar("Data")


@dataclass(frozen=True)
class Succeeded(Generic[Data]):
    """The money moved."""

    data: Data


@dataclass(frozen=True)
class Declined:
    """The card, or KiwoomPay, said no. Another attempt is a new order."""

    error: ErrorContent


@dataclass(frozen=True)
class NotSent:
    """Nothing was charged or refunded. Try later, a charge as a new order."""

    error: ErrorContent


@dataclass(frozen=True)
class Unknown(Generic[Data]):
    """The money may have moved.

    Never charge again: wait for the event, or make the same call with the same key, which answers with what it
    became. `pending` is None when no answer came at all.
    """

    pending: Data | None


Outcome: TypeAlias = Succeeded[Data] | Declined | NotSent | Unknown[Data]

DECLINED = ("payment_declined", "refund_not_allowed")
NOT_SENT = ("gateway_unavailable", "merchant_setting", "charging_paused")
# Still so after every try: an earlier one may have done something.
NOT_CLEAR = ("request_in_progress", "rate_limited", "database_unavailable", "shutting_down")


def outcome_of(call: Callable[[], tuple[int, Any]]) -> Outcome[Any]:
    """Raises RequestRefused for a request that has to be corrected."""
    try:
        status, answer = call()
    except NoAnswer:
        return Unknown(None)
    if answer["success"]:
        return Unknown(answer["data"]) if status == 202 else Succeeded(answer["data"])
    error: ErrorContent = answer["error"]
    if error["code"] in DECLINED:
        return Declined(error)
    if error["code"] in NOT_SENT:
        return NotSent(error)
    if error["code"] in NOT_CLEAR:
        return Unknown(None)
    raise RequestRefused(status, error)
