//! A pooler between the service and the server: PgBouncer, when it is installed.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kiwoom_billing::storage::database::private::{DATABASE, StartOptions};
use serde_json::json;
use sqlx::{Connection, PgConnection};

use crate::support::app::one_off;
use crate::support::process::{Folder, Process, free_port, run};

struct Pooler {
    child: Child,
    url: String,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// `None` when it is not installed.
async fn pooler(dir: &Path, socket: &Path, mode: &str) -> Option<Pooler> {
    let port = free_port();
    let (users, settings) = (dir.join("users"), dir.join(format!("{mode}.ini")));
    std::fs::write(&users, "\"kiwoom\" \"\"\n").unwrap();
    let text = format!(
        "[databases]\n* = host={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
         unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = {mode}\n\
         ignore_startup_parameters = extra_float_digits\ndefault_pool_size = 30\n",
        socket.parent().unwrap().display(),
        users.display()
    );
    std::fs::write(&settings, text).unwrap();
    // It does not run as root, and reads its files as whoever may reach the server's socket.
    let open = Command::new("chmod").args(["-R", "a+rX"]).arg(dir).status().unwrap();
    assert!(open.success());
    let mut command = Command::new("pgbouncer");
    command.args(["-q", "-u", &owner_of(socket)]).arg(&settings);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    let url = format!("postgres://kiwoom@127.0.0.1:{port}/{DATABASE}?sslmode=disable");
    let pooler = Pooler { child, url };
    for _ in 0..200 {
        if PgConnection::connect(&pooler.url).await.is_ok() {
            return Some(pooler);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("PgBouncer does not answer");
}

fn owner_of(path: &Path) -> String {
    let told = Command::new("stat").args(["-c", "%U"]).arg(path).output().unwrap();
    String::from_utf8(told.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_pooling_is_refused_and_session_pooling_serves() {
    if Command::new("pgbouncer").arg("--version").output().is_err() {
        println!("skipped: pgbouncer");
        eprintln!("skipped: pgbouncer is not installed");
        return;
    }
    let dir = Folder::new();
    let server = StartOptions::new(&*dir).for_tests().start().await.unwrap();
    let files = Folder::new();
    for mode in ["transaction", "statement"] {
        let pooler = pooler(&files, &server.socket(), mode).await.unwrap();
        for command in ["serve", "migrate", "resume-charging"] {
            for _ in 0..3 {
                let settings = [("DATABASE_URL", pooler.url.as_str()), ("PORT", "0")];
                let told = run(&[command], &settings).unwrap_err();
                assert!(told.contains("pool_mode = session"), "{mode}, {command}: {told}");
            }
        }
    }
    // Nothing is left behind: no lock, no table.
    let mut db = PgConnection::connect(&server.url(DATABASE)).await.unwrap();
    let left = "select (select count(*) from pg_locks where locktype = 'advisory')
        + (select count(*) from pg_tables where schemaname = 'public')";
    let left: i64 = sqlx::query_scalar(left).fetch_one(&mut db).await.unwrap();
    assert_eq!(left, 0);

    let pooler = pooler(&files, &server.socket(), "session").await.unwrap();
    let data_dir = dir.join("service").display().to_string();
    // As many connections as the message says.
    let settings = [
        ("DATABASE_URL", pooler.url.as_str()),
        ("DATA_DIR", &data_dir),
        ("DATABASE_MAX_CONNECTIONS", "5"),
    ];
    let service = Process::service(&dir, "service", &settings).await;
    let key = service.register().await;
    service.post("/billing/pay", &one_off(&key)).await.data(200);
    let body = json!({"billingKey": key, "customerId": "user123", "planId": "p", "amount": 9900,
        "productName": "월간", "cycleDay": 15});
    service.post("/billing/subscribe", &body).await.data(201);
    drop(service);
    db.close().await.unwrap();
    server.stop().await;
}
