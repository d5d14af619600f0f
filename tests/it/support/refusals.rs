//! What every refusal of bad input has in common, and the proof that it changed nothing.

use kiwoom_billing::books;
use kiwoom_billing::events::notices;
use reqwest::Method;
use serde_json::{Map, Value, json};
use sqlx::AssertSqlSafe;

use crate::support::app::{Reply, TestApp};

pub const REQUIRED: &str = "필수 값입니다.";
pub const STRING: &str = "문자열이어야 합니다.";
pub const EMPTY: &str = "비어 있을 수 없습니다.";
pub const CONTROL: &str = "제어 문자를 사용할 수 없습니다.";
pub const PIPE: &str = "'|' 문자를 사용할 수 없습니다.";
pub const WON: &str = "1 이상 9999999999 이하의 정수(원)여야 합니다.";
pub const NUMBER: &str = "문자열이 아니라 숫자로 보내세요.";
pub const BOOLEAN: &str = "true 또는 false여야 합니다.";
pub const UNKNOWN_FIELD: &str = "알 수 없는 필드입니다.";

/// One wrong value: the field, its value as JSON text, and the reason it is refused for.
pub type Case = (&'static str, &'static str, &'static str);

/// Amounts that are none, for a field that takes won.
pub const NO_AMOUNTS: [&str; 16] = [
    "0",
    "0.0",
    "-1",
    "-9.9E+3",
    "9900.5",
    "990055e-2",
    "10000000000",
    "1e10",
    "9223372036854775808",
    "1e30",
    "9900.0000000000000001",
    "9899.9999999999999999",
    "true",
    "[]",
    "{}",
    "[9900]",
];

/// The error body of a field that was refused.
pub fn invalid(details: &[(&str, &str)]) -> Value {
    let details: Vec<_> =
        details.iter().map(|(field, reason)| json!({"field": field, "reason": reason})).collect();
    json!({
        "code": "invalid_request", "message": "요청 값이 올바르지 않습니다.", "details": details,
    })
}

/// `base` with one field replaced by JSON text that [`Value`] could not hold, such as `1e3`.
pub fn with_raw(base: &Value, field: &str, raw: &str) -> String {
    let mut body = base.clone();
    body[field] = json!("@@raw@@");
    body.to_string().replace("\"@@raw@@\"", raw)
}

pub fn without(base: &Value, field: &str) -> Value {
    let mut body = base.clone();
    body.as_object_mut().unwrap().remove(field);
    body
}

impl TestApp {
    /// Sends a body that is JSON by its header, whatever it is in truth.
    pub async fn send_raw(&self, method: Method, path: &str, body: impl Into<Vec<u8>>) -> Reply {
        let request = self.request(method, path).header("content-type", "application/json");
        self.send(request.body(body.into())).await
    }

    /// Every row of every table but the processes' signs of life, everything in the gateway's ledger and all that reached it.
    pub async fn everything(&self) -> Value {
        let pool = &self.service.ctx.pool;
        self.settle_events().await;
        let tables: Vec<String> = sqlx::query_scalar(
            "select tablename::text from pg_tables
             where schemaname = 'public' and tablename <> 'processes' order by 1",
        )
        .fetch_all(pool)
        .await
        .unwrap();
        let mut rows = Map::new();
        for table in tables {
            let sql = format!("select t::text from {table} t order by 1");
            let all: Vec<String> =
                sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(pool).await.unwrap();
            rows.insert(table, json!(all));
        }
        let counters = self.get("/sandbox/calls").await.json()["counters"].clone();
        json!({"rows": rows, "ledger": self.ledger().await, "calls": counters})
    }

    /// Lets happen what the service does by itself soon after a change: notices, and the positions of
    /// events; and the closing of the days before today.
    async fn settle_events(&self) {
        notices::give(&self.service.ctx).await.unwrap();
        books::close(&self.service.ctx).await.unwrap();
        self.until_published().await;
    }

    /// Sends `base` once for each case, with that one field wrong, and compares the whole error.
    pub async fn refuses_each(
        &self,
        call: (Method, &str),
        base: &Value,
        cases: &[(&str, &str, &str)],
    ) {
        let before = self.everything().await;
        for (field, raw, reason) in cases {
            let body = with_raw(base, field, raw);
            let reply = self.send_raw(call.0.clone(), call.1, body).await;
            assert_eq!(reply.error(400), invalid(&[(field, reason)]), "{field}: {raw}");
        }
        assert_eq!(self.everything().await, before);
    }

    /// The same for amounts of won.
    pub async fn refuses_no_amounts(&self, call: (Method, &str), base: &Value) {
        let texts = ["\"9900\"", "\"\""].map(|raw| ("amount", raw, NUMBER));
        let numbers = NO_AMOUNTS.iter().map(|raw| ("amount", *raw, WON));
        let cases: Vec<Case> = numbers.chain(texts).collect();
        self.refuses_each(call, base, &cases).await;
    }

    /// Leaves out, and sends as null, each field that has to be there.
    pub async fn misses_each(&self, path: &str, base: &Value, required: &[&str]) {
        let before = self.everything().await;
        for field in required {
            let expected = invalid(&[(field, REQUIRED)]);
            let reply = self.post(path, &without(base, field)).await;
            assert_eq!(reply.error(400), expected, "no {field}");
            let reply = self.send_raw(Method::POST, path, with_raw(base, field, "null")).await;
            assert_eq!(reply.error(400), expected, "{field} null");
        }
        let all: Vec<_> = required.iter().map(|field| (*field, REQUIRED)).collect();
        assert_eq!(self.post(path, &json!({})).await.error(400), invalid(&all));
        let stray = json!({"amout": 5, "toString": 1});
        let all = [&all[..], &[("amout", UNKNOWN_FIELD), ("toString", UNKNOWN_FIELD)]].concat();
        assert_eq!(self.post(path, &stray).await.error(400), invalid(&all));
        assert_eq!(self.everything().await, before);
    }
}

/// What an id that travels to the gateway is refused for.
pub fn wire_id_cases(field: &'static str) -> Vec<Case> {
    let mut cases = wire_text_cases(field);
    cases.push((field, "\"a|b\"", PIPE));
    cases
}

/// What a product name is refused for.
pub fn product_cases(field: &'static str) -> Vec<Case> {
    const UNREADABLE: &str = "KiwoomPay에 표시할 수 있는 문자(CP949)가 하나도 없습니다.";
    let mut cases = wire_text_cases(field);
    cases.extend(["\"🎉\"", "\"\\ud83d\\ude00\"", "\"张伟\""].map(|raw| (field, raw, UNREADABLE)));
    cases
}

/// What each text that travels to the gateway is refused for, at most 50 bytes long there.
pub fn wire_text_cases(field: &'static str) -> Vec<Case> {
    const LONG: &str = "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"";
    const BYTES: &str = "EUC-KR 기준 50바이트(한글 25자)를 넘을 수 없습니다.";
    const LONG_KOREAN: &str = "\"가가가가가가가가가가가가가가가가가가가가가가가가가가\"";
    vec![
        (field, "1", STRING),
        (field, "[\"a\"]", STRING),
        (field, "{}", STRING),
        (field, "false", STRING),
        (field, "\"\"", EMPTY),
        (field, "\"   \"", EMPTY),
        (field, "\"a\\u0000b\"", CONTROL),
        (field, "\"a\\nb\"", CONTROL),
        (field, "\"a\\u007fb\"", CONTROL),
        (field, LONG, "50자를 넘을 수 없습니다."),
        (field, LONG_KOREAN, BYTES),
        (field, "\"₩₩₩₩₩₩₩₩₩₩₩₩₩₩₩₩₩₩₩₩₩₩₩₩₩₩\"", BYTES),
    ]
}
