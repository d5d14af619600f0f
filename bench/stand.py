"""What the benches of charging share: programs with their own PostgreSQL, and what a process costs."""

import asyncio
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


def until(what, check, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if check():
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"{what} did not start")


def answers(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.status == 200


class Side:
    """A program with its own PostgreSQL and data folder, on `port`; PostgreSQL is on the next one."""

    def __init__(self, name, program, port, gateway, folder):
        self.name, self.program, self.port = name, os.path.realpath(program), port
        self.dir = os.path.join(folder, name)
        os.makedirs(self.dir, exist_ok=True)
        os.chmod(self.dir, 0o777)
        self.postgres = self.start_postgres()
        self.url = f"postgres://bench@127.0.0.1:{port + 1}/bench"
        self.sql("create extension pg_stat_statements")
        self.env = {"PATH": os.environ["PATH"], "DATABASE_URL": self.url, "PORT": str(port),
                    "DATA_DIR": os.path.join(self.dir, "data"), "KIWOOM_BASE_URL": gateway,
                    "LOG_FORMAT": "json", "DATABASE_MAX_CONNECTIONS": "20"}
        self.run("migrate")
        self.key = self.run("keys", "new", "--name", "bench", "--scopes", "charge,read").strip()
        self.services = []

    def start(self, port=None, **env):
        """One more process of the service."""
        port = port or self.port
        env = {**self.env, "PORT": str(port), **env}
        self.services.append(spawn([self.program], env, os.path.join(self.dir, "service.log")))
        until(self.name, lambda: answers(f"http://127.0.0.1:{port}/health/ready"))

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

    def start_postgres(self):
        programs = max(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))
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

    def run(self, *arguments):
        done = subprocess.run([self.program, *arguments], env=self.env, cwd=self.dir, check=True,
                              stdout=subprocess.PIPE, text=True)
        return done.stdout

    def sql(self, text):
        done = subprocess.run(["psql", "-qAtX", "-F", " ", "-v", "ON_ERROR_STOP=1", self.url], input=text,
                              check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout

    def ask(self, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        request.add_header("X-API-Key", self.key)
        request.add_header("Content-Type", "application/json")
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(request, data) as answer:
            return answer.read()

    async def caller(self, card, amount, goes_on, times):
        """Charges again and again over one connection; the seconds of each."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        body = json.dumps({"billingKey": card, "customerId": CARD["customerId"], "amount": amount,
                           "productName": "결제"}).encode()
        while goes_on():
            started = time.monotonic()
            writer.write((f"POST /billing/pay HTTP/1.1\r\nHost: bench\r\nX-API-Key: {self.key}\r\n"
                          f"Idempotency-Key: {uuid.uuid4()}\r\nContent-Type: application/json\r\n"
                          f"Content-Length: {len(body)}\r\n\r\n").encode() + body)
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
            answer = await reader.readexactly(int(length))
            if b" 200 " not in head[:13]:
                raise SystemExit(f"{self.name}: {head.decode()}{answer.decode()}")
            times.append(time.monotonic() - started)
        writer.close()


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


def table(title, names, columns):
    """Each figure of each side: its median, how far the rounds are apart, and AFTER : BEFORE."""
    print(f"\n{title}")
    for number, name in enumerate(names):
        rounds = {side: [row[number] for row in rows] for side, rows in columns.items()}
        cells = [f"{side} {statistics.median(values):10.2f}"
                 + (f" ({min(values):.2f}-{max(values):.2f})" if len(values) > 1 else "")
                 for side, values in rounds.items()]
        if len(rounds) == 2:
            before, after = (statistics.median(rounds[side]) for side in ("BEFORE", "AFTER"))
            cells.append(f"x {after / before:.2f}" if before else "")
        print(f"  {name:<30} " + "   ".join(cells))


def folder_of_its_own():
    """A folder that goes with the script."""
    folder = tempfile.mkdtemp(prefix="kb-bench-", dir="/var/tmp")
    os.chmod(folder, 0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    signal.signal(signal.SIGTERM, lambda *_: exit(1))
    return folder


def gateway_of(program, port, data):
    """A sandbox of its own on `port`, whose clock and books are in `data`."""
    url = f"http://127.0.0.1:{port}/sandbox"
    spawn([os.path.realpath(program), "sandbox", "--port", str(port)],
          {"PATH": os.environ["PATH"], "DATA_DIR": data, "RUST_LOG": "warn"}, f"{data}-gateway.log")
    until("the gateway", lambda: answers(f"{url}/clock"))
    return url
