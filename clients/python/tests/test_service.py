"""The client and the example shop with a real service and the sandbox: BASE_URL, RECEIVER_PORT, SECRET."""

import json
import os
import sys
import threading
import time
import unittest
import urllib.request
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from kiwoom_billing import Charge, KiwoomBilling, RequestRefused, Succeeded, Unknown, WebhookVerificationError, verify_webhook

sys.path.append(str(Path(__file__).resolve().parent.parent / "example"))
from shop import Shop  # noqa: E402

BASE_URL, PORT, SECRET = (os.environ[name] for name in ("BASE_URL", "RECEIVER_PORT", "SECRET"))
CUSTOMER = "package-python"


def call(url: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data)) as answer:
        return json.load(answer)


def charge(name: str, billing_key: str) -> Charge:
    return {"orderId": f"{CUSTOMER}-{name}", "billingKey": billing_key, "customerId": CUSTOMER, "amount": 9900,
            "productName": "단건 결제"}


class Service(unittest.TestCase):
    billing: KiwoomBilling
    shop: ThreadingHTTPServer
    key: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.billing = KiwoomBilling(BASE_URL)
        cls.shop = Shop(cls.billing, SECRET).server(int(PORT))
        threading.Thread(target=cls.shop.serve_forever, daemon=True).start()
        cls.key = cls.register("4111111111111111")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.shop.shutdown()
        cls.shop.server_close()

    @classmethod
    def register(cls, number: str) -> str:
        return cls.billing.register_card({
            "cardNumber": number, "expireDate": "3012", "cardPassword": "12", "birthDate": "901231",
            "customerName": "홍길동", "customerId": CUSTOMER,
        })["billingKey"]

    def order(self, name: str, key: str) -> Any:
        return call(f"http://127.0.0.1:{PORT}/orders", charge(name, key))

    def test_1_an_order_is_charged_once_however_often_it_comes(self) -> None:
        first, second = self.order("1", self.key), self.billing.charge(charge("1", self.key))
        self.assertEqual(first["state"], "paid")
        assert isinstance(second, Succeeded)
        self.assertEqual(second.data["id"], first["paymentId"])
        self.assertEqual(self.order("2", self.register("4000000000000341"))["state"], "failed")

    def test_2_an_order_whose_answer_was_lost_is_checked_and_paid_when_the_event_says_so(self) -> None:
        lost = self.order("3", self.register("4000000000000119"))
        self.assertEqual(lost["state"], "checking")
        transaction = call(f"{BASE_URL}/sandbox/ledger")["transactions"][-1]["transactionId"]
        found = {"outcome": "approved", "transactionId": transaction, "reason": "가맹점 관리자에서 확인"}
        self.billing.request("POST", f"/billing/payment/{lost['paymentId']}/resolve", found)
        state = "checking"
        for _ in range(100):
            state = call(f"http://127.0.0.1:{PORT}/orders/{CUSTOMER}-3")["state"]
            if state == "paid":
                break
            time.sleep(0.2)
        self.assertEqual(state, "paid")

    def test_3_refunds_are_given_once_for_each_key(self) -> None:
        ids = []
        for key in "aab":
            made = self.billing.refund({"orderId": f"{CUSTOMER}-1", "amount": 900}, f"{CUSTOMER}-refund-{key}")
            assert isinstance(made, Succeeded) and made.data["refund"]
            ids.append(made.data["refund"]["id"])
        self.assertEqual(ids[0], ids[1])
        self.assertNotEqual(ids[0], ids[2])

    def test_4_a_subscription_whose_first_charge_is_unknown_says_so(self) -> None:
        result = self.billing.subscribe({
            "billingKey": self.register("4000000000000119"), "customerId": CUSTOMER, "planId": "lost",
            "productName": "월간 구독", "amount": 9900, "chargeNow": True,
        }, f"{CUSTOMER}-subscribe")
        assert isinstance(result, Unknown) and result.pending
        self.assertEqual(result.pending["status"], "incomplete")
        self.assertFalse(hasattr(result, "data"))

    def test_5_what_is_wrong_with_a_request_is_raised_with_its_fields(self) -> None:
        with self.assertRaises(RequestRefused) as raised:
            self.billing.charge({**charge("4", "bk_1"), "amount": 0})
        self.assertEqual([field["field"] for field in raised.exception.error["details"]], ["amount"])

    def test_6_a_list_goes_on_over_its_pages(self) -> None:
        found = [payment["id"] for payment in self.billing.payments(customerId=CUSTOMER, limit=2)]
        self.assertGreaterEqual(len(found), 4)
        self.assertEqual(len(set(found)), len(found))

    def test_7_events_are_read_up_to_the_newest_and_from_a_cursor_on(self) -> None:
        pages = list(self.billing.events())
        self.assertIn("payment.partially_refunded", [event["type"] for page in pages for event in page.events])
        later = [event for page in self.billing.events(pages[-1].cursor) for event in page.events]
        self.assertNotIn("refund", [event["object"] for event in later])

    def test_8_a_delivery_that_is_not_signed_is_refused(self) -> None:
        for signature in ("v1,AAAA", "v1", ""):
            headers = {"webhook-id": "evt_1", "webhook-timestamp": str(time.time()), "webhook-signature": signature}
            with self.assertRaises(WebhookVerificationError):
                verify_webhook(SECRET, headers, b"{}")


if __name__ == "__main__":
    unittest.main()
