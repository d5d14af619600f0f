"""Gives the service something to be asked about, and writes its ids as dictionaries.

    prepare.py BASE_URL API_KEY FOLDER
"""

import json
import sys
import time
import urllib.error
import urllib.request

BASE, KEY, FOLDER = sys.argv[1:]
CUSTOMER = "user123"
CARD = {
    "cardNumber": "4111111111111111",
    "expireDate": "3012",
    "cardPassword": "12",
    "birthDate": "901231",
    "customerName": "홍길동",
    "customerId": CUSTOMER,
}


def call(method, path, body=None):
    """The status and the JSON of an answer."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(BASE + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def made(status, path, body):
    """The data of an answer that has to have this status."""
    got, answer = call("POST", path, body)
    if got != status:
        sys.exit(f"{path}: {got} in place of {status}: {answer}")
    return answer.get("data", answer)


def subscribe(key, plan, **more):
    body = {"billingKey": key, "customerId": CUSTOMER, "planId": plan, "amount": 9900}
    return made(201, "/billing/subscribe", {**body, "productName": "구독", "cycleDay": 15, **more})


def pay(key, order, status=200):
    body = {"billingKey": key, "customerId": CUSTOMER, "amount": 5000, "productName": "단건"}
    return made(status, "/billing/pay", {**body, "orderId": order})




def lost(step):
    """The gateway's next answer to this step gets lost: the outcome is unknown."""
    status, answer = call("POST", "/sandbox/faults", {"on": step, "kind": "drop_after"})
    if status >= 300:
        sys.exit(f"/sandbox/faults: {status}: {answer}")


def told():
    """The events; they are told a moment after the change."""
    for _ in range(100):
        _, events = call("GET", "/events?limit=100")
        if events["data"]["items"]:
            return events["data"]["items"]
        time.sleep(0.1)
    sys.exit("/events: nothing was told within 10 seconds")


def write(name, values):
    lines = "".join(f'"{value}"\n' for value in values)
    with open(f"{FOLDER}/{name}.dict", "w", encoding="utf-8") as file:
        file.write(lines)


def main():
    keys = [made(201, "/billing/register", CARD)["billingKey"] for _ in range(3)]
    key = keys[0]
    subscriptions = [subscribe(key, f"plan-{n}")["id"] for n in range(4)]
    subscriptions += [subscribe(key, f"paid-{n}", chargeNow=True)["id"] for n in range(3)]
    rising = subscriptions[0]
    call("PATCH", f"/billing/subscription/{rising}", {"amount": 12000})
    payments = [pay(key, f"ORDER-{n}") for n in range(4)]
    refunds = [
        made(200, "/billing/refund", {"paymentId": payment["id"], "amount": 100})["refund"]["id"]
        for payment in payments[:2]
    ]
    lost("CARD-BATCH")
    payments.append(pay(key, "ORDER-LOST", 202))
    lost("CANCEL")
    unknown = made(202, "/billing/refund", {"orderId": "ORDER-3", "amount": 100})
    refunds.append(unknown["refund"]["id"])
    orders = [f"WINDOW-{n}" for n in range(3)]
    for order in orders:
        body = {"orderId": order, "amount": 3000, "productName": "상품", "customerName": "홍길동"}
        made(200, "/easypay/prepare", body)
    _, paid = call("GET", "/billing/payments?limit=100")
    write("keys", keys)
    write("subscriptions", subscriptions)
    write("payments", [payment["id"] for payment in paid["data"]["items"]] + ["ORDER-1"])
    write("refunds", refunds)
    write("orders", orders)
    write("events", [event["id"] for event in told()[:10]])


main()
