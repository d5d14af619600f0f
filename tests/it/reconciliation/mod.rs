//! The books compared with KiwoomPay's: `kiwoom-billing reconcile` and `POST /reconciliations`.

mod command;
mod differences;
mod files;
mod later;
mod lost_renewals;

use std::process::Command;

use kiwoom_sandbox::{CPID, DAILY_LIST_PASSWORD};
use serde_json::{Value, json};

use crate::support::app::{Reply, TestApp};
use crate::support::window::in_window;

/// How the command ended, and what it printed on standard output and on standard error.
pub struct Told {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Told {
    /// The report as JSON, after checking how the command ended.
    #[track_caller]
    pub fn report(&self, code: i32) -> Value {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}", self.out))
    }
}

impl TestApp {
    /// A service at noon, on a day that does not end meanwhile.
    pub async fn at_noon(settings: &[(&str, &str)]) -> Self {
        let app = Self::with(settings).await;
        app.advance_days(1).await;
        let now = app.get("/sandbox/clock").await.json()["now"].as_str().unwrap()[..10].to_owned();
        let day = now.parse::<chrono::NaiveDate>().unwrap().succ_opt().unwrap();
        app.advance_to(&format!("{day}T12:00:00+09:00")).await;
        app
    }

    /// `kiwoom-billing reconcile` beside this service, with its database, sandbox and clock.
    pub async fn command(&self, arguments: &[&str]) -> Told {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiwoom-billing"));
        let list = format!("{}/sandbox/DailyTransactionDownLoad.jsp", self.base);
        command.arg("reconcile").args(arguments).env_clear().current_dir(std::env::temp_dir());
        command.env("DATABASE_URL", self.setting("DATABASE_URL")).env("DATA_DIR", &self.data_dir);
        command.env("KIWOOM_BASE_URL", format!("{}/sandbox", self.base));
        command.env("KIWOOM_DAILY_LIST_URL", list);
        command.env("KIWOOM_DAILY_LIST_PASSWORD", DAILY_LIST_PASSWORD);
        let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        Told {
            code: done.status.code(),
            out: String::from_utf8(done.stdout).unwrap(),
            err: String::from_utf8(done.stderr).unwrap(),
        }
    }

    /// Posts a list.
    pub async fn reconcile(&self, query: &str, list: impl Into<reqwest::Body>) -> Reply {
        let request = self.request(reqwest::Method::POST, &format!("/reconciliations{query}"));
        self.send(request.header("content-type", "text/csv").body(list)).await
    }

    /// The lines of the sandbox's list of the day before.
    pub async fn listed(&self) -> Vec<String> {
        let now = self.get("/sandbox/clock").await.json()["now"].as_str().unwrap()[..10].to_owned();
        let day: chrono::NaiveDate = now.parse().unwrap();
        let day = day.pred_opt().unwrap().format("%Y%m%d");
        let query = format!(
            "CPID={CPID}&PASSWORD={DAILY_LIST_PASSWORD}&METHOD=CC&REQUESTDATE={day}&DATAFORMAT=1\
             &TYPE=2"
        );
        let text = self.get(&format!("/sandbox/DailyTransactionDownLoad.jsp?{query}")).await.text;
        let lines = text.lines().filter(|line| line.contains('|'));
        lines.map(str::to_owned).collect()
    }

    /// Prepares an order, pays it in the window, and loses the notification; DAOUTRX.
    pub async fn pay_unheard(&self, order: &str, method: Option<&str>) -> String {
        let mut body = json!({"orderId": order, "amount": 9900, "productName": "월간 구독",
            "customerName": "홍길동"});
        if let Some(method) = method {
            body["method"] = json!(method);
        }
        let prepared = self.post("/easypay/prepare", &body).await.data(200);
        self.post("/sandbox/notifications", &json!({"kind": "lost"})).await;
        in_window(self, &prepared, "pay").await;
        self.ledger().await.last().unwrap()["transactionId"].as_str().unwrap().to_owned()
    }

    /// Cancels in the merchant pages, and loses the notification.
    pub async fn cancel_unheard(&self, transaction: &Value, amount: i64) {
        self.post("/sandbox/notifications", &json!({"kind": "lost"})).await;
        let body = json!({"transactionId": transaction, "amount": amount});
        let done = self.post("/sandbox/admin/cancel", &body).await;
        assert_eq!(done.status, 200, "{}", done.text);
    }

    /// Every payment and refund of the books, as rows.
    pub async fn books(&self) -> Vec<String> {
        let query = sqlx::query_scalar(
            "select to_jsonb(payments)::text from payments
             union all select to_jsonb(refunds)::text from refunds order by 1",
        );
        query.fetch_all(&mut self.owner().await).await.unwrap()
    }
}

/// The differences of a kind: order and transaction.
pub fn of_kind(report: &Value, kind: &str) -> Vec<Value> {
    let differences = report["differences"].as_array().unwrap().iter();
    differences.filter(|difference| difference["kind"] == kind).cloned().collect()
}
