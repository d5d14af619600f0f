//! KiwoomPay through the forward proxy of a merchant whose outgoing address is fixed, over TLS: real
//! tinyproxy, and nginx with a certificate of its own in front of the sandbox.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::app::one_off;
use crate::support::process::{Folder, Process, World};
use crate::support::programs::{Program, free_address, installed, nginx as nginx_in};
use crate::support::receiver::Receiver;

const SECRET: &str = "a-secret-of-the-proxy";

/// A certificate for `localhost`, in this folder.
fn certificate(openssl: &Path, dir: &Path) {
    let wanted = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -addext basicConstraints=critical,CA:FALSE -keyout key.pem -out cert.pem";
    let made = Command::new(openssl).args(wanted.split_whitespace()).current_dir(dir).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// The sandbox over TLS.
async fn over_tls(nginx: &Path, openssl: &Path, sandbox: &str, address: SocketAddr) -> Program {
    let dir = Folder::new();
    certificate(openssl, &dir);
    let (at, port) = (dir.display(), address.port());
    let server = format!(
        "server {{ listen {port} ssl;
            ssl_certificate {at}/cert.pem; ssl_certificate_key {at}/key.pem;
            location / {{ proxy_pass {sandbox}; proxy_set_header Host $http_host;
                proxy_set_header X-Forwarded-Proto https; }} }}"
    );
    let file = dir.join("nginx.conf");
    let (text, arguments) = nginx_in(&dir, &file.display().to_string(), &server);
    fs::write(file, text).unwrap();
    Program::start(nginx, &arguments, dir, address).await
}

/// Lets those connect who know the secret, to this port alone.
async fn forward_proxy(tinyproxy: &Path, address: SocketAddr, to: u16) -> Program {
    let dir = Folder::new();
    let port = address.port();
    let text = format!(
        "Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nLogLevel Connect\n\
         BasicAuth shop {SECRET}\nConnectPort {to}\n"
    );
    fs::write(dir.join("tinyproxy.conf"), text).unwrap();
    Program::start(tinyproxy, &["-d", "-c", "tinyproxy.conf"], dir, address).await
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_through_it_over_tls_and_what_it_refuses_was_not_sent() {
    let programs = (installed("tinyproxy"), installed("nginx"), installed("openssl"));
    let (Some(tinyproxy), Some(nginx), Some(openssl)) = programs else { return };
    let world = World::start().await;
    let (tls, at) = (free_address(), free_address());
    let gateway = over_tls(&nginx, &openssl, &world.sandbox.base, tls).await;
    let proxy = forward_proxy(&tinyproxy, at, tls.port()).await;
    let base_url = format!("https://localhost:{}/sandbox", tls.port());
    let trusted = gateway.dir.join("cert.pem").display().to_string();
    let through = async |name: &str, user: &str, trusted: &str| -> Process {
        let url = format!("http://{user}:{SECRET}@{at}");
        let settings = [
            ("KIWOOM_BASE_URL", &*base_url),
            ("KIWOOM_PROXY_URL", &url),
            ("KIWOOM_CPID", kiwoom_sandbox::CPID),
            ("KIWOOM_TEST_AUTH_KEY", kiwoom_sandbox::AUTH_KEY),
            ("KIWOOM_RATE_PER_SEC", "0"),
            ("SSL_CERT_FILE", trusted),
        ];
        world.service(name, &settings).await
    };
    let service = through("service", "shop", &trusted).await;
    let key = service.register().await;
    service.post("/billing/pay", &one_off(&key)).await.data(200);
    assert_eq!(world.calls("CARD-BATCH").await, 1);
    assert!(
        proxy.output().contains(&format!("CONNECT localhost:{}", tls.port())),
        "{}",
        proxy.output()
    );

    // One whom the proxy does not let through, and one who does not trust the certificate.
    let elsewhere = Folder::new();
    certificate(&openssl, &elsewhere);
    let other = elsewhere.join("cert.pem").display().to_string();
    let stranger = through("stranger", "somebody", &trusted).await;
    let distrustful = through("distrustful", "shop", &other).await;
    for (refused, reason) in [(&stranger, "connect"), (&distrustful, "tls")] {
        let answer = refused.post("/billing/pay", &one_off(&key)).await;
        answer.fails(502, "gateway_unavailable");
        let said = refused.output();
        assert!(said.contains(reason) && said.contains("no answer of KiwoomPay's"), "{said}");
        assert!(!said.contains(SECRET), "{said}");
    }
    drop(proxy);
    service.post("/billing/pay", &one_off(&key)).await.fails(502, "gateway_unavailable");
    assert!(!service.output().contains(SECRET));
    assert_eq!(world.calls("CARD-BATCH").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_s_proxy_is_for_other_programs() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let nobody = format!("http://{}", free_address());
    let mut settings = vec![];
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        settings.push((name, &*nobody));
    }
    let [(url, at), (secret, value)] = receiver.settings();
    settings.extend([(url, &*at), (secret, &*value)]);
    let service = world.service("service", &settings).await;
    let key = service.register().await;
    service.post("/billing/pay", &one_off(&key)).await.data(200);
    let taken = async {
        while receiver.taken().len() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), taken).await.expect("events arrive");
}
