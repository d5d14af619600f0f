"""What Schemathesis cannot read in the description of the API: formats of our own, and rules
between two fields or between a field and today's date, which JSON Schema cannot say.

A request that is meant to be good is made to keep to them; one that is meant to be bad is left
alone, and so is every answer.
"""

import json
from datetime import date, timedelta
from hashlib import sha256
from itertools import count

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode

DIGITS = "0123456789"


def in_cp949(text):
    try:
        return len(text.encode("cp949")) <= 50 and text.strip() != ""
    except UnicodeEncodeError:
        return False


def with_check_digit(digits):
    """Luhn: from the right, every second digit counts twice."""
    total = 0
    for n, digit in enumerate(reversed(digits)):
        twice = int(digit) * (2 if n % 2 == 0 else 1)
        total += twice - 9 if twice > 9 else twice
    return digits + str(-total % 10)


LETTERS = st.sampled_from("가나다라힣똠각 aZ09<>'\";&%-_.,/\\()ㄱㄴ漢字あア")
CARD_NUMBERS = st.text(DIGITS, min_size=12, max_size=18).map(with_check_digit)
URLS = st.builds(
    "{}://{}.example/{}".format,
    st.sampled_from(["http", "https"]),
    st.text("abcxyz019", min_size=1, max_size=20),
    st.text("abcxyz019/?&=%-_.~", max_size=40).filter(lambda path: "%" not in path),
)

schemathesis.openapi.format("cp949", st.text(LETTERS, min_size=1, max_size=50).filter(in_cp949))
schemathesis.openapi.format("card-number", CARD_NUMBERS)
schemathesis.openapi.format("uri", URLS)


# Which payment: exactly one of these names it.
ONE_OF = {
    "/billing/refund": ["paymentId", "orderId", "transactionId"],
    "/easypay/cancel": ["orderId", "transactionId"],
}


TRANSACTIONS = count(1)


def day(days):
    return (date.today() + timedelta(days=days)).isoformat()


def keep_rules_between_fields(body):
    """Puts right what cannot be said of one field alone."""
    amount, part = body.get("amount"), body.get("taxFreeAmount")
    if isinstance(amount, int) and isinstance(part, int):
        body["taxFreeAmount"] = min(part, amount)
    if isinstance(body.get("metadata"), dict):
        body["metadata"] = storable(body["metadata"])
        if len(json.dumps(body["metadata"], ensure_ascii=False).encode()) > 4096:
            body["metadata"] = {}
    if isinstance(body.get("retryDays"), list):
        body["retryDays"].sort()
    for name, moved in [("startDate", day(30)), ("endDate", day(400)), ("until", day(60))]:
        if body.get(name) is not None:
            body[name] = moved
    for first, second in [
        ("endDate", "totalCycles"),
        ("trialDays", "freeCycles"),
        ("proRata", "amount"),
    ]:
        if body.get(first) is not None:
            body.pop(second, None)
    if body.get("outcome") == "approved" and body.get("transactionId") is None:
        body["transactionId"] = "0"
    if body.get("chargeNow"):
        body.pop("trialDays", None)
        body.pop("freeCycles", None)
        body.pop("startDate", None)
    else:
        body.pop("firstPeriod", None)
    if "phases" in body:
        body.pop("phases")
        if body.get("amount") is None:
            body["phases"] = [{"cycles": 1, "amount": 100}, {"amount": 9900}]
            body.pop("taxFreeAmount", None)
            body.pop("freeCycles", None)
    # An end may not lie inside days that are free or paid by then.
    if body.get("chargeNow") or body.get("trialDays") or body.get("freeCycles") or body.get("phases"):
        body.pop("endDate", None)
    # `subscribe`: a price, and no consent, which has to be given within the 30 days before a rise.
    if "planId" in body and "productName" in body and "customerId" in body:
        body.pop("consent", None)
        if body.get("phases") is None and body.get("amount") is None:
            body["amount"] = 9900
        if body.get("phases"):
            body.pop("amount", None)
    consent = body.get("consent")
    if isinstance(consent, dict) and consent.get("consentedAt") is not None:
        consent["consentedAt"] = day(-1) + "T00:00:00Z"
    if body.get("interval") == "week" and isinstance(body.get("cycleDay"), int):
        body["cycleDay"] = body["cycleDay"] % 7 + 1
    if isinstance(body.get("intervalCount"), int):
        body["intervalCount"] = body["intervalCount"] % 5 + 1


def storable(value):
    """Metadata holds anything but U+0000, at any depth."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(name): storable(item) for name, item in value.items()}
    return value


def readable(value):
    """Text that is not blank and has no control characters, those beyond ASCII either."""
    if isinstance(value, str):
        kept = "".join("x" if c != " " and (c.isspace() or "\x7f" <= c <= "\x9f") else c for c in value)
        return kept if kept.strip() else kept + "x"
    if isinstance(value, list):
        return [readable(item) for item in value]
    if isinstance(value, dict):
        return {name: readable(item) for name, item in value.items()}
    return value


def pay_for_one_thing(body):
    """A subscription, or what a single charge needs."""
    if body.get("subscriptionId") is not None:
        for name in [name for name in body if name != "subscriptionId"]:
            body.pop(name)
        return
    for name, value in [("billingKey", "bk_none"), ("customerId", "user123"), ("amount", 9900), ("productName", "a")]:
        if body.get(name) is None:
            body[name] = value


def name_one_payment(body, names):
    given = [name for name in names if body.get(name) is not None]
    for name in given[1:]:
        body.pop(name)
    if names and not given:
        body[names[0]] = "none"


def keep_rules_of_the_window(body):
    """What the sandbox offers when no method is switched on, and what only some of it takes."""
    if body.get("method") in ("CARD", "BANK"):
        body.pop("method")
    if body.get("cashReceipt") is not None:
        body["method"] = "KAKAOPAY"
    months = body.get("installments")
    if isinstance(months, list):
        body["installments"] = [0 if n == 1 else n for n in months]
        if isinstance(body.get("amount"), int):
            body["amount"] = max(body["amount"], 50_000)


@schemathesis.hook
def filter_case(context, case):
    """`true` and `key:value` are taken beside the shapes that are described."""
    body, query = case.body, case.query or {}
    is_true = isinstance(body, dict) and body.get("proRata") is True
    return not is_true and not isinstance(query.get("metadata"), str)


@schemathesis.hook
def before_call(context, case, kwargs):
    generation = case.meta and case.meta.generation
    if not generation or generation.mode is not GenerationMode.POSITIVE:
        return
    if isinstance(case.body, dict):
        case.body = {name: value if name == "metadata" else readable(value) for name, value in case.body.items()}
        if case.operation.path == "/billing/pay":
            pay_for_one_thing(case.body)
        keep_rules_between_fields(case.body)
        if case.operation.path == "/easypay/prepare":
            keep_rules_of_the_window(case.body)
        name_one_payment(case.body, ONE_OF.get(case.operation.path, []))
        # An order that offered several methods is settled with the one that was chosen.
        if case.operation.path.endswith("/resolve") and "/easypay/" in case.operation.path:
            case.body["method"] = "KAKAOPAY"
        # A transaction settles one payment, once.
        if case.operation.path.endswith("/resolve") and case.body.get("transactionId") is not None:
            case.body["transactionId"] = f"T{next(TRANSACTIONS)}"
    # One key for many bodies would only ever be told that it was used.
    if case.headers and "Idempotency-Key" in case.headers:
        request = repr((case.method, case.formatted_path, case.body))
        case.headers["Idempotency-Key"] = sha256(request.encode()).hexdigest()
    if case.query:
        case.query = readable(case.query)
    for name, moved in [("from", day(-30)), ("to", day(1) + "T00:00:00Z")]:
        if case.query and name in case.query:
            case.query[name] = moved if "payments" in case.operation.path else moved[:10]
    if case.query and "until" in case.query:
        case.query["until"] = day(100)
    if case.query and ("used" in case.query or "total" in case.query):
        case.query.pop("asOf", None)
        case.query.update({"used": 1, "total": 3})
