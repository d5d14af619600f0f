//! The connection breaks while PostgreSQL commits an intent: nobody knows yet whether the row will
//! be there, and nothing was sent for it.

use std::str::FromStr;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

use crate::support::app::{TestApp, one_off};
use crate::support::postgres;

const SLOW_COMMIT: &str = "
    create function slow() returns trigger language plpgsql as $$
        begin perform pg_sleep(2); return null; end $$;
    create constraint trigger slow after insert on payments deferrable initially deferred
        for each row execute function slow();
    create constraint trigger slow after insert on refunds deferrable initially deferred
        for each row execute function slow();";
const QUICK_COMMIT: &str = "drop function slow cascade";

/// Passes connections on to a server and breaks them all when told to.
struct Wire {
    url: String,
    cut: watch::Sender<u32>,
}

impl Wire {
    async fn to(database_url: &str) -> Self {
        let server = PgConnectOptions::from_str(database_url).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cut, cuts) = watch::channel(0);
        let database = server.get_database().unwrap_or_default();
        let user = server.get_username();
        let url = format!("postgres://{user}@127.0.0.1:{port}/{database}?sslmode=disable");
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut cuts = cuts.clone();
                cuts.mark_unchanged();
                tokio::spawn(pass(client, server.clone(), cuts));
            }
        });
        Self { url, cut }
    }

    fn cut(&self) {
        self.cut.send_modify(|times| *times += 1);
    }
}

async fn pass(mut client: TcpStream, server: PgConnectOptions, mut cuts: watch::Receiver<u32>) {
    let ended = async {
        match server.get_socket() {
            Some(dir) => {
                let path = dir.join(format!(".s.PGSQL.{}", server.get_port()));
                let mut server = UnixStream::connect(path).await.unwrap();
                drop(copy_bidirectional(&mut client, &mut server).await);
            }
            None => {
                let address = (server.get_host(), server.get_port());
                let mut server = TcpStream::connect(address).await.unwrap();
                drop(copy_bidirectional(&mut client, &mut server).await);
            }
        }
    };
    tokio::select! {
        () = ended => {}
        _ = cuts.changed() => {}
    }
}

/// A service behind a wire, its database and a card.
async fn started() -> (Wire, TestApp, sqlx::PgPool, String) {
    let direct = postgres::new_database().await;
    let wire = Wire::to(&direct).await;
    let app = TestApp::with(&[("DATABASE_URL", &wire.url)]).await;
    let pool = sqlx::PgPool::connect(&postgres::as_owner(&direct)).await.unwrap();
    let key = app.register("4111111111111111").await;
    (wire, app, pool, key)
}

/// Posts, and cuts the wire while the commit of the intent is under way: it takes two seconds.
async fn cut_in_commit(app: &TestApp, wire: &Wire, path: &str, body: &Value) {
    let cut = async {
        tokio::time::sleep(Duration::from_millis(800)).await;
        wire.cut();
    };
    let (reply, ()) = tokio::join!(app.post(path, body), cut);
    reply.fails(503, "database_unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_whose_commit_comes_after_the_break_is_taken_back_all_the_same() {
    let (wire, app, pool, key) = started().await;
    let paid = app.pay(&key).await.data(200);
    sqlx::raw_sql(SLOW_COMMIT).execute(&pool).await.unwrap();

    let order = one_off(&key);
    let refund = json!({"paymentId": paid["id"], "amount": 1000});
    for (path, body) in [("/billing/pay", &order), ("/billing/refund", &refund)] {
        cut_in_commit(&app, &wire, path, body).await;
    }

    let open = "select (select count(*) from payments where state <> 'approved')
        + (select count(*) from refunds) + (select sum(refunding_amount)::bigint from payments)";
    let open: i64 = sqlx::query_scalar(open).fetch_one(&pool).await.unwrap();
    assert_eq!(open, 0, "a row that nobody sends anything for");
    let ledger = app.ledger().await;
    assert_eq!((ledger.len(), &ledger[0]["canceledAmount"]), (1, &json!(0)));
    sqlx::raw_sql(QUICK_COMMIT).execute(&pool).await.unwrap();
    app.post("/billing/refund", &refund).await.data(200);
}

/// The statement waits for the card when the connection breaks: PostgreSQL does not notice, and commits it
/// once the card is free.
#[tokio::test(flavor = "multi_thread")]
async fn an_intent_that_had_not_begun_to_be_written_is_taken_back_all_the_same() {
    let (wire, app, pool, key) = started().await;
    let mut card = pool.begin().await.unwrap();
    sqlx::raw_sql("select from billing_keys for update").execute(&mut *card).await.unwrap();
    let released = async {
        until_somebody_waits(&pool, 1).await;
        wire.cut();
        // Who takes it back waits behind it.
        until_somebody_waits(&pool, 2).await;
        card.commit().await.unwrap();
    };
    let order = one_off(&key);
    let (reply, ()) = tokio::join!(app.post("/billing/pay", &order), released);
    reply.fails(503, "database_unavailable");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let rows: i64 =
        sqlx::query_scalar("select count(*) from payments").fetch_one(&pool).await.unwrap();
    assert_eq!(rows, 0, "a row that nobody sends anything for");
    assert_eq!(app.ledger().await.len(), 0);
    app.pay(&key).await.data(200);
}

async fn until_somebody_waits(pool: &sqlx::PgPool, many: i64) {
    let sql = "select count(*) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'";
    for _ in 0..1000 {
        if sqlx::query_scalar::<_, i64>(sql).fetch_one(pool).await.unwrap() >= many {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{many} do not wait");
}

/// A process that has taken the request over has the same id, and may have sent its charge.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_intends_is_not_taken_back() {
    let (wire, app, pool, key) = started().await;
    let paid = app.pay(&key).await.data(200);
    let others = "create function others() returns trigger language plpgsql as
            $$ begin new.sender := 999999; return new; end $$;
        create trigger others before insert on payments for each row execute function others();
        create trigger others before insert on refunds for each row execute function others();";
    sqlx::raw_sql(others).execute(&pool).await.unwrap();
    sqlx::raw_sql(SLOW_COMMIT).execute(&pool).await.unwrap();
    let order = one_off(&key);
    let refund = json!({"paymentId": paid["id"], "amount": 1000});
    for (path, body) in [("/billing/pay", &order), ("/billing/refund", &refund)] {
        cut_in_commit(&app, &wire, path, body).await;
    }
    let kept = "select (select count(*) from payments where sender = 999999)
        + (select count(*) from refunds where sender = 999999)";
    let kept: i64 = sqlx::query_scalar(kept).fetch_one(&pool).await.unwrap();
    assert_eq!(kept, 2);
}
