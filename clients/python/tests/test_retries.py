"""What is sent again, and what is not, against a server that answers as it is told."""

import json
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from kiwoom_billing import Charge, Declined, KiwoomBilling, NoAnswer, NotSent, RequestRefused, Succeeded, Unknown

CHARGE: Charge = {"orderId": "order-1", "billingKey": "bk_1", "customerId": "c", "amount": 9900, "productName": "단건 결제"}


def done(status: str) -> dict[str, Any]:
    return {"success": True, "data": {"id": "pay_1", "status": status}}


def refusal(code: str) -> dict[str, Any]:
    return {"success": False, "error": {"code": code, "message": code, "requestId": "r"}}


class Server(BaseHTTPRequestHandler):
    """Answers in order; None cuts the connection."""

    script: list[tuple[int, Any, str | None] | None] = []
    seen: list[tuple[str | None, bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.headers["Idempotency-Key"], body))
        answer = self.script.pop(0)
        if answer is None:
            return
        self.send_response(answer[0])
        if answer[2]:
            self.send_header("Retry-After", answer[2])
        self.end_headers()
        self.wfile.write(answer[1] if isinstance(answer[1], bytes) else json.dumps(answer[1]).encode())

    def log_message(self, *arguments: object) -> None:
        pass


class Retries(unittest.TestCase):
    server: HTTPServer
    address: str
    billing: KiwoomBilling

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = HTTPServer(("127.0.0.1", 0), Server)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.address = f"http://127.0.0.1:{cls.server.server_port}"
        cls.billing = KiwoomBilling(cls.address)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.shutdown()
        cls.server.server_close()

    def play(self, *answers: tuple[int, Any, str | None] | None) -> None:
        Server.script[:] = answers
        Server.seen.clear()

    def test_no_clear_answer_is_asked_for_again_with_the_same_key_and_body(self) -> None:
        self.play(None, (502, b"<html>Bad Gateway</html>", None), (409, refusal("request_in_progress"), "0"),
                  (503, refusal("database_unavailable"), "0"), (200, done("approved"), None))
        self.assertIsInstance(self.billing.charge(CHARGE), Succeeded)
        self.assertEqual(len(Server.seen), 5)
        self.assertEqual({key for key, _ in Server.seen}, {"order-1"})
        self.assertEqual(len({body for _, body in Server.seen}), 1)

    def test_what_the_service_has_decided_is_not_asked_for_again(self) -> None:
        decided: list[tuple[int, Any, type]] = [
            (202, done("unknown"), Unknown), (402, refusal("payment_declined"), Declined),
            (502, refusal("gateway_unavailable"), NotSent), (502, refusal("merchant_setting"), NotSent),
            (409, refusal("refund_not_allowed"), Declined),
        ]
        for status, answer, kind in decided:
            self.play((status, answer, None))
            self.assertIsInstance(self.billing.charge(CHARGE), kind)
            self.assertEqual(len(Server.seen), 1)
        self.play((409, refusal("order_exists"), None))
        with self.assertRaises(RequestRefused):
            self.billing.charge(CHARGE)
        self.assertEqual(len(Server.seen), 1)

    def test_a_wait_of_more_than_half_a_minute_is_left_to_the_caller(self) -> None:
        self.play((429, refusal("rate_limited"), "3600"))
        self.assertEqual(self.billing.charge(CHARGE), Unknown(None))
        self.assertEqual(len(Server.seen), 1)

    def test_a_charge_without_any_answer_is_unknown(self) -> None:
        hasty = KiwoomBilling(self.address, tries=2)
        self.play(None, (500, refusal("internal_error"), None))
        self.assertEqual(hasty.charge(CHARGE), Unknown(None))
        self.play(None, None)
        with self.assertRaises(NoAnswer):
            hasty.request("POST", "/billing/register", {})
        self.assertEqual(len({key for key, _ in Server.seen}), 1, "one key for both tries")

    def test_a_202_of_a_call_that_has_no_outcome_is_not_taken_for_an_answer(self) -> None:
        self.play((202, done("unknown"), None))
        with self.assertRaises(NoAnswer):
            self.billing.request("POST", "/billing/pay", CHARGE)


if __name__ == "__main__":
    unittest.main()
