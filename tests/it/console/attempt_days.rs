//! Past days are summed up once, and again when something of them has changed.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::app::{TestApp, one_off};
use crate::support::subscriptions::{ALWAYS_SHORT, ANSWER_LOST, APPROVED, SHORT_AT_FIRST, monthly};

const FIGURES: [&str; 3] = ["attempts", "declines", "retries"];

struct Figures<'a> {
    app: &'a TestApp,
    pool: PgPool,
}

impl Figures<'_> {
    async fn of(&self, days: u32) -> Value {
        let all = self.app.get(&format!("/billing/overview?days={days}")).await.data(200);
        FIGURES.iter().map(|name| ((*name).to_owned(), all[*name].clone())).collect()
    }

    async fn kept(&self) -> i64 {
        let kept = "select count(*) from attempt_days k
            where not exists (select from attempt_days_changed c where c.day = k.day)";
        sqlx::query_scalar(kept).fetch_one(&self.pool).await.unwrap()
    }

    /// The figures when every day is counted from its payments.
    async fn counted(&self, days: u32) -> Value {
        // Whoever sums days up holds this lock; while it is taken they are counted.
        let mut other = self.pool.begin().await.unwrap();
        let lock = sqlx::query("select pg_advisory_xact_lock(hashtext('attempt_days'))");
        lock.execute(&mut *other).await.unwrap();
        let all = "insert into attempt_days_changed (day) select day from attempt_days";
        sqlx::query(all).execute(&self.pool).await.unwrap();
        assert_eq!(self.kept().await, 0);
        let figures = self.of(days).await;
        other.rollback().await.unwrap();
        figures
    }
}

async fn made(app: &TestApp) -> String {
    let lost = app.register(ANSWER_LOST).await;
    let unknown = app.post("/billing/pay", &one_off(&lost)).await.data(202);
    for (plan, card) in [("short", SHORT_AT_FIRST), ("never", ALWAYS_SHORT), ("good", APPROVED)] {
        let key = app.register(card).await;
        let mut body = monthly(&key);
        body["planId"] = json!(plan);
        app.post("/billing/subscribe", &body).await.data(201);
    }
    unknown["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn days_that_are_kept_are_those_that_are_counted() {
    let app = TestApp::start().await;
    let id = made(&app).await;
    app.advance_days(45).await;
    let figures = Figures { app: &app, pool: app.service.ctx.pool.clone() };
    let first = figures.of(60).await;
    assert_eq!(figures.kept().await, 58, "all but yesterday and today");
    assert!(first["retries"].as_array().unwrap().len() > 1, "{first}");
    assert_eq!(figures.of(60).await, first, "kept");
    assert_eq!(figures.counted(60).await, first, "counted");
    assert_eq!(figures.of(60).await, first, "kept again");
    assert_eq!(figures.kept().await, 58);

    let found = json!({"outcome": "approved", "reason": "확인", "transactionId": "T1"});
    app.post(&format!("/billing/payment/{id}/resolve"), &found).await.data(200);
    let settled = figures.of(60).await;
    let on = |figures: &Value| {
        let days = figures["attempts"].as_array().unwrap();
        days.iter().filter_map(|day| day["unknown"].as_i64()).sum::<i64>()
    };
    assert_eq!((on(&first), on(&settled)), (1, 0));
    assert_eq!(figures.counted(60).await, settled);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_or_comes_while_days_are_summed_up_is_not_left_out() {
    let app = TestApp::start().await;
    let id = made(&app).await;
    app.advance_days(20).await;
    let figures = Figures { app: &app, pool: app.service.ctx.pool.clone() };
    let id = uuid::Uuid::parse_str(id.split_once('_').unwrap().1).unwrap();
    let settle = sqlx::query(
        "update payments set state = 'declined', failure_code = '9999', settled_at = now()
         where id = $1",
    );
    let late = sqlx::query(
        "insert into payments (id, order_no, kind, state, amount, product_name, initiated_by,
            failure_code, created_at)
         select gen_random_uuid(), 'LATE', 'one_off', 'declined', 700, 'x', 'merchant', '9998',
            created_at from payments where id = $1",
    );
    for (change, code) in [(settle, "9999"), (late, "9998")] {
        let before = figures.of(30).await;
        let mut tx = figures.pool.begin().await.unwrap();
        let now = sqlx::query("select set_config('kiwoom.now', $1, true)");
        now.bind(app.service.ctx.clock.now().to_rfc3339()).execute(&mut *tx).await.unwrap();
        change.bind(id).execute(&mut *tx).await.unwrap();
        sqlx::query("delete from attempt_days").execute(&figures.pool).await.unwrap();
        assert_eq!(figures.of(30).await, before, "{code}: not committed yet");
        tx.commit().await.unwrap();
        let after = figures.of(30).await;
        assert!(after["declines"].as_array().unwrap().iter().any(|d| d["code"] == code), "{after}");
        assert_eq!(figures.counted(30).await, after, "{code}");
    }
}
