//! The migration that gives subscriptions their paid time: a row of each kind, as earlier versions
//! wrote it, is charged on the same day and for the same amount as it would have been.

mod rows;

use chrono::DateTime;
use kiwoom_billing::payments::store::paid_time;
use kiwoom_billing::rules::ids::SubscriptionId;
use kiwoom_billing::rules::schedule::{RetryDays, Rules};
use kiwoom_billing::storage::database::MIGRATIONS;
use rows::{Old, each_kind, old};
use serde_json::{Value, json};
use sqlx::migrate::Migrator;
use sqlx::types::Json;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::support::app::TestApp;
use crate::support::long_run;
use crate::support::postgres::{SERVICE, as_owner, empty_database};
use crate::support::process::migrate;

/// The day on which the rows are looked at.
const NOW: &str = "2027-03-10T12:00:00+09:00";
const UNTIL: &str = "2028-03-31";

/// What a monthly one that is paid up to the 15th has.
fn row(id: Uuid, key: Uuid, name: &str) -> Value {
    json!({"id": id, "customer_id": name, "plan_id": "plan", "billing_key_id": key, "amount": 9900,
        "product_name": "월간 구독", "cycle_day": 15, "status": "active",
        "period_start": "2027-02-15", "next_billing_date": "2027-03-15", "retry_attempt": 0,
        "next_attempt_at": "2027-03-15T09:00:00+09:00", "cancel_at_period_end": false,
        "metadata": {}, "created_at": "2027-01-10T12:00:00+09:00", "tax_free_amount": 0,
        "billing_interval": "month", "interval_count": 1})
}

fn payment(of: (Uuid, Uuid), start: &str, end: &str, state: &str) -> Value {
    let at = format!("{start}T09:00:00+09:00");
    let id = Uuid::now_v7();
    json!({"id": id, "order_no": id, "kind": "subscription", "state": state, "amount": 9900,
        "tax_free_amount": 0, "refunded_amount": 0, "refunding_amount": 0,
        "product_name": "월간 구독", "subscription_id": of.0, "billing_key_id": of.1,
        "period_start": start, "period_end": end, "initiated_by": "scheduler",
        "transaction_id": (state == "approved").then_some(id), "created_at": at, "settled_at": at,
        "sender": (state == "sending").then_some(-1), "late": false})
}

async fn insert(db: &mut PgConnection, table: &str, row: &Value) {
    let sql = format!("insert into {table} select * from jsonb_populate_record(null::{table}, $1)");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(Json(row));
    query.execute(db).await.unwrap_or_else(|error| panic!("{table}: {error}: {row}"));
}

/// A database with the schema from before, and a card in it.
struct Before {
    database: String,
    db: PgConnection,
    key: Uuid,
    /// Reads the card.
    secret: String,
}

impl Before {
    async fn new() -> Self {
        let database = empty_database().await;
        let mut db = PgConnection::connect(&as_owner(&database)).await.unwrap();
        let this = MIGRATIONS.iter().find(|m| m.description == "paid time").unwrap().version;
        let earlier = MIGRATIONS.iter().filter(|m| m.version < this).cloned().collect();
        Migrator::with_migrations(earlier).run(&mut db).await.unwrap();
        // Its tables of cards are those of today.
        let other = TestApp::start().await;
        let key = other.register("4111111111111111").await;
        let secret = std::fs::read_to_string(other.data_dir.join("billing_key_secret")).unwrap();
        let of_then = "data_keys where purpose <> 'webhook_secrets'";
        for (table, rows) in [("data_keys", of_then), ("billing_keys", "billing_keys")] {
            let sql = format!("select to_jsonb(t) from (select * from {rows}) as t");
            let query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
            let rows: Vec<Value> = query.fetch_all(&mut other.owner().await).await.unwrap();
            for row in rows {
                insert(&mut db, table, &row).await;
            }
        }
        // The start makes one more.
        let next = "select setval('data_keys_id_seq', (select max(id) from data_keys))";
        sqlx::query(next).execute(&mut db).await.unwrap();
        let key = key.trim_start_matches("bk_").parse().unwrap();
        Self { database, db, key, secret }
    }

    fn migrate(&self) {
        migrate(&as_owner(&self.database), &["--grant-to", SERVICE]).unwrap();
    }

    async fn app(&self) -> TestApp {
        let settings =
            [("DATABASE_URL", &*self.database), ("BILLING_KEY_SECRET", self.secret.trim())];
        TestApp::with(&settings).await
    }
}

async fn store(db: &mut PgConnection, key: Uuid, old: &Old) -> Uuid {
    let id = Uuid::now_v7();
    let mut columns = row(id, key, old.name);
    let own = old.columns.as_object().unwrap().clone();
    columns.as_object_mut().unwrap().extend(own);
    insert(db, "subscriptions", &columns).await;
    for (start, end, state, own) in &old.payments {
        let mut columns = payment((id, key), start, end, state);
        columns.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        insert(db, "payments", &columns).await;
    }
    if let Some((day, amount)) = old.consent {
        let rise = columns["pending_rise"].as_str().map_or(id, |rise| rise.parse().unwrap());
        let consent = json!({"id": Uuid::now_v7(), "subscription_id": id, "rise": rise,
            "old_amount": 0, "new_amount": amount, "effective_date": "2027-03-15",
            "consented_at": format!("{day}T10:00:00+09:00"), "method": "checkbox",
            "created_at": format!("{day}T10:00:00+09:00")});
        insert(db, "price_consents", &consent).await;
    }
    id
}

/// What a row shows of its paid time.
const SHOWN: &str = "select jsonb_build_object('status', status, 'amount', amount,
        'period_start', period_start, 'next_billing_date', next_billing_date,
        'cycles_left', cycles_left, 'paid_through', paid_through, 'period_kind', period_kind,
        'next_charge', jsonb_build_array(next_charge_date, next_charge_start, next_charge_end,
            next_charge_amount, next_charge_reason),
        'rise', jsonb_build_array(rise_on, rise_amount), 'end_date', end_date,
        'legacy', jsonb_build_array(legacy_end, legacy_pause))
    from subscriptions where id = $1";

async fn shown(db: &mut PgConnection, id: Uuid) -> Value {
    sqlx::query_scalar(SHOWN).bind(id).fetch_one(db).await.unwrap()
}

async fn charges(app: &TestApp, id: Uuid) -> Vec<(String, i64)> {
    let path = format!("/billing/forecast?until={UNTIL}&subscriptionId=sub_{}", id.simple());
    let items = app.get(&path).await.data(200)["items"].as_array().unwrap().clone();
    long_run::charges(&items)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_row_is_charged_as_it_would_have_been() {
    let mut before = Before::new().await;
    let mut kinds = Vec::new();
    for old in each_kind() {
        kinds.push((store(&mut before.db, before.key, &old).await, old));
    }
    before.migrate();
    let told: i64 = sqlx::query_scalar(
        "select count(*) from events where object = 'subscription' and before is not null",
    )
    .fetch_one(&mut before.db)
    .await
    .unwrap();
    assert_eq!(told, 0, "the trail does not tell of it");
    for (id, old) in &kinds {
        let sql = "select coalesce(string_agg(to_char(starts_on, 'MM-DD ') || kind || ' ' || reason
                || ' ' || amount || ', ', '' order by starts_on)
                || to_char(max(ends_on), 'MM-DD'), '')
            from subscription_segments where subscription_id = $1";
        let found: String =
            sqlx::query_scalar(sql).bind(id).fetch_one(&mut before.db).await.unwrap();
        assert_eq!(found, old.segments, "{}", old.name);
    }

    // What the migration shows of a row is what the service would.
    let rules = Rules {
        charge_hour: 9,
        retry_days: RetryDays::default(),
        minimum: 1,
        end_without_consent: false,
    };
    let now = DateTime::parse_from_rfc3339(NOW).unwrap().to_utc();
    let mut wrong = Vec::new();
    for (id, old) in &kinds {
        let mut tx = before.db.begin().await.unwrap();
        let migrated = shown(&mut tx, *id).await;
        let id = SubscriptionId(*id);
        let mut loaded = paid_time::lock(&mut tx, id, &rules).await.unwrap().unwrap();
        paid_time::save(&mut tx, &mut loaded, now).await.unwrap();
        let after = shown(&mut tx, id.0).await;
        tx.rollback().await.unwrap();
        if after != migrated {
            wrong.push(format!("{}: {migrated} would be {after}", old.name));
        }
    }

    let app = before.app().await;
    app.advance_to(NOW).await;
    for (id, old) in &kinds {
        let charges = charges(&app, *id).await;
        let charges: Vec<_> = charges.iter().map(|(day, won)| (day.as_str(), *won)).collect();
        let told = if old.is_all { charges.len() } else { old.next.len().min(charges.len()) };
        if charges[..told] != *old.next {
            wrong.push(format!("{}: charged {charges:?}", old.name));
        }
        if old.name == "incomplete" {
            continue;
        }
        let id = id.simple();
        let path = format!("/billing/subscription/sub_{id}/timeline?from=2026-11-01&to=2028-11-01");
        let timeline = app.get(&path).await.data(200);
        let segments = timeline["segments"].as_array().unwrap();
        assert!(segments.windows(2).all(|two| two[0]["end"] == two[1]["start"]), "{timeline:#}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_and_an_end_from_before_mean_what_they_did_until_they_are_changed() {
    let mut before = Before::new().await;
    let paused = json!({"status": "paused", "next_attempt_at": null});
    let ends = json!({"end_date": "2027-05-01"});
    let row = |name, columns| old(name, columns, "").paid("2027-02-15", "2027-03-15");
    let mut ids = Vec::new();
    let both = row("c", paused.clone()).with_columns(&ends);
    for old in [row("a", ends), row("b", paused), both] {
        ids.push(store(&mut before.db, before.key, &old).await);
    }
    before.migrate();
    let app = before.app().await;
    app.advance_to(NOW).await;
    let day = |day: &str, won| (day.to_owned(), won);

    // An end inside a period: that period is whole until the end is asked for anew.
    let whole = [day("2027-03-15", 9900), day("2027-04-15", 9900)];
    assert_eq!(charges(&app, ids[0]).await, whole);
    let path = format!("/billing/subscription/sub_{}", ids[0].simple());
    app.patch(&path, &json!({"productName": "새 이름"})).await.data(200);
    assert_eq!(charges(&app, ids[0]).await, whole);
    let changed = app.patch(&path, &json!({"endDate": "2027-05-01"})).await.data(200);
    assert_eq!(changed["endDate"], "2027-05-01");
    // 16 of 30 days.
    let stub = [day("2027-03-15", 9900), day("2027-04-15", 5280)];
    assert_eq!(charges(&app, ids[0]).await, stub);

    // A pause over the billing moment: it goes on at the next anchor day.
    app.advance_to("2027-03-20T12:00:00+09:00").await;
    for id in &ids[1..] {
        let path = format!("/billing/subscription/sub_{}/resume", id.simple());
        let resumed = app.post(&path, &json!({})).await.data(200);
        assert_eq!(resumed["status"], "active");
        assert_eq!(resumed["nextBillingDate"], "2027-04-15", "{resumed:#}");
        assert_eq!(charges(&app, *id).await[0], day("2027-04-15", 9900));
    }
    assert_eq!(charges(&app, ids[2]).await, [day("2027-04-15", 9900)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn earlier_versions_can_neither_charge_nor_move_a_subscription_on() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let s = app.subscribe(&key, 15).await;
    let id: Uuid = s["id"].as_str().unwrap().trim_start_matches("sub_").parse().unwrap();
    let mut db = app.owner().await;
    let intent = sqlx::query(
        "insert into payments (id, order_no, kind, state, amount, product_name, subscription_id,
            period_start, period_end, initiated_by, created_at)
         values ($1, 'x', 'subscription', 'sending', 9900, 'x', $2, '2027-03-15', '2027-04-15',
            'scheduler', now())",
    );
    let refused = intent.bind(Uuid::now_v7()).bind(id).execute(&mut db).await.unwrap_err();
    assert!(refused.to_string().contains("payments_charge_check"), "{refused}");
    let moved = "update subscriptions set period_start = next_billing_date where id = $1";
    let refused = sqlx::query(moved).bind(id).execute(&mut db).await.unwrap_err();
    assert!(refused.to_string().contains("knows no paid time"), "{refused}");
    let subscribed = "insert into subscriptions (id, customer_id, plan_id, billing_key_id, amount,
            product_name, cycle_day, status, period_start, next_billing_date, created_at)
         select $1, 'x', plan_id, billing_key_id, amount, product_name, cycle_day, status,
            period_start, next_billing_date, created_at from subscriptions";
    let refused = sqlx::query(subscribed).bind(Uuid::now_v7()).execute(&mut db).await.unwrap_err();
    assert!(refused.to_string().contains("begins"), "{refused}");
}
