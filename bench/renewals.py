"""Runs what renewals.sh describes."""

import argparse
import bisect
import datetime
import json
import os
import threading
import time
import urllib.request

from client import load
from stand import Side, folder_of_its_own, gateway_of

HERE = os.path.dirname(os.path.realpath(__file__))
SUBSCRIPTION = {"customerId": "user123", "planId": "monthly", "amount": 9900, "productName": "월 구독"}


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def run(side, card, given):
    """How many were renewed by when, and how long each caller waited."""
    times, progress, started = [], [], time.monotonic()
    over = threading.Event()

    def calls():
        times.extend(load(side.port, given.callers, side.charges(card, 100), lambda: not over.is_set()).times)

    callers = threading.Thread(target=calls)
    callers.start()
    while time.monotonic() < started + given.seconds:
        done = int(side.sql("select count(*) from payments where kind = 'subscription' and state <> 'sending'"))
        progress.append((time.monotonic() - started, done))
        if done >= given.due:
            break
        time.sleep(0.5)
    over.set()
    callers.join()
    return progress, times


def paced(gateway):
    """Calls of step 2 a second between the first and the last that are kept, and the most within one."""
    with urllib.request.urlopen(f"{gateway}/calls") as answer:
        calls = json.load(answer)["calls"]
    at = sorted(datetime.datetime.fromisoformat(call["at"]).timestamp() for call in calls
                if call["step"] == "CARD-BATCH")
    most = max(bisect.bisect_left(at, first + 1) - nth for nth, first in enumerate(at))
    return (len(at) - 1) / (at[-1] - at[0]), most


def measure(name, program, port, folder, given):
    data = os.path.join(folder, name, "data")
    os.makedirs(data, exist_ok=True)
    gateway, _ = gateway_of(program, port + 2, data)
    side = Side(name, program, port, gateway, folder)
    side.start(SCHEDULER_ENABLED="false")
    card = side.register()
    side.ask("/billing/subscribe", {**SUBSCRIPTION, "billingKey": card})
    side.stop()
    with open(f"{HERE}/subscriptions.sql", encoding="utf-8") as copies:
        side.sql(copies.read().replace(":copies", str(given.due - 1)))
    post(f"{gateway}/clock", {"advanceDays": 32})
    if given.latency_ms:
        for _ in range(9):
            post(f"{gateway}/faults", {"on": "CARD-BATCH", "kind": "delay_after", "times": 1000,
                                       "delayMs": given.latency_ms})
    for nth in range(given.processes):
        side.start(port + 3 + nth if nth else port, KIWOOM_RATE_PER_SEC=str(given.rate),
                   SCHEDULER_INTERVAL_SECS="1")
    before = side.cpu()
    progress, times = run(side, card, given)
    took, done = progress[-1]
    service, postgres = (now - then for now, then in zip(side.cpu(), before))
    charges = done + len(times)
    rate, most = paced(gateway)
    print(f"{name:<7} {done} of {given.due} renewed in {took:.1f} s: {done / took:.1f}/s, CPU ms a charge: service"
          f" {service / charges * 1000:.2f}, PostgreSQL {postgres / charges * 1000:.2f} (of one core"
          f" {postgres / took:.0%}); step 2 {rate:.2f}/s, at most {most} within a second")
    if times:
        times.sort()
        print(f"        callers: {len(times) / took:.1f}/s, p50 {times[len(times) // 2] * 1000:.0f} ms,"
              f" p99 {times[int(len(times) * 0.99)] * 1000:.0f} ms")
    side.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--due", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--rate", type=int, default=0)
    parser.add_argument("--latency-ms", type=int, default=0)
    parser.add_argument("--callers", type=int, default=0)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--port", type=int, default=3961)
    parser.add_argument("program")
    parser.add_argument("before", nargs="?")
    given = parser.parse_args()
    folder = folder_of_its_own()
    if given.before:
        measure("BEFORE", given.before, given.port + 10, folder, given)
    measure("AFTER", given.program, given.port, folder, given)


main()
