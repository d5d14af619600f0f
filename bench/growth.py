"""Runs what growth.sh describes."""

import datetime
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

from stand import CARD, answers, spawn, stop, until

HERE = os.path.dirname(os.path.realpath(__file__))
ASKED = json.load(open(f"{HERE}/growth.json"))
PORT = int(os.environ.get("PORT", "3961"))
ROUNDS = 15
AGAIN = 3
RATIO, MILLIS = 2, 5
ENDPOINT = "00000000-0000-7000-8000-000000000000"
# As src/events/queue.rs, src/events/notices.rs, src/events/publish.rs and src/payments/cancellation/missed.rs
# send them; taken back.
STATEMENTS = {
    "claim of due deliveries": open(f"{HERE}/claim.sql").read().partition("explain (analyze, format json)")[2]
    .partition("rollback")[0],
    "claim of due subscriptions": """
        select id from subscriptions where next_attempt_at <= now() and (leased_until is null or leased_until < now())
        order by next_attempt_at limit 4 for update skip locked;""",
    "events to deliver": f"""
        select id, type, stream, position from events
        where position > (select position - 100 from webhook_endpoints where id = '{ENDPOINT}')
            and position <= (select coalesce(max(position), 0) from event_data) order by position limit 500;""",
    "events to publish": """
        select * from events where position > (select coalesce(max(position), 0) from event_data)
            and position <= pg_sequence_last_value('event_positions') order by position limit 200;""",
    "notice: renewal": """
        select id from subscriptions
        where status = 'active' and not cancel_at_period_end and next_charge_amount > 0
            and renewal_noticed is distinct from next_billing_date
            and not exists (select from billing_keys where id = billing_key_id and billing_keys.inactive_at is not null)
            and next_billing_date <= current_date + 7
        order by next_billing_date limit 500 for update skip locked;""",
    "notice: next renewal": """
        select next_billing_date from subscriptions
        where status = 'active' and not cancel_at_period_end and next_charge_amount > 0
            and renewal_noticed is distinct from next_billing_date
            and not exists (select from billing_keys where id = billing_key_id and billing_keys.inactive_at is not null)
        order by next_billing_date limit 1;""",
    "notice: price rise": """
        select min(rise_on) from subscriptions s
        where rise_on is not null and status in ('active', 'past_due') and not cancel_at_period_end
            and rise_on is distinct from trial_end and not exists (select from events
                where notice = 'price_rise ' || s.id || ' ' || s.rise_on || ' ' || s.rise_amount);""",
    "notice: card": """
        select id from billing_keys
        where status = 'active' and inactive_at is null and not expiry_noticed and exists (select from subscriptions
                where billing_key_id = billing_keys.id and subscriptions.status not in ('incomplete', 'canceled'))
            and card_expires between current_date and current_date + 30
        limit 500 for update skip locked;""",
    "cancellations that missed their payment": """
        select distinct p.id from notifications n join payments p on p.transaction_id = n.transaction_id
        where n.verdict = 'waiting' and n.kind = 'cancellation' and n.last_at < now() - interval '1 minute'
            and (n.order_no is null or n.order_no = split_part(p.order_no, '#', 1)) and p.state = 'approved';""",
}
CONSOLE = ["/console", "/console?days=365", "/console/payments", "/console/payments?q=ORDER-4",
           "/console/payments?card=0001", "/console/refunds", "/console/notifications",
           "/console/subscriptions", "/console/customers", "/console/customers/customer77", "/console/cards",
           "/console/books", "/console/books/movements", "/console/events", "/console/audit",
           "/console/audit?actor=nobody", "/console/reconciliation", "/console/status"]


class Books:
    """A database of its own with so many payments, and a service on it."""

    def __init__(self, url, program, payments, port, folder):
        parts = urllib.parse.urlsplit(url)
        self.url = parts._replace(path=f"/growth_{payments}").geturl()
        self.payments, self.port, self.connection = payments, port, None
        is_there = psql(url, f"select count(*) from pg_database where datname = 'growth_{payments}'")
        if is_there == "0":
            psql(url, f"create database growth_{payments}")
        self.env = {"PATH": os.environ["PATH"], "DATABASE_URL": self.url, "PORT": str(port), "RUST_LOG": "warn",
                    "DATA_DIR": os.path.join(folder, str(payments)), "SCHEDULER_INTERVAL_SECS": "3600",
                    "BILLING_KEY_SECRET": "5a" * 32}
        self.program, self.folder = os.path.realpath(program), folder
        self.start()
        if psql(self.url, "select count(*) from payments") == "0":
            self.fill()
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def start(self):
        self.service = spawn([self.program], self.env, os.path.join(self.folder, "service.log"))
        address = f"http://127.0.0.1:{self.port}/health/ready"
        until(self.url, lambda: self.service.poll() is not None or answers(address), seconds=600)
        if self.service.poll() is not None:
            raise SystemExit(open(os.path.join(self.folder, "service.log")).read())

    def fill(self):
        """Some subscriptions are made by the service; they are what the others are copies of."""
        card = self.post("/billing/register", {**CARD, "customerId": "user1"})["billingKey"]
        for plan in range(10):
            made = self.post("/billing/subscribe", {
                "billingKey": card, "customerId": "user1", "planId": f"plan{plan}", "amount": 9900,
                "productName": "bench", "cycleDay": 1 + plan % 28, "chargeNow": plan % 2 == 0})
            if plan == 9:
                self.post("/billing/cancel", {"subscriptionId": made["id"]})
            if plan == 8:
                self.post(f"/billing/subscription/{made['id']}/pause", {})
        stop(self.service)
        started = time.monotonic()
        empty = size(self.url)
        psql(self.url, f"\\set payments {self.payments}\n\\set subscriptions {self.payments // 10}\n"
             + open(f"{HERE}/growth.sql").read())
        print(f"{self.payments} payments filled in {time.monotonic() - started:.0f} s: "
              f"{(size(self.url) - empty) / self.payments:.0f} bytes on the disk for each, with all that belongs to it")
        psql(self.url, "vacuum analyze")
        self.start()

    def post(self, path, body):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        return json.load(urllib.request.urlopen(request))["data"]

    def get(self, path):
        """The answer, and how many milliseconds it took."""
        started = time.monotonic()
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status not in (200, 404):
            raise SystemExit(f"{path}: {answer.status} {body[:300].decode(errors='replace')}")
        return body, (time.monotonic() - started) * 1000

    def take(self, what):
        """Milliseconds that a request, or a statement of the service, takes."""
        if what.startswith("/"):
            return self.get(what)[1]
        plan = psql(self.url, f"begin; explain (analyze, format json) {STATEMENTS[what]} rollback")
        return json.loads(plan)[0]["Execution Time"]

    def memory(self, name):
        """Of the service, in MB."""
        with open(f"/proc/{self.service.pid}/status") as status:
            return int(re.search(name + r":\s+(\d+)", status.read())[1]) // 1024

    def csv(self, path):
        before, started = self.memory("VmRSS"), time.monotonic()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as answer:
            lines = sum(chunk.count(b"\n") for chunk in iter(lambda: answer.read(1 << 16), b""))
        return lines - 1, time.monotonic() - started, before, self.memory("VmHWM")


def psql(url, text):
    done = subprocess.run(["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", url], input=text, check=True,
                          stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def size(url):
    return int(psql(url, "select pg_database_size(current_database())"))


def dated(text):
    """With {N} as the date N days from today."""
    def day(found):
        return str(datetime.date.today() + datetime.timedelta(int(found[1])))
    return re.sub(r"\{(-?\d+)\}", day, text)


def values(description, path, parameter):
    schema = parameter.get("schema", {})
    if "$ref" in schema:
        schema = description["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    asked, name = ASKED["filters"], parameter["name"]
    return asked.get(f"{path}?{name}") or schema.get("enum") or asked.get(name)


def requests(books):
    """Every GET of the description, with each of its filters."""
    description = json.loads(books.get("/openapi.json")[0])
    found, missing = [], []
    for path, operations in description["paths"].items():
        if "get" not in operations or path in ASKED["left_out"]:
            continue
        if "{" in path:
            found += ASKED["paths"].get(path, [])
            missing += [path] * (path not in ASKED["paths"])
            continue
        always = ASKED["required"].get(path, "")
        found.append("?".join(part for part in (path, always) if part))
        for parameter in operations["get"].get("parameters", []):
            name = parameter["name"]
            if name in ("limit", "cursor"):
                continue
            asked = values(description, path, parameter)
            missing += [f"{path}?{name}"] * (asked is None)
            kept = [pair for pair in always.split("&") if pair and not pair.startswith(name + "=")]
            found += [f"{path}?{'&'.join([f'{name}={value}', *kept])}" for value in asked or []]
    if missing:
        raise SystemExit(f"growth.json does not say what to ask these with: {missing}")
    return list(dict.fromkeys(dated(path) for path in found + ASKED["besides"] + CONSOLE))


def measured(small, large, what):
    """p50 of each in milliseconds, asked in turns. What takes long is asked fewer times."""
    took = ([], [])
    for books, times in zip((small, large), took):
        books.take(what)
    for _ in range(ROUNDS):
        for books, times in zip((small, large), took):
            times.append(books.take(what))
        if sum(map(sum, took)) > 4000:
            break
    return tuple(statistics.median(times) for times in took)


def has_grown(small, large):
    return large > RATIO * small and large - small >= MILLIS


def main():
    program, payments, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        url = os.environ["DATABASE_URL"]
        small = Books(url, program, payments // times, PORT, folder)
        large = Books(url, program, payments, PORT + 1, folder)
        grown = []
        print(f"load average {os.getloadavg()[0]:.1f}; p50 of {ROUNDS} in ms: {small.payments} payments, "
              f"{large.payments}, and their ratio")
        for what in requests(small) + list(STATEMENTS):
            one, other = measured(small, large, what)
            # Noise does not come each time.
            for _ in range(AGAIN - 1):
                if has_grown(one, other):
                    one, other = measured(small, large, what)
            counts = what.split("?")[0] in ASKED["counts_subscriptions"]
            is_grown = has_grown(one, other) and not counts
            note = "GROWS " if is_grown else "counts all subscriptions: " if counts else ""
            print(f"{one:9.1f} {other:9.1f} {other / one:7.1f}  {note}{what}", flush=True)
            grown += [what] * is_grown
        for path in ("/billing/payments.csv?source=all", "/billing/movements.csv"):
            lines, seconds, before, peak = large.csv(path)
            print(f"{path}: {lines} rows in {seconds:.1f} s; memory {before} MB before, {peak} MB at most")
        print(f"{len(grown)} grow", *grown, sep="\n  ")
        stop(small.service)
        stop(large.service)
    return bool(grown)


if __name__ == "__main__":
    sys.exit(main())
