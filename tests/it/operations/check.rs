//! `kiwoom-billing check`: what works, what does not and what to do; nothing is changed by it.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kiwoom_sandbox::{CONTRACTS, Contract};
use reqwest::Method;
use sqlx::{Connection, PgConnection};

use crate::support::app::TestApp;
use crate::support::postgres::{SERVICE, as_owner, empty_database, new_database};
use crate::support::process::{Folder, World, free_port, run};
use crate::support::window::ALL_ON;

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The state and the name of each line.
fn lines(told: &str) -> Vec<(&str, &str)> {
    let lines =
        told.lines().filter_map(|line| Some((line.get(..8)?.trim(), line.get(9..29)?.trim())));
    lines.filter(|(state, _)| ["ok", "failed", "skipped"].contains(state)).collect()
}

/// The rest of the line with this name, after checking its state.
#[track_caller]
fn line<'a>(told: &'a str, state: &str, name: &str) -> &'a str {
    assert!(lines(told).contains(&(state, name)), "{state} {name}: {told}");
    let start = format!("{state:<8} {name:<20} ");
    told.lines().find_map(|line| line.strip_prefix(&*start)).unwrap()
}

/// A gateway that nobody plays: what is looked at is the rest.
fn check_beside_no_gateway(settings: &[(&str, &str)]) -> String {
    let gateway = format!("https://127.0.0.1:{}", free_port());
    let mut all = vec![
        ("KIWOOM_BASE_URL", &*gateway),
        ("KIWOOM_CPID", "CPID1234"),
        ("KIWOOM_TEST_AUTH_KEY", KEY),
    ];
    all.extend(settings);
    run(&["check"], &all).unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_sandbox_everything_that_has_a_meaning_is_ok() {
    let world = World::start().await;
    let gateway = format!("{}/sandbox", world.sandbox.base);
    let data_dir = world.dir.display().to_string();
    let mut settings = vec![
        ("DATA_DIR", &*data_dir),
        ("DATABASE_URL", &*world.database_url),
        ("KIWOOM_BASE_URL", &*gateway),
    ];
    settings.extend(ALL_ON);
    let told = run(&["check"], &settings).unwrap();
    let expected = [
        ("ok", "database clock"),
        ("ok", "database schema"),
        ("ok", "database rights"),
        ("ok", "books"),
        ("skipped", "gateway DNS"),
        ("ok", "gateway"),
        ("ok", "gateway clock"),
        ("ok", "CARD-KEYGEN"),
        ("ok", "CARD-BATCH"),
        ("ok", "CARD-BATCH cancel"),
        ("ok", "KAKAOPAY cancel"),
        ("ok", "NAVERPAY cancel"),
        ("ok", "SAMSUNGPAY cancel"),
        ("ok", "PAYCO cancel"),
        ("ok", "TOTAL hash"),
        ("ok", "KAKAOPAY hash"),
        ("ok", "NAVERPAY hash"),
        ("ok", "SAMSUNGPAY hash"),
        ("ok", "PAYCO hash"),
        ("skipped", "notification URL"),
        ("skipped", "TRUSTED_PROXIES"),
    ];
    assert_eq!(lines(&told), expected, "{told}");
    assert_eq!((world.calls("READY").await, world.calls("HASH").await), (7, 5));
    assert_eq!(world.ledger().await, [] as [serde_json::Value; 0]);
    let books = "select count(*) from environment";
    let books: i64 = sqlx::query_scalar(books).fetch_one(&mut world.owner().await).await.unwrap();
    assert_eq!(books, 0, "whose books they are is not decided by a look");

    let wrong = [("KIWOOM_CPID", "CTSANDBOX"), ("KIWOOM_TEST_AUTH_KEY", KEY)];
    settings.extend(wrong);
    let told = run(&["check"], &settings).unwrap_err();
    for name in ["CARD-KEYGEN", "CARD-BATCH", "PAYCO cancel", "TOTAL hash"] {
        assert!(line(&told, "failed", name).contains("FAIL"), "{told}");
    }
    assert!(!told.contains(KEY), "{told}");
    assert!(told.contains("\n6 ok, 12 failed, 3 skipped\n"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_contract_is_asked_for_what_it_is_there_for() {
    let world = World::start().await;
    let gateway = format!("{}/sandbox", world.sandbox.base);
    let [_, cards, window, goods] = &CONTRACTS;
    let check = |billing: &Contract, window: &Contract| {
        run(
            &["check"],
            &[
                ("DATABASE_URL", &world.database_url),
                ("KIWOOM_BASE_URL", &gateway),
                ("KIWOOM_BILLING_CPID", billing.cpid),
                ("KIWOOM_BILLING_AUTH_KEY", billing.auth_key),
                ("KIWOOM_WINDOW_CPID", window.cpid),
                ("KIWOOM_WINDOW_AUTH_KEY", window.auth_key),
                ("KIWOOM_CARD_CPID", goods.cpid),
                ("KIWOOM_CARD_AUTH_KEY", goods.auth_key),
                ("CARD_ENABLED", "true"),
                ("BANK_ENABLED", "true"),
            ],
        )
    };
    let told = check(cards, window).unwrap();
    assert!(line(&told, "ok", "CARD-BATCH").contains("CTSANDBOXCARD"), "{told}");
    assert!(line(&told, "ok", "BANK hash").contains("CTSANDBOXWINDOW"), "{told}");
    assert!(!told.contains("BANK cancel"), "{told}");
    assert!(line(&told, "ok", "CARD hash").contains("CTSANDBOXGOODS"), "{told}");
    let told = check(window, cards).unwrap_err();
    assert!(line(&told, "failed", "CARD-KEYGEN").contains("CTSANDBOXWINDOW"), "{told}");
    line(&told, "failed", "BANK hash");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_built_in_sandbox_is_there_while_the_service_runs() {
    let app = TestApp::start().await;
    let port = app.service.address.port().to_string();
    let mut settings = vec![
        ("DATA_DIR", app.setting("DATA_DIR")),
        ("DATABASE_URL", app.setting("DATABASE_URL")),
        ("PORT", &*port),
    ];
    let told = run(&["check"], &settings).unwrap();
    line(&told, "ok", "CARD-BATCH");
    line(&told, "ok", "books");
    assert!(told.contains(" ok, 0 failed, "), "{told}");

    let nobody = free_port().to_string();
    settings[2].1 = &nobody;
    let told = run(&["check"], &settings).unwrap_err();
    assert!(line(&told, "failed", "gateway").contains("start it first"), "{told}");
    line(&told, "skipped", "CARD-BATCH");
    assert!(told.contains(" ok, 1 failed, "), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_serve_is_named_and_left_as_it_is() {
    let empty = empty_database().await;
    let told = check_beside_no_gateway(&[("DATABASE_URL", &empty)]);
    assert!(line(&told, "failed", "database schema").contains("kiwoom-billing migrate"), "{told}");
    let mut db = PgConnection::connect(&as_owner(&empty)).await.unwrap();
    let tables = "select count(*) from pg_tables where schemaname = 'public'";
    let tables: i64 = sqlx::query_scalar(tables).fetch_one(&mut db).await.unwrap();
    assert_eq!(tables, 0);

    let database = new_database().await;
    let mut db = PgConnection::connect(&as_owner(&database)).await.unwrap();
    let sql = format!("revoke update (state) on payments from {SERVICE}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut db).await.unwrap();
    let told = check_beside_no_gateway(&[("DATABASE_URL", &database)]);
    assert!(
        line(&told, "failed", "database rights").contains("update (state) on payments"),
        "{told}"
    );

    let books = "insert into environment (name, gateway_host, cpids)
         values ('production', 'api.kiwoompay.co.kr', array['MERCHANT1'])";
    sqlx::query(books).execute(&mut db).await.unwrap();
    let told = check_beside_no_gateway(&[("DATABASE_URL", &database)]);
    assert!(line(&told, "failed", "books").contains("MERCHANT1"), "{told}");

    let nobody = format!("postgres://nobody@127.0.0.1:{}/nothing", free_port());
    let told = check_beside_no_gateway(&[("DATABASE_URL", &nobody)]);
    assert!(line(&told, "failed", "database").contains("DATABASE_URL"), "{told}");

    let dir = Folder::new();
    let told = check_beside_no_gateway(&[("DATA_DIR", &dir.join("none").display().to_string())]);
    line(&told, "failed", "database");
    assert!(!dir.join("none").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_url_that_kiwoompay_does_not_take_or_reach_is_refused() {
    let database = new_database().await;
    let long = format!("https://shop.example/{}", "x".repeat(80));
    for (public_url, why) in [
        ("", "set PUBLIC_URL"),
        (&*long, "116 bytes"),
        ("https://shop.example:8443", "ports 80 and 443 alone"),
        ("http://localhost:3000", "ports 80 and 443 alone"),
        ("https://localhost", "an address of this machine or network"),
        ("https://192.168.0.7/billing/", "an address of this machine or network"),
    ] {
        let told =
            check_beside_no_gateway(&[("DATABASE_URL", &database), ("PUBLIC_URL", public_url)]);
        assert!(line(&told, "failed", "notification URL").contains(why), "{public_url}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_that_let_strangers_in_are_refused() {
    let database = new_database().await;
    for (proxies, state, why) in [
        ("10.0.0.0/8,fd00::/8", "ok", "10.0.0.0/8, fd00::/8"),
        ("0.0.0.0/0", "failed", "believes almost everybody"),
        ("10.0.0.1,::/0", "failed", "believes almost everybody"),
        ("123.140.0.0/16", "failed", "an address that notifications come from"),
        ("", "skipped", "no proxies"),
    ] {
        let settings = [("DATABASE_URL", &*database), ("TRUSTED_PROXIES", proxies)];
        let told = check_beside_no_gateway(&settings);
        assert!(line(&told, state, "TRUSTED_PROXIES").contains(why), "{proxies}: {told}");
    }
    let production = [
        ("APP_ENV", "production"),
        ("PUBLIC_URL", "https://127.0.0.1:1"),
        ("KIWOOM_PROD_AUTH_KEY", KEY),
        ("BILLING_KEY_SECRET", KEY),
        ("DATABASE_URL", &*database),
    ];
    let told = check_beside_no_gateway(&production);
    assert!(line(&told, "failed", "TRUSTED_PROXIES").contains("empty"), "{told}");
}

/// The question that `check` asks at the notification URL.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_the_notification_url_is_no_notification() {
    let app = TestApp::start().await;
    let before = app.everything().await;
    let reply = app.send(app.request(Method::OPTIONS, "/webhook/kiwoom")).await;
    assert_eq!(reply.status, 405);
    assert!(reply.headers.contains_key("x-request-id"));
    assert_eq!(app.everything().await, before);
    assert_eq!(app.webhook_health().await["rejected24h"], 0);
}

/// How a certificate is made: by itself, so that who trusts it needs no other.
const OPENSSL_CONFIG: &str = "
[ca]
default_ca = itself
[itself]
database = issued
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = server
[any]
commonName = supplied
[server]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:${ENV::HOST}
";

/// A TLS server with a certificate of its own making. Dropping it ends it.
struct TlsServer {
    port: u16,
    child: Child,
    dir: Folder,
}

impl TlsServer {
    /// With a certificate for `host` that is valid between two dates, as openssl writes them.
    fn start(host: &str, [from, to]: [&str; 2]) -> Self {
        let (dir, port) = (Folder::new(), free_port());
        std::fs::write(dir.join("config"), OPENSSL_CONFIG).unwrap();
        std::fs::write(dir.join("issued"), "").unwrap();
        let openssl = |arguments: &str| {
            let mut command = Command::new("openssl");
            command.args(arguments.split(' ')).current_dir(&*dir).env("HOST", host);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        for make in [
            format!("req -newkey rsa:2048 -nodes -keyout key -out request -subj /CN={host}"),
            format!(
                "ca -config config -batch -notext -selfsign -keyfile key -in request -out cert \
                 -startdate {from} -enddate {to}"
            ),
        ] {
            assert!(openssl(&make).status().unwrap().success(), "{make}");
        }
        let address = format!("127.0.0.1:{port}");
        let serve = format!("s_server -accept {address} -cert cert -key key -www");
        let child = openssl(&serve).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(&address).is_err() {
            assert!(Instant::now() < deadline, "openssl s_server");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { port, child, dir }
    }

    /// Its certificate, as a file of those that are trusted.
    fn certificate(&self) -> String {
        self.dir.join("cert").display().to_string()
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

const VALID: [&str; 2] = ["20200101000000Z", "21000101000000Z"];
const OVER: [&str; 2] = ["20200101000000Z", "20200102000000Z"];
const NOT_YET: [&str; 2] = ["20990101000000Z", "21000101000000Z"];

/// `check` of a gateway with which no TLS can be spoken, and what it says of that.
#[track_caller]
fn tls_fails(database: &str, gateway: &str, trusted: &str, why: &str) {
    let mut settings = vec![
        ("KIWOOM_BASE_URL", gateway),
        ("KIWOOM_CPID", "CPID1234"),
        ("KIWOOM_TEST_AUTH_KEY", KEY),
        ("DATABASE_URL", database),
    ];
    if !trusted.is_empty() {
        settings.push(("SSL_CERT_FILE", trusted));
    }
    let told = run(&["check"], &settings).unwrap_err();
    line(&told, "ok", "gateway DNS");
    assert!(line(&told, "failed", "gateway TLS").contains(why), "{gateway}: {told}");
    line(&told, "skipped", "CARD-KEYGEN");
    assert!(!told.contains(KEY), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_trusted_is_told_from_a_port_without_tls() {
    let database = new_database().await;
    let server = TlsServer::start("localhost", VALID);
    let world = World::start().await;
    let plain = world.sandbox.base.replace("http://", "https://");
    for (gateway, why) in [
        (format!("https://localhost:{}", server.port), "the certificate is not trusted"),
        (plain, "no TLS 1.2 or later is spoken there"),
        (format!("https://127.0.0.1:{}", free_port()), "let connections to port 443 out"),
    ] {
        tls_fails(&database, &gateway, "", why);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_certificate_has_to_be_the_host_s_and_valid_today() {
    let database = new_database().await;
    for (host, dates, why) in [
        ("elsewhere.example", VALID, "the certificate is another host's"),
        ("localhost", OVER, "the certificate is not valid at this time"),
        ("localhost", NOT_YET, "the certificate is not valid at this time"),
    ] {
        let server = TlsServer::start(host, dates);
        let gateway = format!("https://localhost:{}", server.port);
        tls_fails(&database, &gateway, &server.certificate(), why);
    }
    let server = TlsServer::start("localhost", VALID);
    let gateway = format!("https://localhost:{}", server.port);
    let told = check_beside_no_gateway(&[
        ("SSL_CERT_FILE", &server.certificate()),
        ("KIWOOM_BASE_URL", &gateway),
        ("DATABASE_URL", &database),
    ]);
    line(&told, "ok", "gateway TLS");
    assert!(line(&told, "failed", "CARD-KEYGEN").contains("no proper answer"), "{told}");
}
