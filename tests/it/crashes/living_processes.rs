//! A process that lives is not taken for dead because its connection has died, and one that may live
//! is given its time.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};

use super::{begin, delay_after, unknown};
use crate::support::app::one_off;
use crate::support::postgres::{as_owner, empty_database};
use crate::support::process::{Folder, Process, World, migrate};

const OTHER: [(&str, &str); 1] = [("SCHEDULER_INTERVAL_SECS", "1")];

/// The server's process that holds the lock of whoever sends.
const HOLDER: &str = "select pid from pg_locks where locktype = 'advisory' and granted
    and objid::bigint = (select sender from payments where state = 'sending')
    and database = (select oid from pg_database where datname = current_database())";

async fn holder(db: &mut PgConnection) -> Option<i32> {
    sqlx::query_scalar(HOLDER).fetch_optional(db).await.unwrap()
}

async fn terminate(db: &mut PgConnection, pid: i32) {
    let sql = "select pg_terminate_backend($1, 5000)";
    let ended: bool = sqlx::query_scalar(sql).bind(pid).fetch_one(db).await.unwrap();
    assert!(ended);
}

async fn state(db: &mut PgConnection) -> String {
    sqlx::query_scalar("select state from payments").fetch_one(db).await.unwrap()
}

/// For `secs` seconds the call is under way to everybody; at the end its lock is held.
async fn assert_under_way(db: &mut PgConnection, secs: u64) {
    let until = Instant::now() + Duration::from_secs(secs);
    while Instant::now() < until {
        assert_eq!(state(db).await, "sending");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(holder(db).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_cut_again_and_again_is_taken_again_and_its_call_stays_under_way() {
    let world = World::start().await;
    let sender = Arc::new(world.service("sender", &[]).await);
    let other = world.service("other", &OTHER).await;
    let key = sender.register().await;
    world.fault(delay_after("CARD-BATCH", 10_000)).await;
    begin(&world, &sender, "/billing/pay", one_off(&key), |l| l.len() == 1).await;
    let mut db = world.owner().await;
    for _ in 0..2 {
        let pid = holder(&mut db).await.unwrap();
        terminate(&mut db, pid).await;
        assert_under_way(&mut db, 4).await;
    }
    let approved = || other.get("/billing/payments?status=approved");
    other.until(approved, |reply| reply.data(200)["items"][0]["amount"] == 9900).await;
    assert_eq!(world.calls("CARD-BATCH").await, 1);
}

/// A way to the server that can go silent: what is connected by then hears nothing any more, and is
/// not told.
struct Path {
    port: u16,
    silent: Arc<AtomicBool>,
}

impl Path {
    async fn to(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let silent = Arc::new(AtomicBool::new(false));
        let path = Self { port, silent: silent.clone() };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&socket).await.unwrap();
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let born_silent = silent.load(Ordering::SeqCst);
                let silent = (!born_silent).then(|| silent.clone());
                tokio::spawn(copy(from_client, to_server, silent.clone()));
                tokio::spawn(copy(from_server, to_client, silent));
            }
        });
        path
    }
}

/// `silent`: of a connection that was made before the silence.
async fn copy(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    silent: Option<Arc<AtomicBool>>,
) {
    let mut bytes = vec![0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if silent.as_ref().is_some_and(|silent| silent.load(Ordering::SeqCst)) {
            // Neither side is closed.
            std::future::pending::<()>().await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            break;
        }
    }
    drop(to.shutdown().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_went_silent_is_left_for_another_before_the_server_gives_it_up() {
    let world = World::start().await;
    let url = url::Url::parse(&world.database_url).unwrap();
    let folder = url.query_pairs().find(|(name, _)| name == "host");
    let Some((_, folder)) = folder else {
        println!("skipped: DATABASE_URL names no socket");
        return;
    };
    let path = Path::to(PathBuf::from(&*folder).join(".s.PGSQL.5432")).await;
    let database = url.path();
    let through =
        format!("postgres://{}@127.0.0.1:{}{database}?sslmode=disable", url.username(), path.port);
    let sender = Arc::new(world.service("sender", &[("DATABASE_URL", &through)]).await);
    let _other = world.service("other", &OTHER).await;
    let key = sender.register().await;
    world.fault(delay_after("CARD-BATCH", 30_000)).await;
    begin(&world, &sender, "/billing/pay", one_off(&key), |l| l.len() == 1).await;
    let mut db = world.owner().await;
    let silent = holder(&mut db).await.unwrap();
    path.silent.store(true, Ordering::SeqCst);
    // Time to notice; then the server gives the connection up, as it does some day.
    assert_under_way(&mut db, 8).await;
    terminate(&mut db, silent).await;
    assert_under_way(&mut db, 4).await;
    assert_ne!(holder(&mut db).await, Some(silent));
}

/// The process may live on, cut off: only time tells. It was killed on another machine, as far as
/// this one can see.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_process_was_not_seen_to_end_is_settled_by_hand_after_a_whole_time_out() {
    const SECRET: (&str, &str) = super::SECRET;
    let world = World::start().await;
    let elsewhere = Folder::new();
    let data_dir = elsewhere.display().to_string();
    let sender = world.service("sender", &[SECRET, ("DATA_DIR", &data_dir)]).await;
    let sender = Arc::new(sender);
    let timeout = ("KIWOOM_TIMEOUT_SECS", "15");
    let other = world.service("other", &[SECRET, OTHER[0], timeout]).await;
    let key = sender.register().await;
    world.fault(delay_after("CARD-BATCH", 5_000)).await;
    begin(&world, &sender, "/billing/pay", one_off(&key), |l| l.len() == 1).await;
    let sent = Instant::now();
    sender.signal("KILL");
    let payment = unknown(&other, 1).await.remove(0);
    assert!(sent.elapsed() > Duration::from_secs(8), "{:?}", sent.elapsed());
    let path = format!("/billing/payment/{}/resolve", payment["id"].as_str().unwrap());
    let found: Value = json!({"outcome": "declined", "reason": "확인"});
    other.settle_by_hand(&path, &found).await.data(200);
    assert!(sent.elapsed() > Duration::from_secs(18), "{:?}", sent.elapsed());
}

/// Each schema has numbers of its own, which are the same ones.
#[tokio::test(flavor = "multi_thread")]
async fn two_services_in_two_schemas_of_a_database_do_not_take_each_other_for_themselves() {
    let database = as_owner(&empty_database().await);
    let mut db = PgConnection::connect(&database).await.unwrap();
    let dir = Folder::new();
    let mut services = Vec::new();
    for schema in ["one", "two"] {
        let sql = AssertSqlSafe(format!("create schema {schema}"));
        sqlx::query(sql).execute(&mut db).await.unwrap();
        let separator = if database.contains('?') { '&' } else { '?' };
        let url = format!("{database}{separator}options=-csearch_path%3D{schema}");
        migrate(&url, &[]).unwrap();
        let data_dir = dir.join(schema).display().to_string();
        let settings = [("DATABASE_URL", url.as_str()), ("DATA_DIR", &data_dir)];
        services.push(Process::service(&dir, schema, &settings).await);
    }
    let numbers: Vec<i32> = sqlx::query_scalar(
        "select number from one.processes union all select number from two.processes",
    )
    .fetch_all(&mut db)
    .await
    .unwrap();
    assert_eq!(numbers, [1, 1]);
    let locks: i64 = sqlx::query_scalar(
        "select count(distinct classid) from pg_locks where locktype = 'advisory' and objid::bigint = 1
            and mode = 'ShareLock'
            and database = (select oid from pg_database where datname = current_database())",
    )
    .fetch_one(&mut db)
    .await
    .unwrap();
    assert_eq!(locks, 2);
    for service in &services {
        let key = service.register().await;
        service.post("/billing/pay", &one_off(&key)).await.data(200);
    }
}
