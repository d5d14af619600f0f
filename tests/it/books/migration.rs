//! What was in the books before movements were: each payment that was paid, each refund that went back.

use kiwoom_billing::storage::database::MIGRATIONS;
use serde_json::{Value, json};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::support::postgres::{SERVICE, as_owner, empty_database};
use crate::support::process::migrate;

const CARD: &str = "00000000-0000-7000-8000-000000000001";

fn payment(order: &str, kind: &str, state: &str, columns: &[(&str, &str)]) -> String {
    let (mut names, mut values) = (String::new(), String::new());
    for (name, value) in columns {
        names = names + ", " + name;
        values = values + ", " + value;
    }
    format!(
        "insert into payments (id, order_no, kind, state, amount, product_name, initiated_by,
            transaction_id, created_at{names})
         values (gen_random_uuid(), '{order}', '{kind}', '{state}', 9900, '월간 구독', 'merchant',
            '{order}', '2026-02-28T14:00:00Z'{values})"
    )
}

fn refund(order: &str, state: &str, origin: &str, at: &str) -> String {
    format!(
        "insert into refunds (id, payment_id, amount, tax_free_amount, state, origin, created_at,
            sent_at, refunded_at)
         select gen_random_uuid(), id, 1000, 100, '{state}', '{origin}', '2026-03-02T00:00:00Z', now(),
            {at} from payments where order_no = '{order}'"
    )
}

/// A payment and a refund of each kind and state.
fn rows_before() -> Vec<String> {
    let key = format!("'{CARD}'");
    let (approved, settled) = ("'2026-02-28T14:59:59Z'", "'2026-02-28T15:00:01Z'");
    let charge = [
        ("billing_key_id", &*key),
        ("customer_id", "'user123'"),
        ("tax_free_amount", "900"),
        ("approved_at", approved),
        ("settled_at", settled),
        ("refunded_amount", "2000"),
    ];
    let window = [("method", "'NAVERPAY'"), ("approved_at", approved), ("refunded_amount", "1000")];
    vec![
        payment("O-1", "one_off", "approved", &charge),
        payment("O-2", "checkout", "approved", &window),
        payment("O-3", "checkout", "approved", &[("approved_at", "null")]),
        payment("O-4", "one_off", "declined", &[]),
        payment("O-5", "one_off", "unknown", &[]),
        payment("O-6", "checkout", "expired", &[]),
        refund("O-1", "refunded", "merchant", "'2026-03-03T00:00:00Z'"),
        refund("O-1", "refunded", "gateway", "'2026-02-28T23:00:00Z'"),
        refund("O-1", "declined", "merchant", "null"),
        refund("O-2", "unknown", "merchant", "null"),
        refund("O-2", "refunded", "merchant", "null"),
        "insert into payments (id, order_no, kind, state, amount, product_name, initiated_by,
            transaction_id, created_at, order_id, unexpected)
         select gen_random_uuid(), 'O-1#t9', 'unexpected', 'approved', 500, '월간 구독', 'buyer', 't9',
            created_at, id, 'already_paid' from payments where order_no = 'O-1'"
            .to_owned(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_and_given_back_before_is_booked_when_it_was_recorded() {
    let database = empty_database().await;
    let mut db = PgConnection::connect(&as_owner(&database)).await.unwrap();
    let earlier = MIGRATIONS.iter().filter(|m| m.version < 22).cloned().collect();
    Migrator::with_migrations(earlier).run(&mut db).await.unwrap();
    let card = format!(
        "insert into billing_keys (id, customer_id, customer_name, autokey, card_company_code,
            card_number_masked, status, created_at)
         values ('{CARD}', 'user123', '홍길동', '\\x00', 'CCKM', '411111******1111', 'active', now())"
    );
    db.execute(AssertSqlSafe(card)).await.unwrap();
    for sql in rows_before() {
        db.execute(AssertSqlSafe(sql)).await.unwrap();
    }
    migrate(&as_owner(&database), &["--grant-to", SERVICE]).unwrap();
    let sql = "select jsonb_build_array(order_no, kind, amount, tax_free_amount, method,
            card_company_code, transaction_id, moved_on, booked_on) as line from movements order by line";
    let rows: Vec<Value> = sqlx::query_scalar(sql).fetch_all(&mut db).await.unwrap();
    let expected = [
        json!([
            "O-1",
            "cancellation",
            -1000,
            -100,
            "CARD",
            "CCKM",
            "O-1",
            "2026-03-01",
            "2026-03-02"
        ]),
        json!(["O-1", "charge", 9900, 900, "CARD", "CCKM", "O-1", "2026-02-28", "2026-03-01"]),
        json!(["O-1", "refund", -1000, -100, "CARD", "CCKM", "O-1", "2026-03-03", "2026-03-03"]),
        json!(["O-1", "unexpected", 500, 0, "UNKNOWN", null, "t9", "2026-02-28", "2026-02-28"]),
        json!(["O-2", "refund", -1000, -100, "NAVERPAY", null, "O-2", "2026-03-02", "2026-03-02"]),
        json!([
            "O-2",
            "window_payment",
            9900,
            0,
            "NAVERPAY",
            null,
            "O-2",
            "2026-02-28",
            "2026-02-28"
        ]),
        json!([
            "O-3",
            "window_payment",
            9900,
            0,
            "UNKNOWN",
            null,
            "O-3",
            "2026-02-28",
            "2026-02-28"
        ]),
    ];
    assert_eq!(rows, expected);
}
