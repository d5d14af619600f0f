//! No list reads more than it shows, however much there is: every GET of the description with each of its
//! filters, the pages, and what the service does by itself, each by the plan that PostgreSQL has carried out.
//! What is rare is old, so whoever looks for it without an index reads all that is newer.

use std::time::Duration;

use chrono::{Days, NaiveDate};
use serde_json::{Map, Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::support::app::TestApp;
use crate::support::postgres;
use crate::support::subscriptions::{APPROVED, monthly};
use crate::support::tap::Tap;

const PAYMENTS: usize = 20_000;
const SUBSCRIPTIONS: usize = 10_000;
/// A page of twenty of what a filter lets one of thirty through. Each table has more.
const MOST_ROWS: f64 = 1_100.0;
/// `FEW` of the list of payments, and one more: so far amounts are counted.
const COUNTED: f64 = 2_001.0;
const FILL: &str = include_str!("../../../bench/growth.sql");
const ASKED: &str = include_str!("../../../bench/growth.json");
const PAGES: [&str; 12] = [
    "/console",
    "/console/payments",
    "/console/payments?card=0001",
    "/console/refunds",
    "/console/notifications",
    "/console/subscriptions",
    "/console/customers/customer77",
    "/console/cards",
    "/console/books",
    "/console/books/movements",
    "/console/events",
    "/console/audit?actor=nobody",
];
/// What has a row for each payment, or for each tenth.
const GROWING: [&str; 14] = [
    "billing_keys",
    "delivery_attempts",
    "event_deliveries",
    "events",
    "idempotency_keys",
    "movements",
    "notifications",
    "payment_links",
    "payments",
    "refunds",
    "subscription_charges",
    "subscription_phases",
    "subscription_segments",
    "subscriptions",
];

/// A service over a year of payments, whose database tells every plan.
async fn filled() -> (TestApp, Tap) {
    let url = postgres::new_database().await;
    let mut owner = PgConnection::connect(&postgres::as_owner(&url)).await.unwrap();
    let name = url::Url::parse(&url).unwrap().path().trim_start_matches('/').to_owned();
    for setting in [
        "session_preload_libraries = auto_explain",
        "auto_explain.log_min_duration = 0",
        "auto_explain.log_analyze = on",
        "auto_explain.log_timing = off",
        "auto_explain.log_nested_statements = on",
        "auto_explain.log_format = json",
        "auto_explain.log_level = notice",
    ] {
        let sql = format!("alter database {name} set {setting}");
        owner.execute(AssertSqlSafe(sql)).await.unwrap();
    }
    let tap = Tap::to(&url).await;
    let app = TestApp::with(&[
        ("DATABASE_URL", &tap.url),
        ("SCHEDULER_INTERVAL_SECS", "1"),
        ("MERCHANT_WEBHOOK_URL", "http://127.0.0.1:9/"),
        ("MERCHANT_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ])
    .await;
    let key = app.register(APPROVED).await;
    for plan in 0..10 {
        let mut body = monthly(&key);
        body["planId"] = json!(format!("plan{plan}"));
        body["chargeNow"] = json!(plan % 2 == 0);
        let made = app.post("/billing/subscribe", &body).await.data(201);
        if plan == 9 {
            app.post("/billing/cancel", &json!({"subscriptionId": made["id"]})).await.data(200);
        }
    }
    let fill = FILL.replace(":payments", &PAYMENTS.to_string());
    let fill = fill.replace(":subscriptions", &SUBSCRIPTIONS.to_string());
    owner.execute(AssertSqlSafe(fill)).await.unwrap();
    owner.execute("vacuum analyze").await.unwrap();
    for table in GROWING {
        let count = AssertSqlSafe(format!("select count(*)::float8 from {table}"));
        let rows: f64 = sqlx::query_scalar(count).fetch_one(&mut owner).await.unwrap();
        assert!(rows > MOST_ROWS, "{table} has {rows} rows only");
    }
    (app, tap)
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// With `{N}` as the date N days from today.
fn dated(text: &str, today: NaiveDate) -> String {
    let Some((before, rest)) = text.split_once('{') else { return text.to_owned() };
    let (days, after) = rest.split_once('}').unwrap();
    let days: i64 = days.parse().unwrap();
    let ahead = Days::new(days.unsigned_abs());
    let day = if days < 0 { today - ahead } else { today + ahead };
    format!("{before}{day}{}", dated(after, today))
}

/// The values that a filter is asked with: of this route, those of its enum, or of this name.
fn values(
    description: &Value,
    asked: &Value,
    path: &str,
    parameter: &Value,
) -> Option<Vec<String>> {
    let mut schema = &parameter["schema"];
    if let Some(name) = schema["$ref"].as_str() {
        schema = &description["components"]["schemas"][name.rsplit('/').next().unwrap()];
    }
    let name = parameter["name"].as_str().unwrap();
    let of_route = &asked["filters"][format!("{path}?{name}")];
    let found = [of_route, &schema["enum"], &asked["filters"][name]];
    let found = found.into_iter().find_map(Value::as_array)?;
    Some(found.iter().map(|value| value.as_str().unwrap().to_owned()).collect())
}

/// Every GET of the description that reads the database, with each of its filters. A filter or a route
/// of which nobody has said what to ask it with fails.
async fn requests(app: &TestApp, asked: &Value) -> Vec<String> {
    let description = app.get("/openapi.json").await.json();
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    let empty = Map::new();
    for (path, operations) in description["paths"].as_object().unwrap_or(&empty) {
        let Some(get) = operations.get("get") else { continue };
        if asked["left_out"].get(path).is_some() {
            continue;
        }
        if path.contains('{') {
            match asked["paths"].get(path) {
                Some(list) => found.extend(texts(list)),
                None => missing.push(path.clone()),
            }
            continue;
        }
        let always = asked["required"][path].as_str().unwrap_or_default();
        found.push(format!("{path}?{always}"));
        for parameter in get["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            if ["limit", "cursor"].contains(&name) {
                continue;
            }
            let Some(values) = values(&description, asked, path, parameter) else {
                missing.push(format!("{path}?{name}"));
                continue;
            };
            let kept = always.split('&').filter(|pair| !pair.starts_with(&format!("{name}=")));
            let kept = kept.collect::<Vec<_>>().join("&");
            found.extend(values.iter().map(|value| format!("{path}?{kept}&{name}={value}")));
        }
    }
    assert_eq!(
        missing,
        Vec::<String>::new(),
        "bench/growth.json does not say what to ask these with"
    );
    found.extend(texts(&asked["besides"]));
    found.extend(PAGES.map(str::to_owned));
    found.iter().map(|path| dated(path, app.today()).replace("?&", "?")).collect()
}

/// What the nodes of a plan read of tables that grow, where that is too much.
fn too_much(node: &Value, found: &mut Vec<String>) {
    let number = |name: &str| node[name].as_f64().unwrap_or_default();
    let loops = number("Actual Loops");
    let left_out = ["Rows Removed by Filter", "Rows Removed by Index Recheck"].map(number);
    let rows = (number("Actual Rows") + left_out.iter().sum::<f64>()) * loops;
    let most = if node["Index Name"] == "payments_by_amount" { COUNTED } else { MOST_ROWS };
    let kind = node["Node Type"].as_str().unwrap_or_default();
    let table = node["Relation Name"].as_str().unwrap_or_default();
    let grows = GROWING.contains(&table);
    if rows > most && (grows || kind.contains("Index Scan")) {
        let index = node["Index Name"].as_str().unwrap_or_default();
        found.push(format!("{kind} {table} {index}: {rows} rows"));
    }
    for child in node["Plans"].as_array().into_iter().flatten() {
        too_much(child, found);
    }
}

/// Looks, once a minute, at each stream in which anything waits.
const SWEEP: &str = "with recursive streams";

/// The complaints of all plans since the last call.
fn complaints(tap: &Tap, what: &str, but: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    for plan in tap.plans() {
        let sql = plan["Query Text"].as_str().unwrap_or_default();
        if sql.starts_with(SWEEP) {
            continue;
        }
        let mut found = Vec::new();
        too_much(&plan["Plan"], &mut found);
        found.retain(|told| !but.iter().any(|table| told.contains(table)));
        let sql: String =
            sql.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(120).collect();
        complaints.extend(found.iter().map(|told| format!("{what}: {told}\n      {sql}")));
    }
    complaints
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_reads_more_of_a_table_than_it_shows() {
    let (app, tap) = filled().await;
    // Sums up the days that are over, once.
    app.get("/billing/overview?days=366").await.data(200);
    let asked: Value = serde_json::from_str(ASKED).unwrap();
    let counts_subscriptions = texts(&asked["counts_subscriptions"]);
    let mut bad = Vec::new();
    for path in requests(&app, &asked).await {
        tap.plans();
        let reply = app.get(&path).await;
        let is_known =
            reply.status == 200 || reply.status == 404 && reply.text.contains("_not_found");
        assert!(is_known, "{path}: {} {}", reply.status, reply.text);
        let route = path.split('?').next().unwrap();
        let counts = counts_subscriptions.iter().any(|one| one == route);
        let but: &[&str] = if counts { &[" subscription"] } else { &[] };
        bad.extend(complaints(&tap, &path, but));
    }
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let seen = tap.take().join("\n");
    for statement in ["update event_deliveries", "insert into events", "select from subscriptions"]
    {
        assert!(seen.contains(statement), "{statement} was not seen: {seen}");
    }
    bad.extend(complaints(&tap, "by itself", &[]));
    assert!(bad.is_empty(), "{} read more than they show:\n  {}", bad.len(), bad.join("\n  "));
}
