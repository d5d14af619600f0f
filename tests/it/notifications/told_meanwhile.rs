//! What is told while its money is being recorded, with an order number too; and what is judged by what was
//! seen before a lock.

use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};

use super::missed_cancellations::later;
use crate::support::app::{Reply, TestApp};
use crate::support::window::{answered, canceled, paid, prepare, status, tell};

/// A commit that takes as long as somebody else holds the lock: as with a slow disk, or a replica that has
/// to confirm it.
const HELD_COMMIT: &str = "
    create function held() returns trigger language plpgsql as $$
        begin perform pg_advisory_xact_lock_shared(4711); return null; end $$;
    create constraint trigger held after insert or update on payments deferrable initially deferred
        for each row execute function held();";
/// A verdict that is written as waiting, in place of another one, as late as somebody likes.
const HELD_VERDICT: &str = "
    create function held() returns trigger language plpgsql as $$
        begin perform pg_advisory_xact_lock_shared(4711); return new; end $$;
    create trigger held before update on notifications for each row
        when (new.verdict = 'waiting' and old.verdict <> 'waiting') execute function held();";
/// The first verdict that is written.
const HELD_FIRST_VERDICT: &str = "
    create sequence verdicts;
    grant usage on sequence verdicts to public;
    create function held() returns trigger language plpgsql as $$
        begin
            if nextval('verdicts') = 1 then perform pg_advisory_xact_lock_shared(4711); end if;
            return null;
        end $$;
    create trigger held before update of verdict on notifications for each statement
        execute function held();";

async fn hold(app: &TestApp, what: &'static str) -> PgConnection {
    let mut db = app.owner().await;
    db.execute(what).await.unwrap();
    db.execute("select pg_advisory_lock(4711)").await.unwrap();
    db
}

async fn let_go(db: &mut PgConnection) {
    db.execute("select pg_advisory_unlock(4711)").await.unwrap();
}

async fn no_more(mut db: PgConnection) {
    db.execute("drop function held cascade").await.unwrap();
}

/// Until so many wait for another one.
async fn until_waiting(db: &mut PgConnection, wanted: i64) {
    let query = "select count(*) from pg_stat_activity
        where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0";
    for _ in 0..2000 {
        let waiting: i64 = sqlx::query_scalar(query).fetch_one(&mut *db).await.unwrap();
        if waiting >= wanted {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("nobody waits");
}

/// The payment is told while a verdict is held, until it is recorded, or waits too.
async fn pay_meanwhile(app: &TestApp, db: &mut PgConnection) -> Reply {
    until_waiting(db, 1).await;
    let mut look = app.owner().await;
    let money = paid("O-1", "t1", 9900);
    let mut told = std::pin::pin!(tell(app, &money));
    tokio::select! {
        told = &mut told => {
            let_go(db).await;
            return told;
        }
        () = until_waiting(&mut look, 2) => let_go(db).await,
    }
    told.await
}

/// The second is told while the first is being committed.
async fn tell_in_its_commit(app: &TestApp, money: &str, back: &str) {
    let mut db = hold(app, HELD_COMMIT).await;
    let elsewhere = async {
        until_waiting(&mut db, 1).await;
        let elsewhere = async {
            until_waiting(&mut db, 2).await;
            let_go(&mut db).await;
        };
        let (told, ()) = tokio::join!(tell(app, back), elsewhere);
        told
    };
    let (first, second) = tokio::join!(tell(app, money), elsewhere);
    answered(&first, 200);
    answered(&second, 200);
    no_more(db).await;
}

async fn verdicts(app: &TestApp, kind: &str) -> Vec<String> {
    let query = sqlx::query_scalar("select verdict from notifications where kind = $1 order by id");
    query.bind(kind).fetch_all(&app.service.ctx.pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_of_unexpected_money_that_is_just_being_kept_is_learnt() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    // Another amount: kept beside the order, by its own transaction id.
    let (money, back) = (paid("O-1", "t1", 1000), canceled("O-1", "t1", 1000, 1));
    tell_in_its_commit(&app, &money, &back).await;
    let app = later(app).await;
    let kept = status(&app, "O-1").await["unexpectedPayments"][0].clone();
    assert_eq!(
        (&kept["status"], &kept["refundableAmount"]),
        (&json!("refunded"), &json!(0)),
        "SUCCESS was answered, and nobody tells again: {:?}",
        verdicts(&app, "cancellation").await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_of_unexpected_money_that_turns_out_to_be_the_orders_own_is_learnt() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    answered(&tell(&app, &paid("O-1", "t1", 1000)).await, 200);
    let (money, back) = (paid("O-1", "t1", 9900), canceled("O-1", "t1", 4000, 1));
    tell_in_its_commit(&app, &money, &back).await;
    let app = later(app).await;
    let order = status(&app, "O-1").await;
    assert_eq!(
        (&order["paidAmount"], &order["canceledAmount"]),
        (&json!(9900), &json!(4000)),
        "SUCCESS was answered, and nobody tells again: {:?}",
        verdicts(&app, "cancellation").await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_waits_after_all_is_seen_by_its_payment() {
    let app = TestApp::start().await;
    let back = canceled("O-1", "t1", 4000, 1);
    answered(&tell(&app, &back).await, 404);
    prepare(&app, "O-1").await;
    let mut db = hold(&app, HELD_VERDICT).await;
    let (first, second) = tokio::join!(tell(&app, &back), pay_meanwhile(&app, &mut db));
    answered(&first, 200);
    answered(&second, 200);
    no_more(db).await;
    let app = later(app).await;
    let order = status(&app, "O-1").await;
    assert_eq!(
        (&order["paidAmount"], &order["canceledAmount"]),
        (&json!(9900), &json!(4000)),
        "SUCCESS was answered, and nobody tells again: {:?}",
        verdicts(&app, "cancellation").await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contradiction_stays_one_though_its_own_request_is_late() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    let mut db = hold(&app, HELD_FIRST_VERDICT).await;
    // More than is going to be paid.
    let back = canceled("O-1", "t1", 9901, 1);
    let (first, second) = tokio::join!(tell(&app, &back), pay_meanwhile(&app, &mut db));
    answered(&first, 200);
    answered(&second, 200);
    no_more(db).await;
    assert_eq!(verdicts(&app, "cancellation").await, ["contradiction"]);
    let app = later(app).await;
    assert_eq!(verdicts(&app, "cancellation").await, ["contradiction"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_was_closed_while_its_late_payment_was_judged_stays_closed() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    app.advance_days(1).await;
    assert_eq!(status(&app, "O-1").await["status"], "expired");
    let (mut db, mut other) = (app.owner().await, app.owner().await);
    let mut held = db.begin().await.unwrap();
    held.execute("select from payments where order_no = 'O-1' for update").await.unwrap();
    let close = async {
        until_waiting(&mut other, 1).await;
        let let_go = async {
            until_waiting(&mut other, 2).await;
            held.rollback().await.unwrap();
        };
        let body = json!({"orderId": "O-1"});
        let (closed, ()) = tokio::join!(app.post("/easypay/cancel", &body), let_go);
        closed
    };
    let money = paid("O-1", "t1", 9900);
    let (told, closed): (Reply, Reply) = tokio::join!(tell(&app, &money), close);
    answered(&told, 200);
    assert_eq!(closed.data(200)["refund"], Value::Null, "it was never paid");
    let order = status(&app, "O-1").await;
    assert_eq!(
        (&order["status"], &order["unexpectedPayments"][0]["unexpected"]),
        (&json!("canceled"), &json!("order_closed")),
        "{order}"
    );
}
