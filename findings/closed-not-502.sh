#!/usr/bin/env bash
# Question: a server behind HAProxy takes a POST and closes the connection before it answers. What does the
#     client get?
# Usual guess: 502, as from nginx: a proxy answers for a server that does not.
# What happens: 502 when the POST is the first request of the client's connection. When an answer went over
#     that connection before, HAProxy gives none: it closes the connection, as if the server's own had
#     been idle for too long, and leaves it to the client to try again. Clients do: libcurl sends the POST
#     a second time by itself, and the server, which had carried out the first one, gets both. `retries 0`
#     is about connecting only and changes nothing of it.
# Hurts: whoever looks for 502 in the log to know which calls are in doubt, and whoever charges cards by
#     POST behind HAProxy and has clients that keep connections: charged twice, with no error anywhere.
# This project: an Idempotency-Key repeats the first answer; docs/api.md takes a broken connection for
#     what a proxy's 502 is, no answer.
set -euo pipefail

HAPROXY=2.6.12-1+deb12u4
NGINX=1.22.1-9+deb12u11
dir=$(mktemp -d)
children=()
trap 'kill "${children[@]}" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
# The packages are unpacked, not installed: that would start them.
apt-get download -qq -o APT::Sandbox::User=root "haproxy=$HAPROXY" "nginx=$NGINX"
for package in ./*.deb; do dpkg -x "$package" .; done
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check pycurl==7.49.0

# Answers a GET and keeps the connection; takes a POST, and closes it.
cat >server.py <<'PY'
import http.server, sys

class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        with open("posts", "a") as posts:
            posts.write("x")
        self.close_connection = True

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
print(server.server_port, flush=True)
server.serve_forever()
PY
cat >ask.py <<'PY'
import http.client, os, sys, pycurl

def posts():
    return os.path.getsize("posts") if os.path.exists("posts") else 0

def plain(port, warm):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    if warm:
        connection.request("GET", "/")
        connection.getresponse().read()
    connection.request("POST", "/", "amount=9900")
    try:
        return connection.getresponse().status
    except http.client.RemoteDisconnected:
        return "no answer, closed"

def libcurl(port):
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, f"http://127.0.0.1:{port}/")
    curl.setopt(pycurl.WRITEFUNCTION, lambda _: None)
    curl.perform()
    curl.setopt(pycurl.POSTFIELDS, "amount=9900")
    curl.perform()
    return curl.getinfo(pycurl.RESPONSE_CODE)

name, port = sys.argv[1], int(sys.argv[2])
for how, ask in [
    ("POST on a new connection", lambda: plain(port, False)),
    ("POST after a GET", lambda: plain(port, True)),
    ("libcurl, POST after a GET", lambda: libcurl(port)),
]:
    before = posts()
    print(f"{name}, {how}: {ask()}; the server got {posts() - before}")
PY

python3 server.py >port &
children+=($!)
until [ -s port ]; do sleep 0.1; done
free() { python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
for_haproxy=$(free) for_nginx=$(free)
cat >haproxy.cfg <<CFG
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend in
    bind 127.0.0.1:$for_haproxy
    default_backend out
backend out
    retries 0
    server one 127.0.0.1:$(cat port)
CFG
cat >nginx.conf <<CONF
daemon off; pid $dir/pid; error_log $dir/error.log; events {}
http {
    access_log off; client_body_temp_path $dir/a; proxy_temp_path $dir/b;
    fastcgi_temp_path $dir/c; uwsgi_temp_path $dir/d; scgi_temp_path $dir/e;
    upstream out { server 127.0.0.1:$(cat port); keepalive 4; }
    server {
        listen 127.0.0.1:$for_nginx;
        location / { proxy_pass http://out; proxy_http_version 1.1; proxy_set_header Connection ""; }
    }
}
CONF
usr/sbin/haproxy -db -f haproxy.cfg 2>haproxy.log &
children+=($!)
usr/sbin/nginx -p "$dir" -c "$dir/nginx.conf" -e "$dir/error.log" 2>nginx.log &
children+=($!)
for port in "$for_haproxy" "$for_nginx"; do
    until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.1; done
done
{
    usr/sbin/haproxy -v | sed -n '1s/^HAProxy version \([^ ]*\).*/HAProxy \1/p'
    usr/sbin/nginx -v 2>&1
    venv/bin/python ask.py HAProxy "$for_haproxy"
    venv/bin/python ask.py nginx "$for_nginx"
} | tee seen
diff seen - <<'EXPECTED' || { echo 'the behaviour has changed' >&2 && exit 1; }
HAProxy 2.6.12-1+deb12u4
nginx version: nginx/1.22.1
HAProxy, POST on a new connection: 502; the server got 1
HAProxy, POST after a GET: no answer, closed; the server got 1
HAProxy, libcurl, POST after a GET: 502; the server got 2
nginx, POST on a new connection: 502; the server got 1
nginx, POST after a GET: 502; the server got 1
nginx, libcurl, POST after a GET: 502; the server got 1
EXPECTED
