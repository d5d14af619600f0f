//! Real proxies in front of the service, as docs/proxies.md has them set up and as they are set up
//! wrongly. `scripts/install-proxies.sh` installs them and names what is missing, whose test is skipped.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::{Client, StatusCode, retry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::support::app::TestApp;
use crate::support::process::Folder;
use crate::support::production::{Durable, MERCHANT, production};
use crate::support::programs::{Program, free_address, installed, nginx as nginx_in};
use crate::support::window::paid;

const DOCUMENT: &str = include_str!("../../../docs/proxies.md");
const PATIENCE: Duration = Duration::from_mins(1);
const KIWOOM: &str = "127.0.0.3";

#[derive(Clone, Copy)]
struct Kind {
    program: &'static str,
    heading: &'static str,
}

const NGINX: Kind = Kind { program: "nginx", heading: "## nginx" };
const HAPROXY: Kind = Kind { program: "haproxy", heading: "## HAProxy" };
const CADDY: Kind = Kind { program: "caddy", heading: "## Caddy" };
const ENVOY: Kind = Kind { program: "envoy", heading: "## Envoy" };

impl Kind {
    /// The settings in the document.
    fn documented(self) -> String {
        let section = DOCUMENT.split(self.heading).nth(1).unwrap();
        let block = section.split("```").nth(1).unwrap();
        block.split_once('\n').unwrap().1.to_owned()
    }

    /// A whole configuration with these settings, and the arguments to run it.
    fn configuration(self, settings: &str, dir: &Path) -> (String, Vec<String>) {
        // Envoy goes by the ending.
        let file = dir.join("proxy.yaml").display().to_string();
        match self.program {
            "nginx" => {
                let settings = settings.replace("/var/log/nginx", &dir.display().to_string());
                nginx_in(dir, &file, &settings)
            }
            "haproxy" => (settings.to_owned(), ["-db", "-f", &file].map(str::to_owned).to_vec()),
            "caddy" => {
                let text = settings.replacen(
                    "{\n",
                    "{\n admin off\n auto_https off\n persist_config off\n",
                    1,
                );
                let words = ["run", "--adapter", "caddyfile", "--config", &file];
                (text, words.map(str::to_owned).to_vec())
            }
            _ => {
                let words = ["-c", &file, "--use-dynamic-base-id", "--concurrency", "1"];
                (settings.to_owned(), words.map(str::to_owned).to_vec())
            }
        }
    }
}

/// At `address`, in front of `backend`.
async fn start(kind: Kind, settings: &str, address: SocketAddr, backend: SocketAddr) -> Program {
    let dir = Folder::new();
    let ports = [("8080", "{{LISTEN}}"), ("3000", "{{BACKEND}}")];
    let settings =
        ports.iter().fold(settings.to_owned(), |text, (port, name)| text.replace(port, name));
    let settings = settings
        .replace("{{LISTEN}}", &address.port().to_string())
        .replace("{{BACKEND}}", &backend.port().to_string());
    let (text, arguments) = kind.configuration(&settings, &dir);
    fs::write(dir.join("proxy.yaml"), text).unwrap();
    Program::start(&installed(kind.program).unwrap(), &arguments, dir, address).await
}

/// What the service makes of a proxy: it has looked at it, and whether it believes it.
async fn is_believed(durable: &Durable, kind: Kind, settings: &str) -> bool {
    let address = free_address();
    let public = format!("http://{address}");
    let mut with = production(&durable.database);
    with.extend([("TRUSTED_PROXIES", "127.0.0.1"), ("WEBHOOK_ALLOWED_IPS", KIWOOM)]);
    let app = TestApp::behind(&public, &with).await;
    let _proxy = start(kind, settings, address, app.service.address).await;
    let forwarding = &app.service.ctx.forwarding;
    let looked = async {
        while forwarding.arrived() == 0 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, looked).await.expect("the proxy was looked at");
    // Of these two addresses the second is KiwoomPay's here, and the first poses as it.
    let told = paid("O-1", "t1", 9900).replace(kiwoom_sandbox::CPID, MERCHANT);
    for (from, header) in [([127, 0, 0, 2], Some(KIWOOM)), ([127, 0, 0, 3], None)] {
        let client = Client::builder().no_proxy().local_address(Some(from.into())).build().unwrap();
        let mut request = client.get(format!("{public}/webhook/kiwoom?{told}"));
        if let Some(header) = header {
            request = request.header("X-Forwarded-For", header);
        }
        let is_let_in = header.is_none() && forwarding.passing_on() == 0;
        // The order is nobody's, which only who is let in is told.
        let expected = if is_let_in { StatusCode::NOT_FOUND } else { StatusCode::FORBIDDEN };
        assert_eq!(request.send().await.unwrap().status(), expected, "{from:?}: {settings}");
    }
    forwarding.passing_on() == 0
}

const POSTS: [&str; 2] = ["{\"amount\":9900}", ""];

/// How often a server that breaks off each of these gets one, over a connection that it has answered on.
async fn tries(kind: Kind, settings: &str) -> usize {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = server.local_addr().unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    let serving = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = server.accept().await.unwrap();
            connections.spawn(break_off_a_post(stream, count.clone()));
        }
    });
    let address = free_address();
    let proxy = start(kind, settings, address, backend).await;
    let client = Client::builder().no_proxy().retry(retry::never()).build().unwrap();
    for body in POSTS {
        let url = format!("http://{address}/billing/pay");
        assert_eq!(client.get(&url).send().await.unwrap().status(), StatusCode::OK);
        let request = client.post(&url).header("Idempotency-Key", "once").body(body);
        // HAProxy hangs up where others say 502.
        if let Ok(answer) = request.send().await {
            assert!(answer.status().is_server_error(), "{}: {}", kind.program, answer.status());
        }
    }
    // What nobody answers is what proxies write errors about.
    serving.abort();
    drop(serving.await);
    let gone = client.post(format!("http://{address}/webhook/kiwoom?USERNAME=hidden-name"));
    let gone = gone.header("X-API-Key", "hidden-key").header("Authorization", "Bearer hidden-key");
    if let Ok(answer) = gone.body("hidden-card").send().await {
        assert!(answer.status().is_server_error(), "{}: {}", kind.program, answer.status());
    }
    let written = written(&proxy);
    assert!(!written.contains("hidden"), "{}: {written}", kind.program);
    seen.load(Ordering::Relaxed)
}

/// All that a proxy has written into its folder.
fn written(proxy: &Program) -> String {
    let files = fs::read_dir(&*proxy.dir).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|path| path.is_file() && !path.ends_with("proxy.yaml"));
    files.map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()).collect()
}

async fn break_off_a_post(mut stream: TcpStream, count: Arc<AtomicUsize>) {
    let mut head = Vec::new();
    while stream.read_buf(&mut head).await.is_ok_and(|read| read > 0) {
        if head.starts_with(b"POST ") {
            count.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if head.ends_with(b"\r\n\r\n") {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            head.clear();
        }
    }
}

/// The documented settings do what the document says, and the service finds each of `wrong` out.
async fn holds(kind: Kind, wrong: &[&str]) {
    if installed(kind.program).is_none() {
        return;
    }
    let settings = kind.documented();
    assert_eq!(tries(kind, &settings).await, POSTS.len(), "each POST once");
    let durable = Durable::start().await;
    assert!(is_believed(&durable, kind, &settings).await, "{settings}");
    for settings in wrong {
        assert!(!is_believed(&durable, kind, settings).await, "{settings}");
    }
    durable.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx() {
    let bare = "server { listen 8080; location / { proxy_pass http://127.0.0.1:3000; } }";
    let real_ip = "server { listen 8080; location / { proxy_pass http://127.0.0.1:3000;
        proxy_set_header X-Real-IP $remote_addr; } }";
    holds(NGINX, &[bare, real_ip]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn haproxy() {
    let documented =
        HAPROXY.documented().replace("    http-request del-header X-Forwarded-For\n", "");
    let without = documented.replace("    option forwardfor\n", "");
    let if_none = documented.replace("option forwardfor\n", "option forwardfor if-none\n");
    holds(HAPROXY, &[&without, &if_none]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy() {
    let told = "\nheader_up X-Forwarded-For {http.request.header.X-Forwarded-For}\nlb_retries 0";
    holds(CADDY, &[&CADDY.documented().replace("lb_retries 0", told)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy() {
    let default = ENVOY.documented().replace("          use_remote_address: true\n", "");
    holds(ENVOY, &[&default]).await;
}
