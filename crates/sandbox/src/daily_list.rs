//! `GET /DailyTransactionDownLoad.jsp`: the transactions of one day, as the merchant pages list them
//! (protocol section 2.5).
//!
//! `CC` lists what was not paid by bank transfer, `B` what was: where the easy-pay methods stand is
//! not public. Nor is what a refused request is answered with: here a text without `<DATA>`.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Days, NaiveDate, Utc};

use crate::contracts::Contract;
use crate::ledger::{Ledger, Transaction};
use crate::{DAILY_LIST_PASSWORD, Sandbox, lock};
use kiwoom_clock::kst;

/// Methods that `B` lists.
const TRANSFERS: [&str; 2] = ["BANK", "VACCOUNT"];

/// One line of the list.
struct Entry<'a> {
    at: DateTime<Utc>,
    kind: char,
    paid: &'a Transaction,
    amount: u64,
}

/// The list of `REQUESTDATE`, which is today or yesterday.
pub async fn answer(
    State(sandbox): State<Arc<Sandbox>>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let today = kst(sandbox.now()).date_naive();
    let body = match asked_for(&query, today) {
        Ok(asked) => list(&lock(&sandbox.ledger), &asked),
        Err(message) => message.to_owned(),
    };
    ([(header::CONTENT_TYPE, "text/html;charset=EUC-KR")], body).into_response()
}

/// Which list is asked for.
struct Asked<'a> {
    cpid: &'a str,
    method: &'a str,
    date: NaiveDate,
}

fn asked_for(query: &HashMap<String, String>, today: NaiveDate) -> Result<Asked<'_>, &'static str> {
    let get = |name: &str| query.get(name).map_or("", String::as_str);
    let cpid = get("CPID");
    if Contract::find(cpid).is_none() || get("PASSWORD") != DAILY_LIST_PASSWORD {
        return Err("CPID or PASSWORD is wrong");
    }
    if get("DATAFORMAT") != "1" || get("TYPE") != "2" {
        return Err("DATAFORMAT has to be 1 and TYPE 2");
    }
    let method = get("METHOD");
    if !["CC", "B"].contains(&method) {
        return Err("METHOD has to be CC or B");
    }
    let date = Some(get("REQUESTDATE")).filter(|text| text.len() == 8);
    let date = date.and_then(|text| NaiveDate::parse_from_str(text, "%Y%m%d").ok());
    let is_served = |date: &NaiveDate| *date == today || *date == today - Days::new(1);
    let date = date.filter(is_served).ok_or("REQUESTDATE has to be today or yesterday")?;
    Ok(Asked { cpid, method, date })
}

fn list(ledger: &Ledger, asked: &Asked<'_>) -> String {
    let paid = ledger.transactions();
    let sales = paid.iter().map(|paid| Entry {
        at: paid.approved_at,
        kind: 'S',
        paid,
        amount: paid.amount,
    });
    let cancellations = ledger.cancellations().iter().map(|canceled| Entry {
        at: canceled.at,
        kind: 'C',
        paid: &paid[canceled.transaction],
        amount: canceled.amount,
    });
    let is_listed = |entry: &Entry<'_>| {
        let is_transfer = TRANSFERS.contains(&entry.paid.pay_method.as_str());
        entry.paid.cpid == asked.cpid
            && is_transfer == (asked.method == "B")
            && kst(entry.at).date_naive() == asked.date
    };
    let mut entries: Vec<_> = sales.chain(cancellations).filter(is_listed).collect();
    entries.sort_by_key(|entry| entry.at);
    let mut text = "<DATA>".to_owned();
    for Entry { at, kind, paid, amount } in entries {
        let time = kst(at).format("%Y%m%d%H%M%S");
        let _ = write!(text, "\n{kind}|{time}|{}|{}|{amount}", paid.id, paid.order_no);
    }
    text + "\n</DATA>\n"
}
