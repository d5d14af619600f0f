"""A client of HTTP/1.1 that costs little beside what it measures: one thread, one epoll, kept connections."""

import select
import socket
import statistics
import time
from collections import deque


def request(method, path, key, body=b"", *headers):
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"X-API-Key: {key}", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection:
    """One connection, with at most one request under way."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received, self.since = b"", 0.0

    def send(self, data, since):
        self.received, self.since = b"", since
        self.socket.sendall(data)

    def receive(self):
        """Whether the answer is there. One that is not 200 ends the bench."""
        data = self.socket.recv(262144)
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        if end and len(body) >= int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0]):
            if not head.startswith(b"HTTP/1.1 200 "):
                raise SystemExit(self.received.decode())
            return True
        if not data:
            raise SystemExit(f"the connection was closed after {self.received!r}")
        return False


class Load:
    """What some requests took: `times` of each in seconds, in order, and `took` for all."""

    def __init__(self, times, took):
        self.times, self.took = times, took

    @property
    def rate(self):
        return len(self.times) / self.took

    def milliseconds(self, percent):
        return statistics.quantiles(self.times, n=100)[percent - 1] * 1000


def load(port, callers, requests, goes_on=lambda: True, rate=None):
    """Sends requests over as many connections as there are callers, until there are no more or `goes_on` says
    no. With a rate, so many begin each second, and the time of one counts from when it was due."""
    connections = {c.socket.fileno(): c for c in (Connection(port) for _ in range(callers))}
    epoll = select.epoll()
    for number in connections:
        epoll.register(number, select.EPOLLIN)
    requests, free, times = iter(requests), deque(connections.values()), []
    started = time.monotonic()
    begun, more = 0, callers > 0
    while more or len(free) < callers:
        while more and free:
            now = time.monotonic()
            due = started + begun / rate if rate else now
            if due > now:
                break
            data = next(requests, None) if goes_on() else None
            if data is None:
                more = False
                break
            free.popleft().send(data, due)
            begun += 1
        if not more and len(free) == callers:
            break
        for number, _ in epoll.poll(max(due - now, 0) if rate and more and free else 1):
            connection = connections[number]
            if connection.receive():
                times.append(time.monotonic() - connection.since)
                free.append(connection)
    took = time.monotonic() - started
    epoll.close()
    for connection in connections.values():
        connection.socket.close()
    return Load(times, took)
