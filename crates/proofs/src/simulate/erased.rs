//! People who buy something and have themselves forgotten, one each month; and what retention forgets by
//! itself. At the end nothing of the erased may be left in any table.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool};

use crate::simulate::diary::{Diary, Note};
use crate::simulate::merchant::insist;
use crate::simulate::reach::Reach;
use crate::simulate::{Failure, merchant};

/// The shortest that the service takes.
pub const RETENTION: [(&str, &str); 3] = [
    ("RETENTION_EVENTS_DAYS", "90"),
    ("RETENTION_NOTIFICATIONS_DAYS", "90"),
    ("RETENTION_NAMES_DAYS", "90"),
];
/// The verdict counts events that retention has deleted, too.
pub const NOTED: &str = "
    create table forgotten_events (object_id uuid, type text);
    create index on forgotten_events (object_id);
    grant select on forgotten_events to public;
    create function note_forgotten() returns trigger language plpgsql security definer as $$
    begin insert into forgotten_events values (old.object_id, old.type); return null; end $$;
    create trigger forgotten after delete on events for each row execute function note_forgotten()";
/// Retention goes once a minute.
const PATIENCE: Duration = Duration::from_mins(5);
const PAUSE: Duration = Duration::from_secs(1);

/// Who wants to be forgotten, and who was.
#[derive(Clone, Debug, Default)]
pub struct Erasures {
    open: Vec<u32>,
    erased: Vec<u32>,
}

fn customer(n: u32) -> String {
    format!("forgetful-{n:04}")
}

fn name(n: u32) -> String {
    format!("김삭제{n:04}")
}

/// Somebody comes, and who came before is erased.
pub async fn month(reach: &Reach, n: u32, diary: &mut Diary) {
    let mut notes = Vec::new();
    erase(reach, &mut diary.erasures, &mut notes).await;
    if come(reach, n, &mut notes).await.is_some() {
        diary.erasures.open.push(n);
    }
    diary.take(notes);
}

/// Registers a card, pays with it and is given a part back.
async fn come(reach: &Reach, n: u32, notes: &mut Vec<Note>) -> Option<()> {
    let card = json!({
        "cardNumber": "4111111111111111", "expireDate": "4912", "cardPassword": "12", "birthDate": "901231",
        "customerName": name(n), "customerEmail": format!("{}@example.com", customer(n)),
        "customerId": customer(n),
    });
    let (_, made) = insist(reach, Method::POST, "/billing/register", &card, notes).await?;
    let order = json!({
        "billingKey": made["data"]["billingKey"], "customerId": customer(n), "amount": 5_000,
        "productName": merchant::one_off_name(),
    });
    let (_, paid) = insist(reach, Method::POST, "/billing/pay", &order, notes).await?;
    let part = json!({"paymentId": paid["data"]["id"], "amount": 1_000});
    insist(reach, Method::POST, "/billing/refund", &part, notes).await?;
    Some(())
}

/// Who has something open is refused, and asks again later.
async fn erase(reach: &Reach, erasures: &mut Erasures, notes: &mut Vec<Note>) {
    for n in std::mem::take(&mut erasures.open) {
        let path = format!("/customers/{}", customer(n));
        let answer = insist(reach, Method::DELETE, &path, &json!({}), notes).await;
        let status = answer.map_or(0, |(status, _)| status);
        notes.push(Note::Count(format!("erasure answered {status}")));
        match status {
            200 => erasures.erased.push(n),
            _ => erasures.open.push(n),
        }
    }
}

/// At the end: what is left of who was erased, and of what is too old.
pub async fn left(reach: &Reach, diary: &mut Diary) -> Result<(), Failure> {
    let mut notes = Vec::new();
    erase(reach, &mut diary.erasures, &mut notes).await;
    diary.take(notes);
    // The search finds who is there.
    come(reach, 0, &mut Vec::new()).await.ok_or("nobody comes")?;
    if rows_with(&reach.pool, &[0]).await?.is_empty() {
        diary.left.push("the search for them finds nobody".to_owned());
    }
    let found = rows_with(&reach.pool, &diary.erasures.erased).await?;
    diary.left.extend(found);
    too_old(reach, diary).await
}

/// In every table, as it reads and as bytes: each with how many rows.
async fn rows_with(pool: &PgPool, people: &[u32]) -> Result<Vec<String>, Failure> {
    let words = people.iter().flat_map(|n| [customer(*n), name(*n)]);
    let words: Vec<_> = words.flat_map(|word| [hex::encode(&word), word]).collect();
    let query = "select quote_ident(tablename) from pg_tables where schemaname = current_schema()";
    let tables: Vec<String> = sqlx::query_scalar(query).fetch_all(pool).await?;
    let mut found = Vec::new();
    for table in tables.iter().filter(|_| !words.is_empty()) {
        let sql = format!("select count(*) from {table} r where r::text ~ $1");
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(words.join("|"));
        let rows: i64 = query.fetch_one(pool).await?;
        if rows > 0 {
            found.push(format!("{rows} rows of {table}"));
        }
    }
    Ok(found)
}

/// Waits until retention has taken what is older than it keeps.
async fn too_old(reach: &Reach, diary: &mut Diary) -> Result<(), Failure> {
    // Ninety days, and a moved clock's day.
    let before = merchant::now(reach).await? - chrono::Duration::days(91);
    let query = "select (select count(*) from events where created_at < $1
            and seq < (select max(seq) from events)),
        (select count(*) from notifications where last_at < $1 and raw <> ''),
        (select count(*) from payments where created_at < $1 and customer_name <> '')";
    let begun = Instant::now();
    loop {
        let counts = sqlx::query_as(query).bind(before).fetch_one(&reach.pool).await?;
        if counts == (0_i64, 0_i64, 0_i64) {
            break;
        }
        if begun.elapsed() > PATIENCE {
            let (events, notifications, names) = counts;
            diary.left.push(format!(
                "{events} events, {notifications} notifications and {names} names are too old"
            ));
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    let query = "select count(*) from forgotten_events";
    let forgotten: i64 = sqlx::query_scalar(query).fetch_one(&reach.pool).await?;
    diary.counters.insert("events forgotten".to_owned(), forgotten.unsigned_abs());
    Ok(())
}
