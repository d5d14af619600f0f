//! A closed day never changes: what comes late is booked on the first open day.

use std::time::Duration;

use kiwoom_billing::books;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::{agree, approved, at, movements, summary};
use crate::support::app::TestApp;
use crate::support::subscriptions::APPROVED;
use crate::support::window::ALL_ON;

async fn month_of(app: &TestApp, day: chrono::NaiveDate) -> Value {
    let from = day.format("%Y-%m-01").to_string();
    let from: chrono::NaiveDate = from.parse().unwrap();
    let to = from + chrono::Months::new(1);
    summary(app, &format!("from={from}&to={to}&by=month")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_past_month_stays_as_it_was_whatever_is_found_out_later() {
    let app = TestApp::at_noon(ALL_ON).await;
    let key = app.register(APPROVED).await;
    let sale = app.pay(&key).await.data(200);
    app.pay_unheard("O-1", Some("KAKAOPAY")).await;
    let month = app.today();
    let open = month_of(&app, month).await;
    assert_eq!(open["total"]["gross"], 9900);
    let next = app.today().format("%Y-%m-01").to_string().parse::<chrono::NaiveDate>().unwrap()
        + chrono::Months::new(1);
    app.advance_to(&format!("{next}T12:00:00+09:00")).await;
    books::close(&app.service.ctx).await.unwrap();
    let closed = month_of(&app, month).await;
    assert_eq!(closed["closedThrough"], json!(next.pred_opt().unwrap().to_string()));
    assert_eq!((&closed["total"], &closed["periods"]), (&open["total"], &open["periods"]));

    // Of that month: a refund of its sale, a payment that nobody had heard of, and rows that are told to
    // be of its days.
    app.post("/billing/refund", &json!({"paymentId": sale["id"]})).await.data(200);
    let transaction = app.ledger().await[1]["transactionId"].clone();
    let found = json!({"transactionId": transaction, "reason": "가맹점 관리자에서 확인"});
    app.post("/easypay/order/O-1/resolve", &found).await.data(200);
    let then = format!("{month}T12:00:00+09:00");
    at(&app, &then, &[approved("O-2", "user123", 500, &then)]).await;
    let after = month_of(&app, month).await;
    assert_eq!((&after["total"], &after["periods"]), (&closed["total"], &closed["periods"]));
    let late = movements(&app, &format!("from={next}")).await;
    let of =
        |m: &Value| (m["amount"].as_i64().unwrap(), m["bookedOn"].clone(), m["movedOn"].clone());
    let today = json!(next.to_string());
    assert_eq!(of(&late[0]), (500, today.clone(), json!(month.to_string())));
    assert_eq!(late.len(), 3);
    assert!(late.iter().all(|m| m["bookedOn"] == today), "{late:?}");
    // By the day it moved it stands where it was.
    let moved = movements(&app, &format!("date=moved&to={next}")).await;
    assert!(moved.iter().any(|m| m["amount"] == 500) && moved.len() >= 2, "{moved:?}");
    agree(&app).await;
    // They are closed in their turn, with the same sums.
    let open = month_of(&app, next).await;
    app.advance_days(2).await;
    books::close(&app.service.ctx).await.unwrap();
    let closed = month_of(&app, next).await;
    assert_eq!((&closed["total"], &closed["periods"]), (&open["total"], &open["periods"]));
    let sums = "select count(*) from movement_days where day < $1";
    let days: i64 =
        sqlx::query_scalar(sums).bind(app.today()).fetch_one(&app.service.ctx.pool).await.unwrap();
    assert!(days >= 3, "{days}");
    agree(&app).await;
}

async fn close(db: &mut PgConnection, today: &str) -> Option<chrono::NaiveDate> {
    let sql = format!("select close_movements('{today}')");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(db).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_writing_when_a_day_is_closed_is_waited_for() {
    let app = TestApp::with(&[("SCHEDULER_INTERVAL_SECS", "3600")]).await;
    let (before, day, next) = ("2999-02-28", "2999-03-01", "2999-03-02");
    let url = app.setting("DATABASE_URL").to_owned();
    let mut writer = PgConnection::connect(&url).await.unwrap();
    let mut closer = PgConnection::connect(&url).await.unwrap();
    let mut tx = writer.begin().await.unwrap();
    let now = format!("{day}T23:59:59+09:00");
    let begin = format!("set local kiwoom.now = '{now}'");
    sqlx::query(AssertSqlSafe(begin)).execute(&mut *tx).await.unwrap();
    let row = approved("O-1", "user123", 100, &now);
    sqlx::query(AssertSqlSafe(row)).execute(&mut *tx).await.unwrap();
    // Not for ever: two seconds, then the day stays open.
    let started = tokio::time::Instant::now();
    let open = close(&mut closer, next).await;
    assert!(open.is_none_or(|through| through.to_string().as_str() < before), "{open:?}");
    assert!(started.elapsed() > Duration::from_millis(1900), "{:?}", started.elapsed());
    let waiting = tokio::spawn(async move {
        let through = close(&mut closer, "2999-03-02").await;
        (through, closer)
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    tx.commit().await.unwrap();
    let (through, mut closer) = waiting.await.unwrap();
    assert_eq!(through.unwrap().to_string(), day);
    let of_day = summary(&app, &format!("from={day}&to={next}")).await;
    assert_eq!(of_day["total"]["gross"], 100, "it was there when the day was summed up");
    // What is told to be of a closed day, and of one far ahead.
    at(&app, &now, &[approved("O-2", "user123", 10, &now)]).await;
    let ahead = "2999-03-05T00:00:00+09:00";
    at(&app, ahead, &[approved("O-3", "user123", 1, ahead)]).await;
    // To close again, or an earlier day, changes nothing.
    for today in [next, day, before] {
        assert_eq!(close(&mut closer, today).await.unwrap().to_string(), day, "{today}");
    }
    let of_day = summary(&app, &format!("from={day}&to={next}")).await;
    assert_eq!(of_day["total"]["gross"], 100);
    let booked = movements(&app, "").await;
    let days: Vec<_> = booked.iter().map(|m| m["bookedOn"].as_str().unwrap()).collect();
    assert_eq!(days, ["2999-03-05", "2999-03-02", "2999-03-01"]);
    agree(&app).await;
}

/// Two processes close the same days at once, while callers pay.
#[tokio::test(flavor = "multi_thread")]
async fn processes_that_close_and_write_at_once_count_each_movement_once() {
    let app = TestApp::with(&[("SCHEDULER_INTERVAL_SECS", "3600")]).await;
    let day = |n: usize| format!("2999-03-{:02}", 1 + n);
    let writers = (0..4).map(|writer| {
        let app = &app;
        async move {
            for (n, won) in (0..10).zip(100..) {
                let now = format!("{}T12:00:00+09:00", day(n));
                let order = format!("O-{writer}-{n}");
                at(app, &now, &[approved(&order, "user123", won, &now)]).await;
            }
        }
    });
    let closers = (0..2).map(|_| {
        let url = app.setting("DATABASE_URL").to_owned();
        async move {
            let mut db = PgConnection::connect(&url).await.unwrap();
            for n in 1..=10 {
                close(&mut db, &day(n)).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    tokio::join!(futures::future::join_all(writers), futures::future::join_all(closers));
    let whole = agree(&app).await;
    assert_eq!((&whole["total"]["count"], &whole["total"]["gross"]), (&json!(40), &json!(4180)));
    assert_eq!(whole["closedThrough"], json!("2999-03-10"));
}
