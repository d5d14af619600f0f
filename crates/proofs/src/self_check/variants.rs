//! The marked requests of an operation: secrets where they belong, where they do not belong, and in
//! requests that cannot be read.

use serde_json::{Map, Value, json};

use crate::self_check::caller::Ask;
use crate::self_check::forms::percent_encoded;
use crate::self_check::marks::{CARD_PASSWORD, Marks};
use crate::self_check::routes::{Field, Known, Operation};

/// The ways to write a card number.
fn written(card: &str) -> [String; 3] {
    let groups = [&card[..4], &card[4..8], &card[8..12], &card[12..]];
    [card.to_owned(), groups.join("-"), groups.join(" ")]
}

/// All marked requests of an operation.
pub fn of(operation: &Operation, known: &Known, marks: &Marks) -> Vec<Ask> {
    let good = operation.good(known, 0);
    let mut asks = in_paths(operation, &good, marks);
    asks.extend(in_queries(operation, &good, marks));
    asks.extend(in_headers(&good, marks));
    for kind in 0..operation.bodies.len() {
        asks.extend(in_fields(operation, &operation.good(known, kind), kind, marks));
    }
    if operation.writes() || operation.path.starts_with("/webhook") {
        asks.extend(unreadable(&good, marks));
    }
    asks
}

fn in_paths(operation: &Operation, good: &Ask, marks: &Marks) -> Vec<Ask> {
    if !operation.path.contains('{') {
        return Vec::new();
    }
    let mut values: Vec<String> = written(&marks.stray_card).map(|c| c.replace(' ', "%20")).into();
    values.push(percent_encoded(&marks.stray_card));
    values.push(marks.api_key.clone());
    let asks = values.into_iter().map(|value| {
        let target = operation.path_with(|_| value.clone());
        Ask { target, ..good.clone() }
    });
    asks.collect()
}

fn in_queries(operation: &Operation, good: &Ask, marks: &Marks) -> Vec<Ask> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let names = operation.query.iter().map(|(name, _)| name.as_str());
    for name in names.chain(["cardNumber", "x"]) {
        pairs.extend(written(&marks.stray_card).map(|card| (name.to_owned(), card)));
    }
    pairs.push((marks.stray_card.clone(), String::new()));
    pairs.push((format!("metadata[{}]", marks.stray_card), "x".to_owned()));
    pairs.push(("metadata[x]".to_owned(), marks.stray_card.clone()));
    pairs.push(("apiKey".to_owned(), marks.api_key.clone()));
    pairs.push((marks.api_key.clone(), String::new()));
    pairs.push(("birthDate".to_owned(), marks.birth_date.clone()));
    pairs.push(("cardPassword".to_owned(), CARD_PASSWORD.to_owned()));
    let asks = pairs.into_iter().map(|pair| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let query = query.extend_pairs([pair]).finish();
        let joint = if good.target.contains('?') { '&' } else { '?' };
        Ask { target: format!("{}{joint}{query}", good.target), ..good.clone() }
    });
    asks.collect()
}

fn in_headers(good: &Ask, marks: &Marks) -> Vec<Ask> {
    let mut headers: Vec<(&str, String)> = Vec::new();
    let [plain, hyphens, spaces] = written(&marks.stray_card);
    for name in ["X-Request-Id", "Idempotency-Key", "User-Agent", "Cookie", "Referer", "X-Other"] {
        for value in [&plain, &hyphens, &spaces, &marks.api_key] {
            headers.push((name, value.clone()));
        }
    }
    for name in ["Accept", "Accept-Language", "X-Forwarded-For", "Forwarded", "Traceparent"] {
        headers.push((name, plain.clone()));
    }
    for key in [&marks.wrong_key, &plain] {
        headers.push(("X-API-Key", key.clone()));
        headers.push(("Authorization", format!("Bearer {key}")));
        headers.push(("Authorization", format!("Basic {key}")));
        headers.push(("Authorization", key.clone()));
    }
    headers.push(("Authorization", format!("Bearer {}", marks.api_key.to_uppercase())));
    let asks = headers
        .into_iter()
        .map(|(name, value)| Ask { headers: vec![(name.to_owned(), value)], ..good.clone() });
    asks.collect()
}

/// Each field with a card in it, plain, in groups and as a number; unknown fields; and the
/// secrets of a registration in each other's place.
fn in_fields(operation: &Operation, good: &Ask, kind: usize, marks: &Marks) -> Vec<Ask> {
    let fields = &operation.bodies[kind];
    let body = good.body.as_ref().and_then(|(_, body)| serde_json::from_slice(body).ok());
    let body: Map<String, Value> = body.unwrap_or_default();
    let mut bodies = Vec::new();
    for path in paths(fields) {
        for value in values(marks) {
            let mut body = body.clone();
            put(&mut body, &path, value);
            bodies.push(body);
        }
    }
    for name in [&marks.stray_card, &marks.api_key, &marks.long_password, &marks.wrong_key] {
        let mut body = body.clone();
        body.insert(name.clone(), json!(name));
        bodies.push(body);
    }
    let asks = bodies.into_iter().map(|body| {
        let body = Value::Object(body).to_string().into_bytes();
        Ask { body: Some(("application/json".to_owned(), body)), ..good.clone() }
    });
    asks.collect()
}

/// Where fields stand, those within others too.
fn paths(fields: &[Field]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for field in fields {
        all.push(vec![field.name.clone()]);
        for path in paths(&field.within) {
            all.push([vec![field.name.clone()], path].concat());
        }
    }
    all
}

fn put(body: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [name] => drop(body.insert(name.clone(), value)),
        [name, rest @ ..] => {
            let within = body.entry(name.clone()).or_insert_with(|| json!({}));
            if let Some(within) = within.as_object_mut() {
                put(within, rest, value);
            }
        }
        [] => {}
    }
}

fn values(marks: &Marks) -> Vec<Value> {
    let card = &marks.stray_card;
    let mut values: Vec<Value> = written(card).map(Value::from).into();
    values.push(card.parse::<u64>().map_or(Value::Null, Value::from));
    values.push(json!(format!("카드 {card}, 생일")));
    values.push(json!({card: card}));
    values.push(json!({"note": [format!("card {card}"), {card: 1}]}));
    values.push(json!([card]));
    values
}

/// Bodies that are no JSON, of another type, too long, or not even text.
fn unreadable(good: &Ask, marks: &Marks) -> Vec<Ask> {
    let json = "application/json";
    let half = format!(
        "{{\"cardNumber\":\"{}\",\"birthDate\":\"{}\",\"cardPassword\":\"{CARD_PASSWORD}\"",
        marks.stray_card, marks.birth_date
    );
    let whole = format!("{half}}}");
    let long = format!("{half},\"x\":\"{}\"}}", marks.stray_card.repeat(5000));
    let form = format!(
        "cardNumber={}&birthDate={}&cardPassword={CARD_PASSWORD}",
        marks.stray_card, marks.birth_date
    );
    let bodies = [
        (json, half.clone().into_bytes()),
        (json, format!("[{whole}]").into_bytes()),
        (json, format!("\"{}\"", marks.stray_card).into_bytes()),
        (json, format!("{whole}{whole}").into_bytes()),
        (json, [half.as_bytes(), &[0xff, 0xfe]].concat()),
        (json, long.into_bytes()),
        ("text/plain", whole.clone().into_bytes()),
        (marks.stray_card.as_str(), whole.into_bytes()),
        ("application/x-www-form-urlencoded", form.into_bytes()),
    ];
    let asks = bodies.into_iter().map(|(content_type, body)| Ask {
        body: Some((content_type.to_owned(), body)),
        ..good.clone()
    });
    asks.collect()
}
