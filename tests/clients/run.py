"""A backend's day, with the client that openapi-python-client writes.

    run.py BASE_URL RECEIVER_PORT SECRET
"""

import json
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

from python_client import Client
from python_client.api.billing import (
    create_payment, create_subscription, get_subscription, list_payments, refund_payment, register_billing_key,
)
from python_client.api.events import list_events
from python_client.models import PayRequest, RefundRequest, RegisterRequest, SubscribeRequest
from python_client.models.pay_status import PayStatus
from python_client.models.payment_status import PaymentStatus
from python_client.models.subscription_status import SubscriptionStatus
from standardwebhooks.webhooks import Webhook

BASE, PORT, SECRET = sys.argv[1:]
CUSTOMER = "client-python"
api = Client(base_url=BASE)
delivered = {}


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        event = Webhook(SECRET).verify(body, dict(self.headers.items()))
        delivered[event["id"]] = event
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments):
        pass


def expect(status, reply):
    """What was answered, when it has this status."""
    assert reply.status_code == status, f"{reply.status_code} in place of {status}: {reply.content}"
    return reply.parsed


def until(look, what):
    """Waits at most 30 seconds."""
    for _ in range(150):
        found = look()
        if found:
            return found
        time.sleep(0.2)
    sys.exit(f"never: {what}")


def register(number):
    card = RegisterRequest(card_number=number, expire_date="3012", card_password="12", birth_date="901231",
                           customer_name="홍길동", customer_id=CUSTOMER)
    return expect(201, register_billing_key.sync_detailed(client=api, body=card)).data.billing_key


def pay(key, order, amount=9900):
    body = PayRequest(billing_key=key, customer_id=CUSTOMER, amount=amount, product_name="단건 결제",
                      order_id=f"{CUSTOMER}-{order}")
    return create_payment.sync_detailed(client=api, body=body, idempotency_key=f"{CUSTOMER}-{order}")


def subscribe(key, plan, **more):
    body = SubscribeRequest(billing_key=key, customer_id=CUSTOMER, plan_id=plan, amount=9900,
                            product_name="월간 구독", **more)
    return create_subscription.sync_detailed(client=api, body=body)


def advance(days):
    body = json.dumps({"advanceDays": days}).encode()
    request = urllib.request.Request(f"{BASE}/sandbox/clock", body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request).read()


def pages():
    """Every payment of the customer, two at a time."""
    cursor = None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = expect(200, list_payments.sync_detailed(client=api, customer_id=CUSTOMER, limit=2, **more)).data
        yield from page.items
        cursor = page.next_cursor
        if not cursor:
            return


def main():
    receiver = HTTPServer(("127.0.0.1", int(PORT)), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()

    key = register("4111111111111111")
    paid = expect(200, pay(key, "1")).data
    assert (paid.status, paid.amount) == (PayStatus.APPROVED, 9900)
    assert expect(200, pay(key, "1")).data.id == paid.id, "the same key is the same payment"
    made = expect(201, subscribe(key, "now", charge_now=True)).data
    assert (made.status, made.coverage.value) == (SubscriptionStatus.ACTIVE, "paid")

    # Its first charge is declined by the schedule, and made by the caller.
    late = expect(201, subscribe(register("4000000000009995"), "late")).data
    advance(1)
    until(lambda: expect(200, get_subscription.sync_detailed(late.id, client=api)).data.status
          is SubscriptionStatus.PAST_DUE, "past_due")
    owed = create_payment.sync_detailed(client=api, body=PayRequest(subscription_id=late.id))
    owed = expect(200, owed).data
    assert (owed.status, owed.subscription.status) == (PayStatus.APPROVED, SubscriptionStatus.ACTIVE)

    assert expect(402, pay(register("4000000000000341"), "2")).error.code == "payment_declined"
    lost = register("4000000000000119")
    assert expect(202, pay(lost, "3")).data.status is PayStatus.UNKNOWN
    begun = expect(202, subscribe(lost, "lost", charge_now=True)).data
    assert begun.status is SubscriptionStatus.INCOMPLETE and begun.payment.status is PaymentStatus.UNKNOWN
    wrong = expect(400, pay(key, "a*b", amount=0)).error
    assert sorted(detail.field for detail in wrong.details) == ["amount", "orderId"]

    listed = [payment.id for payment in pages()]
    assert len(listed) >= 5 and len(set(listed)) == len(listed) and paid.id in listed
    body = RefundRequest(payment_id=paid.id, amount=900)
    refund = expect(200, refund_payment.sync_detailed(client=api, body=body)).data
    assert (refund.refund.amount, refund.payment.refundable_amount) == (900, 9000)

    def refunded():
        events = expect(200, list_events.sync_detailed(client=api, object_id=paid.id)).data.items
        return next((event for event in events if event.type_ == "payment.partially_refunded"), None)

    told = until(refunded, "payment.partially_refunded")
    sent = until(lambda: delivered.get(told.id), "its delivery")
    assert (sent["type"], sent["data"]) == (told.type_, told.data.to_dict()), sent
    print(f"Python: {len(listed)} payments, {len(delivered)} deliveries verified")


main()
