#!/usr/bin/env bash
# Question: an axum handler charges a card, waits a second for the outcome and writes it down. The
#     caller goes away in between. Is the outcome written?
# Usual guess: yes; the handler runs to its end, and only the answer finds nobody.
# What happens: no. hyper drops the handler at the `.await` where it stands, without an error or a log
#     line. It even does so to a caller that only ends its sending side and still waits, as HTTP/1.1
#     and TCP allow (nc -N, some socket code in PHP and C): he gets an empty answer. Python's server
#     finishes both.
# Hurts: every handler with an effect outside the database: a caller's time-out, a closed tab or a
#     proxy's limit cuts it between the charge and the record of it.
# This project: what a request does runs in a task of its own, which the connection cannot end.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cargo init -q --name shop .
cargo add -q axum@=0.8.9
cargo add -q -F rt,macros,net,time tokio@=1.54.1

cat >src/main.rs <<'RS'
use axum::{Router, extract::Path, routing::post, serve};
use std::time::Duration;

async fn pay(Path(caller): Path<String>) {
    println!("{caller}: card charged");
    tokio::time::sleep(Duration::from_secs(1)).await;
    println!("{caller}: outcome written");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    serve(listener, Router::new().route("/{caller}", post(pay))).await.unwrap();
}
RS
cargo build -q
program=$(cargo metadata --format-version 1 --no-deps |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"] + "/debug/shop")')

cat >shop.py <<'PY'
import http.server, time

class Shop(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        print(f"{self.path[1:]}: card charged", flush=True)
        time.sleep(1)
        print(f"{self.path[1:]}: outcome written", flush=True)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
print(server.server_port, flush=True)
server.serve_forever()
PY
cat >ask.py <<'PY'
import socket, subprocess, sys, time

with subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE, text=True) as server:
    port = int(server.stdout.readline())
    answered = {}
    for caller in ["waits", "half-closes", "goes away"]:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            path = caller.replace(" ", "-")
            connection.sendall(f"POST /{path} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
            time.sleep(0.3)
            if caller == "half-closes":
                connection.shutdown(socket.SHUT_WR)
            answered[path] = caller != "goes away" and connection.recv(12).decode()
    time.sleep(2)
    server.terminate()
    done = server.stdout.read()
for path, answer in answered.items():
    written = f"{path}: outcome written" in done
    print(f"{sys.argv[1]}: the caller {path}, outcome written: {written}, answer: {answer!r}")
PY
cargo tree --depth 1 --prefix none | tail -n +2
{ python3 ask.py axum "$program" && python3 ask.py 'Python http.server' python3 shop.py; } | tee seen
diff seen - <<'EXPECTED' || { echo 'the behaviour has changed' >&2 && exit 1; }
axum: the caller waits, outcome written: True, answer: 'HTTP/1.1 200'
axum: the caller half-closes, outcome written: False, answer: ''
axum: the caller goes-away, outcome written: False, answer: False
Python http.server: the caller waits, outcome written: True, answer: 'HTTP/1.0 200'
Python http.server: the caller half-closes, outcome written: True, answer: 'HTTP/1.0 200'
Python http.server: the caller goes-away, outcome written: True, answer: False
EXPECTED
