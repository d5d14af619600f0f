//! Just enough of a `WebDriver` client: the protocol is JSON over HTTP, and the crates for it
//! change the features of what the service is built from, so that `cargo run` and `cargo test`
//! would each compile all dependencies anew.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

/// How long a page may take to become what a test expects.
const PATIENCE: Duration = Duration::from_secs(20);

/// The name under which `WebDriver` hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A headless Chromium of its own, with a new profile.
pub struct Browser {
    http: Client,
    port: u16,
    session: String,
    driver: Child,
}

impl Browser {
    pub async fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .args(["--port=0", "--log-level=SEVERE"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("chromedriver: sh scripts/install-postgres.sh --browser installs it");
        let port = port_of(&mut driver);
        let http = Client::builder().no_proxy().build().unwrap();
        let mut browser = Self { http, port, session: String::new(), driver };
        let answer = browser.send(Method::POST, "/session", &capabilities()).await;
        browser.session = answer["sessionId"].as_str().map(str::to_owned).unwrap();
        browser
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Value {
        self.try_send(method, path, body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn try_send(&self, method: Method, path: &str, body: &Value) -> Result<Value, Value> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let request = self.http.request(method.clone(), url);
        let request = if method == Method::POST { request.json(body) } else { request };
        let answer = request.send().await.expect("chromedriver answers");
        let is_ok = answer.status().is_success();
        let value = answer.json::<Value>().await.expect("JSON")["value"].take();
        if is_ok { Ok(value) } else { Err(value) }
    }

    async fn command(&self, path: &str, body: Value) -> Value {
        self.send(Method::POST, &format!("/session/{}/{path}", self.session), &body).await
    }

    async fn query(&self, path: &str) -> Value {
        let path = format!("/session/{}/{path}", self.session);
        self.send(Method::GET, &path, &Value::Null).await
    }

    pub async fn open(&self, url: &str) {
        self.command("url", json!({ "url": url })).await;
    }

    /// Runs the body of a function in the page; a promise is waited for.
    pub async fn run(&self, script: &str) -> Value {
        self.command("execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// Waits until the expression is true in the page, which may be a new one meanwhile.
    pub async fn until(&self, expression: &str) {
        let path = format!("/session/{}/execute/sync", self.session);
        let body = json!({ "script": format!("return Boolean({expression})"), "args": [] });
        let started = Instant::now();
        loop {
            let answer = self.try_send(Method::POST, &path, &body).await;
            if answer == Ok(Value::Bool(true)) {
                return;
            }
            if started.elapsed() > PATIENCE {
                let page = self.run("return document.body.innerText").await;
                panic!("not so: {expression}\n{answer:?}\n{page}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the text is in the page.
    pub async fn sees(&self, text: &str) {
        self.until(&format!("document.body.innerText.includes({})", json!(text))).await;
    }

    async fn find(&self, css: &str) -> Value {
        self.until(&format!("document.querySelector({})", json!(css))).await;
        self.command("element", json!({ "using": "css selector", "value": css })).await
    }

    pub async fn click(&self, css: &str) {
        let element = self.find(css).await;
        let id = element[ELEMENT].as_str().unwrap();
        self.command(&format!("element/{id}/click"), json!({})).await;
    }

    /// Replaces what is in the input.
    pub async fn fill(&self, css: &str, text: &str) {
        let element = self.find(css).await;
        let id = element[ELEMENT].as_str().unwrap();
        self.command(&format!("element/{id}/clear"), json!({})).await;
        self.command(&format!("element/{id}/value"), json!({ "text": text })).await;
    }

    /// Presses and releases keys, one after the other, wherever the focus is.
    pub async fn press(&self, keys: &str) {
        let stroke = |key| {
            ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": String::from(key) }))
        };
        let strokes: Vec<Value> = keys.chars().flat_map(stroke).collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes });
        self.command("actions", json!({ "actions": [keyboard] })).await;
    }

    pub async fn enter_frame(&self, css: &str) {
        let frame = self.find(css).await;
        self.command("frame", json!({ "id": frame })).await;
    }

    /// Back to the page around the frames.
    pub async fn leave_frame(&self) {
        self.command("frame", json!({ "id": null })).await;
    }

    pub async fn windows(&self) -> Vec<String> {
        serde_json::from_value(self.query("window/handles").await).unwrap()
    }

    /// Waits until so many windows are open; the newest is the last.
    pub async fn until_windows(&self, count: usize) -> Vec<String> {
        let started = Instant::now();
        loop {
            let windows = self.windows().await;
            if windows.len() == count {
                return windows;
            }
            assert!(started.elapsed() < PATIENCE, "{} windows, not {count}", windows.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn enter_window(&self, handle: &str) {
        self.command("window", json!({ "handle": handle })).await;
    }

    /// Closes the window as its own title bar would.
    pub async fn close_window(&self) {
        let path = format!("/session/{}/window", self.session);
        self.send(Method::DELETE, &path, &Value::Null).await;
    }

    /// A command of the `DevTools` protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.command("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    /// What the browser logged since the last time: `browser` (the console) or `performance`.
    pub async fn log(&self, kind: &str) -> Vec<Value> {
        let entries = self.command("se/log", json!({ "type": kind })).await;
        serde_json::from_value(entries).unwrap()
    }

    /// Ends the browser in order, which a plain drop cannot wait for as well.
    pub async fn quit(mut self) {
        let path = format!("/session/{}", self.session);
        self.send(Method::DELETE, &path, &Value::Null).await;
        self.session.clear();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // After a failed test: the browser would outlive its driver.
        if !self.session.is_empty()
            && let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port))
        {
            let limit = Some(Duration::from_secs(10));
            stream.set_read_timeout(limit).ok();
            let request = format!(
                "DELETE /session/{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\
                 Connection: close\r\n\r\n",
                self.session
            );
            stream.write_all(request.as_bytes()).ok();
            stream.read_to_end(&mut Vec::new()).ok();
        }
        self.driver.kill().ok();
        self.driver.wait().ok();
    }
}

/// The driver says on which port it listens.
fn port_of(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = lines.find_map(|line| {
        let line = line.expect("a line");
        line.strip_suffix('.')?.rsplit_once("on port ")?.1.parse().ok()
    });
    // The pipe is read on: a driver that cannot write would stop.
    std::thread::spawn(move || lines.for_each(drop));
    port.expect("chromedriver says its port")
}

fn capabilities() -> Value {
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--lang=ko",
        "--accept-lang=ko",
        "--window-size=1280,900",
        // Nothing leaves this machine, whatever a page asks for.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    ];
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        "goog:chromeOptions": { "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
    }}})
}
