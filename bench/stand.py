"""What the benches of charging share: programs with their own PostgreSQL, and what a process costs."""

import atexit
import glob
import json
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.request
import uuid

from client import request

CARD = {"cardNumber": "4111111111111111", "expireDate": "2912", "cardPassword": "12",
        "birthDate": "901231", "customerName": "홍길동", "customerId": "user123"}
TICKS = os.sysconf("SC_CLK_TCK")


def cpu(pid):
    """Seconds of CPU of a process, and of children it has waited for."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return sum(int(ticks) for ticks in fields[11:15]) / TICKS


def tree(pid):
    """The same with its living children."""
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        total = cpu(pid)
        for child in children.read().split():
            try:
                total += cpu(child)
            except FileNotFoundError:
                pass
    return total


def until(what, check, pause=0.05, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if check():
                return
        except OSError:
            pass
        time.sleep(pause)
    raise SystemExit(f"{what} did not start")


def answers(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.status == 200


def postgres_programs():
    """The folder of the newest PostgreSQL."""
    return max(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))


class Database:
    """A private PostgreSQL with fsync on, on the port after `port`."""

    def __init__(self, name, port, folder):
        self.name, self.port = name, port
        self.dir = os.path.join(folder, name)
        os.makedirs(self.dir, exist_ok=True)
        os.chmod(self.dir, 0o777)
        self.postgres = self.start_postgres()
        self.url = f"postgres://bench@127.0.0.1:{port + 1}/bench"
        self.sql("create extension pg_stat_statements")

    def start_postgres(self):
        programs = postgres_programs()
        cluster = os.path.join(self.dir, "postgres")
        user = []
        if os.getuid() == 0:
            user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        subprocess.run([*user, f"{programs}/initdb", "-D", cluster, "-U", "bench", "-A", "trust"],
                       check=True, stdout=subprocess.DEVNULL)
        settings = ["listen_addresses=127.0.0.1", f"unix_socket_directories={cluster}",
                    "shared_preload_libraries=pg_stat_statements", "max_wal_size=4GB"]
        server = spawn([*user, f"{programs}/postgres", "-D", cluster, "-p", str(self.port + 1),
                        *(part for setting in settings for part in ("-c", setting))],
                       {"PATH": os.environ["PATH"]}, os.path.join(self.dir, "postgres.log"))
        check = [f"{programs}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port + 1)]
        until("PostgreSQL", lambda: subprocess.run(check, check=False).returncode == 0)
        subprocess.run([f"{programs}/createdb", "-h", "127.0.0.1", "-p", str(self.port + 1), "-U",
                        "bench", "bench"], check=True)
        return server

    def sql(self, text):
        done = subprocess.run(["psql", "-qAtX", "-F", " ", "-v", "ON_ERROR_STOP=1", self.url], input=text,
                              check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout


class Side(Database):
    """A program with its own PostgreSQL and data folder, on `port`."""

    def __init__(self, name, program, port, gateway, folder):
        super().__init__(name, port, folder)
        self.program = os.path.realpath(program)
        self.command = [self.program]
        self.env = {"PATH": os.environ["PATH"], "DATABASE_URL": self.url, "PORT": str(port),
                    "DATA_DIR": os.path.join(self.dir, "data"), "KIWOOM_BASE_URL": gateway,
                    "LOG_FORMAT": "json"}
        self.key = self.prepare()
        self.services = []

    def prepare(self):
        """The tables, and an API key."""
        self.run("migrate")
        return self.run("keys", "new", "--name", "bench", "--scopes", "charge,read").strip()

    def start(self, port=None, **env):
        """One more process of the service; the seconds until it was ready."""
        port = port or self.port
        env = {**self.env, "PORT": str(port), **env}
        started = time.monotonic()
        self.services.append(spawn(self.command, env, os.path.join(self.dir, "service.log")))
        until(self.name, lambda: answers(f"http://127.0.0.1:{port}/health/ready"), 0.003)
        return time.monotonic() - started

    def stop(self):
        for service in self.services:
            stop(service)
        self.services.clear()

    def register(self):
        """A card's billing key."""
        return json.loads(self.ask("/billing/register", CARD))["data"]["billingKey"]

    def cpu(self):
        """Seconds of CPU so far: of the service's processes, of PostgreSQL."""
        return sum(tree(service.pid) for service in self.services), tree(self.postgres.pid)

    def run(self, *arguments):
        done = subprocess.run([self.program, *arguments], env=self.env, cwd=self.dir, check=True,
                              stdout=subprocess.PIPE, text=True)
        return done.stdout

    def ask(self, path, body=None):
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        asked.add_header("X-API-Key", self.key)
        asked.add_header("Content-Type", "application/json")
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(asked, data) as answer:
            return answer.read()

    def charges(self, card, amount):
        """Requests without end, each with an Idempotency-Key of its own."""
        body = json.dumps({"billingKey": card, "customerId": CARD["customerId"], "amount": amount,
                           "productName": "결제"}).encode()
        while True:
            yield request("POST", "/billing/pay", self.key, body, f"Idempotency-Key: {uuid.uuid4()}")


def spawn(command, env, log):
    with open(log, "ab") as out:
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=out, cwd=os.path.dirname(log))
    atexit.register(stop, process)
    return process


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait()


def figure(number):
    """Four digits, no more."""
    return f"{number:.{max(0, 3 - len(str(int(abs(number)))))}f}" if abs(number) < 1000 else f"{number:,.0f}"


def cell(values):
    """The median, and how far the rounds are apart."""
    if not values:
        return "-"
    spread = f" ({figure(min(values))}..{figure(max(values))})" if len(values) > 1 else ""
    return figure(statistics.median(values)) + spread


def ratio(ours, theirs):
    if not ours or not theirs or not statistics.median(theirs):
        return "-"
    return f"{statistics.median(ours) / statistics.median(theirs):.2f}"


def by_figure(names, columns):
    """Lines of a table from the rounds of each side, of which each has all figures."""
    return [(name, {side: [row[number] for row in rows] for side, rows in columns.items()})
            for number, name in enumerate(names)]


def table(title, figures, sides):
    """Each figure, a pair of its name and its values by side, and the first side's : each other's."""
    first, *others = sides
    lines = [["", *sides, *(f"{first}:{other}" for other in others)]]
    for name, values in figures:
        rounds = [values.get(side, []) for side in sides]
        lines.append([name, *map(cell, rounds), *(ratio(rounds[0], theirs) for theirs in rounds[1:])])
    widths = [max(map(len, column)) for column in zip(*lines)]
    print(f"\n{title}")
    for name, *cells in lines:
        print("  " + "  ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]).rstrip(), flush=True)


def folder_of_its_own():
    """A folder that goes with the script."""
    folder = tempfile.mkdtemp(prefix="kb-bench-", dir="/var/tmp")
    os.chmod(folder, 0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    signal.signal(signal.SIGTERM, lambda *_: exit(1))
    return folder


def gateway_of(program, port, data):
    """The address and the process of a sandbox of its own on `port`, whose clock and books are in `data`."""
    url = f"http://127.0.0.1:{port}/sandbox"
    process = spawn([os.path.realpath(program), "sandbox", "--port", str(port)],
                    {"PATH": os.environ["PATH"], "DATA_DIR": data, "RUST_LOG": "warn"}, f"{data}-gateway.log")
    until("the gateway", lambda: answers(f"{url}/clock"))
    return url, process
