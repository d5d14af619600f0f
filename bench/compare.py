"""Runs what compare.sh describes."""

import argparse
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from charging import COUNT_NAMES, SPEED_NAMES, Charging
from client import load, request
from floor import Floor
from peer import Peer, installed
from stand import folder_of_its_own, gateway_of, postgres_programs, table, tree

HERE = os.path.dirname(os.path.realpath(__file__))
FIXED_RATE = 120
TRACED = 300
NOTICES = 800
CALLERS = 8
IDLE = 10


def rss(side):
    """MiB of memory of its process."""
    with open(f"/proc/{side.services[0].pid}/status", encoding="utf-8") as status:
        kib = next(line for line in status if line.startswith("VmRSS")).split()[1]
    return int(kib) / 1024


class Comparison:
    """The sides, and the figures so far: values by side, in the order in which they were measured."""

    def __init__(self, given, folder):
        self.given, self.figures, self.most = given, {}, {}
        self.gateway_url, self.gateway = gateway_of(given.program, given.port, os.path.join(folder, "gateway"))
        self.sides = [Charging("ours", given.program, given.port + 2, self.gateway_url, folder)]
        if given.before:
            self.sides.append(Charging("before", given.before, given.port + 4, self.gateway_url, folder))
        if shutil.which("npm"):
            peers = installed(folder)
            for nth, name in enumerate(("express", "fastify")):
                program = os.path.join(peers, f"{name}.js")
                self.sides.append(Peer(name, program, given.port + 6 + 2 * nth, self.gateway_url, folder))
        self.floor = Floor("floor", given.port + 10, folder)

    def note(self, side, name, value):
        self.figures.setdefault(name, {}).setdefault(side.name, []).append(value)

    def rounds(self):
        """Every side in each round, each round beginning with another one."""
        for nth in range(self.given.rounds):
            at = nth % len(self.sides)
            yield from self.sides[at:] + self.sides[:at]
            yield self.floor

    def start(self):
        """Start to ready, and what a service takes that nobody calls."""
        for side in self.rounds():
            if side is not self.floor:
                side.stop()
                self.note(side, "start to ready, ms", side.start() * 1000)
        time.sleep(IDLE / 2)
        before = [side.cpu() for side in self.sides]
        time.sleep(IDLE)
        for side, then in zip(self.sides, before):
            service, postgres = (now - was for now, was in zip(side.cpu(), then))
            self.note(side, f"idle {IDLE} s: service, % of a core", service / IDLE * 100)
            self.note(side, f"idle {IDLE} s: PostgreSQL, % of a core", postgres / IDLE * 100)
            self.note(side, "memory idle, MiB", rss(side))

    def counts(self):
        """Counted with one caller."""
        for side in self.sides:
            counts, _ = side.counts()
            for name, value in zip(COUNT_NAMES, counts):
                self.note(side, f"a charge: {name}", value)

    def calls(self):
        """System calls, counted by strace."""
        for side in self.sides:
            count = traced(side) if shutil.which("strace") else None
            if count is not None:
                self.note(side, "a charge: system calls", count)
        self.figures.setdefault("a charge: system calls", {})

    def spent(self, before, side, what, count, seconds):
        """CPU of the client and of the gateway since `before`, and the most that they took of a core."""
        for name, now, then in zip(("client", "gateway"), (time.process_time(), tree(self.gateway.pid)), before):
            self.note(side, f"{what}: CPU ms: {name}", (now - then) / count * 1000)
            self.most[name] = max(self.most.get(name, 0), (now - then) / seconds)

    def charges(self, callers, rate=None):
        what = f"{rate} a second" if rate else f"{callers} callers"
        for side in self.rounds():
            if side is self.floor:
                if not rate:
                    speed, postgres = side.measured(callers, self.given.seconds)
                    self.note(side, f"{what}: {SPEED_NAMES[0]}", speed)
                    self.note(side, f"{what}: {SPEED_NAMES[4]}", postgres)
                continue
            side.charge(callers, seconds=1, rate=rate)
            before = time.process_time(), tree(self.gateway.pid)
            measured = side.measured(callers, self.given.seconds, rate)
            for name, value in zip(SPEED_NAMES, measured):
                self.note(side, f"{what}: {name}", value)
            self.spent(before, side, what, measured[0] * self.given.seconds, self.given.seconds)
            if callers == 32 and not rate:
                self.note(side, "memory after 32 callers, MiB", rss(side))

    def charge(self):
        """As many charges as 8 and 32 callers get done."""
        self.charges(8)
        self.charges(32)

    def rate(self):
        """The same number of charges each second."""
        self.charges(32, FIXED_RATE)

    def reads(self):
        """One payment, and a page of 50 after a cursor."""
        for side in self.sides:
            side.charge(CALLERS, count=200)
        for side in self.rounds():
            if side is self.floor:
                continue
            page = json.loads(side.ask("/billing/payments?limit=50"))["data"]
            ones = [f"/billing/payment/{item['id']}" for item in page["items"]]
            pages = [f"/billing/payments?limit=50&cursor={page['nextCursor']}"]
            for name, paths in (("GET one payment", ones), ("GET 50 payments", pages)):
                requests = itertools.cycle([request("GET", path, side.key) for path in paths])
                end = time.monotonic() + self.given.seconds / 2
                self.told(side, name, requests, lambda: time.monotonic() < end)

    def told(self, side, name, requests, goes_on=lambda: True):
        before = side.cpu()
        done = load(side.port, CALLERS, requests, goes_on)
        service, postgres = (now - then for now, then in zip(side.cpu(), before))
        self.note(side, f"{name}: a second", done.rate)
        self.note(side, f"{name}: CPU ms: service", service / len(done.times) * 1000)
        self.note(side, f"{name}: CPU ms: PostgreSQL", postgres / len(done.times) * 1000)

    def notices(self):
        """Notifications of charges that were approved, and the same once more."""
        for side in self.rounds():
            if side is self.floor:
                continue
            side.charge(CALLERS, count=NOTICES)
            rows = side.sql("select order_no, transaction_id from payments where state = 'approved' and transaction_id"
                            f" is not null order by id desc limit {NOTICES}").splitlines()
            paths = ["/webhook/kiwoom?PAYMETHOD=CARD-BATCH&CPID=CTSANDBOX&DAOUTRX={1}&ORDERNO={0}&AMOUNT=9900"
                     "&SETTDATE=20260205120000".format(*row.split()) for row in rows]
            for name in ("notification, first", "notification, again"):
                self.told(side, name, [request("GET", path, side.key) for path in paths])
            kept = int(side.sql("select count(*) from notifications where copies = 2"))
            if kept != len(self.figures["notification, first: a second"][side.name]) * NOTICES:
                raise SystemExit(f"{side.name}: {kept} notifications are kept as sent twice")


def traced(side):
    """System calls a charge, or `None` where strace may not look."""
    with tempfile.NamedTemporaryFile("r") as summary:
        tracer = subprocess.Popen(["strace", "-f", "-c", "-o", summary.name, "-p", str(side.services[0].pid)],
                                  stderr=subprocess.DEVNULL)
        time.sleep(1)
        side.charge(CALLERS, count=TRACED)
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        total = [line.split() for line in summary if line.rstrip().endswith("total")]
    return int(total[0][3]) / TRACED if total else None


PARTS = {"start": Comparison.start, "counts": Comparison.counts, "calls": Comparison.calls, "charge": Comparison.charge,
         "rate": Comparison.rate, "reads": Comparison.reads, "notices": Comparison.notices}


def version(*command):
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")[0].strip()
    except (OSError, subprocess.CalledProcessError):
        return f"no {command[0]}"


def pinned(*names):
    """The versions of packages in package-lock.json."""
    with open(os.path.join(HERE, "peers", "package-lock.json"), encoding="utf-8") as lock:
        packages = json.load(lock)["packages"]
    return ", ".join(f"{name} {packages[f'node_modules/{name}']['version']}" for name in names)


def head(given, comparison, loads, seconds):
    """What was measured, and what took part in it besides."""
    postgres = version(f"{postgres_programs()}/postgres", "--version")
    print(f"ours: {version(given.program, '--version')}; {postgres}, fsync on")
    print(f"peers: Node {version('node', '--version')}, {pinned('express', 'fastify', 'pg', 'pino', 'undici')}")
    print(f"{os.cpu_count()} cores, load average {loads[0]:.1f} before and {loads[1]:.1f} after; {given.rounds} rounds,"
          f" {given.seconds} s each, in turn; {seconds:.0f} s in all")
    for name, most in comparison.most.items():
        print(f"the {name} took at most {most:.0%} of a core")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--parts", default=",".join(PARTS), help="some of " + ",".join(PARTS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--port", type=int, default=3981)
    parser.add_argument("program")
    parser.add_argument("before", nargs="?")
    given = parser.parse_args()
    parts = given.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}")
    started, load_before = time.monotonic(), os.getloadavg()[0]
    comparison = Comparison(given, folder_of_its_own())
    for name in parts:
        print(f"{time.monotonic() - started:4.0f} s: {name}", file=sys.stderr, flush=True)
        PARTS[name](comparison)
    head(given, comparison, (load_before, os.getloadavg()[0]), time.monotonic() - started)
    sides = [side.name for side in [*comparison.sides, comparison.floor]]
    table("median (lowest..highest round); ours:other is the ratio of the medians; - was not measured",
          comparison.figures.items(), sides)


main()
