//! What notifications say, and which scripted mishap happens to them.

use chrono::{DateTime, Duration, Utc};

use crate::cards::company_name;
use crate::ledger::{Event, Ledger, Transaction};
use crate::mishap::Mishap;
use crate::outbox::{Notice, Values};
use crate::{Sandbox, codes, lock};
use kiwoom_clock::kst;

/// How late a `late` notification is.
const LATE_MINUTES: i64 = 10;

/// How long a `reversed` payment notification waits for its cancellation to go first.
const REVERSED_DAYS: i64 = 30;

/// When it happened: of a payment, and of a cancellation.
const DATES: [&str; 2] = ["SETTDATE", "CANCELDATE"];

/// The card behind every payment of the window that is made by card.
const WINDOW_CARD: (&str, &str) = ("CCKM", "941012******1234");

/// What stands in a notification for each digit that it does not tell, so that CARDNO looks like a
/// whole number (protocol section 4).
const HIDDEN: &str = "0";

/// The events that queue the notification of a payment.
pub fn of_payment(sandbox: &Sandbox, ledger: &Ledger, paid: &Transaction) -> Vec<Event> {
    queue(sandbox, ledger, paid, None)
}

/// The events that queue the notification of a cancellation of `amount`.
pub fn of_cancellation(
    sandbox: &Sandbox,
    ledger: &Ledger,
    paid: &Transaction,
    amount: u64,
) -> Vec<Event> {
    queue(sandbox, ledger, paid, Some(amount))
}

fn queue(
    sandbox: &Sandbox,
    ledger: &Ledger,
    paid: &Transaction,
    canceled: Option<u64>,
) -> Vec<Event> {
    if sandbox.options.notify_url.is_none() {
        return Vec::new();
    }
    let now = sandbox.now();
    let mishap = lock(&sandbox.mishaps).take(canceled.is_some(), &paid.order_no);
    let mut values = match canceled {
        None => payment_values(ledger, paid),
        Some(amount) => cancellation_values(paid, amount, now),
    };
    let (mut copies, mut due, mut held) = (1, now, false);
    match mishap {
        None => {}
        Some(Mishap::Lost) => copies = 0,
        Some(Mishap::Twice) => copies = 2,
        Some(Mishap::Late) => due += Duration::minutes(LATE_MINUTES),
        Some(Mishap::Reversed) => {
            due += Duration::days(REVERSED_DAYS);
            held = true;
        }
        Some(Mishap::WrongAmount) => raise_amount(&mut values),
        Some(Mishap::Shifted(seconds)) => {
            let at = if canceled.is_some() { now } else { paid.approved_at };
            set_date(&mut values, &stamp(at + Duration::seconds(seconds)));
        }
        Some(Mishap::Undated) => values.retain(|(name, _)| !DATES.contains(&name.as_str())),
        Some(Mishap::Unnumbered) => values.retain(|(name, _)| name != "ORDERNO"),
        Some(Mishap::Negative) => set(&mut values, "AMOUNT", |amount| format!("-{amount}")),
        Some(Mishap::OtherKind(word)) => set(&mut values, "PAYMETHOD", |_| word.clone()),
        Some(Mishap::Failed) => {
            let said = [("RESULTCODE", "2003"), ("ERRORMESSAGE", "한도초과")];
            values.retain(|(name, _)| name != "AUTHNO");
            values.extend(said.map(|(name, text)| (name.to_owned(), text.to_owned())));
        }
        Some(Mishap::Succeeded) => {
            values.push(("RESULTCODE".to_owned(), codes::SUCCESS.to_owned()));
        }
    }
    let first_id = ledger.outbox().next_id();
    let copy = |id| {
        Event::NotificationQueued(Notice {
            id,
            transaction_id: paid.id.clone(),
            cancellation: canceled.is_some(),
            held,
            due,
            attempts: 0,
            values: values.clone(),
        })
    };
    let released = canceled.map_or_else(Vec::new, |_| release(ledger, &paid.id, due));
    (first_id..first_id + copies).map(copy).chain(released).collect()
}

/// The payment notification held back for this cancellation comes right after it.
fn release(ledger: &Ledger, transaction_id: &str, due: DateTime<Utc>) -> Vec<Event> {
    let after = due + Duration::milliseconds(1);
    let waiting = ledger.outbox().waiting();
    waiting
        .filter(|notice| notice.held && notice.transaction_id == transaction_id)
        .map(|notice| Event::NotificationReleased { id: notice.id, due: after })
        .collect()
}

fn payment_values(ledger: &Ledger, paid: &Transaction) -> Values {
    let echo = |name: &str| paid.echo.get(name).cloned().unwrap_or_default();
    let card = paid.auto_key.as_deref().and_then(|auto_key| ledger.card(auto_key));
    let (company, number) = match (card, paid.pay_method.as_str()) {
        (Some((card, _)), _) => (card.company.as_str(), card.masked.as_str()),
        (None, "BANK" | "MOBILE") => ("", ""),
        (None, _) => WINDOW_CARD,
    };
    named([
        ("PAYMETHOD", payment_word(&paid.pay_method).to_owned()),
        ("CPID", paid.cpid.clone()),
        ("DAOUTRX", paid.id.clone()),
        ("ORDERNO", paid.order_no.clone()),
        ("AMOUNT", paid.amount.to_string()),
        ("PRODUCTNAME", paid.product_name.clone()),
        ("SETTDATE", stamp(paid.approved_at)),
        ("AUTHNO", paid.auth_no.clone()),
        ("CARDCODE", company.to_owned()),
        ("CARDNAME", company_name(company).to_owned()),
        ("CARDNO", number.replace('*', HIDDEN)),
        ("EMAIL", echo("EMAIL")),
        ("USERID", paid.user_id.clone()),
        ("USERNAME", echo("USERNAME")),
        ("PRODUCTCODE", echo("PRODUCTCODE")),
        ("RESERVEDINDEX1", echo("RESERVEDINDEX1")),
        ("RESERVEDINDEX2", echo("RESERVEDINDEX2")),
        ("RESERVEDSTRING", echo("RESERVEDSTRING")),
    ])
}

fn cancellation_values(paid: &Transaction, amount: u64, at: DateTime<Utc>) -> Values {
    named([
        ("PAYMETHOD", cancellation_word(&paid.pay_method)),
        ("CPID", paid.cpid.clone()),
        ("DAOUTRX", paid.id.clone()),
        ("ORDERNO", paid.order_no.clone()),
        ("AMOUNT", amount.to_string()),
        ("CANCELDATE", stamp(at)),
    ])
}

/// To the merchant, who is notified of it, a charge on a billing key is a card payment, and so is one by
/// the other card contract (신용카드K).
fn payment_word(pay_method: &str) -> &str {
    if matches!(pay_method, "CARD-BATCH" | "CARDK") { "CARD" } else { pay_method }
}

/// PAYMETHOD of a cancellation: some methods have an underscore in it and some do not.
fn cancellation_word(pay_method: &str) -> String {
    match pay_method {
        "KAKAOPAY" => "KAKAOCANCEL".to_owned(),
        "NAVERPAY" | "PAYCO" => format!("{pay_method}CANCEL"),
        "FOREIGNCARD" => "FCARD_CANCEL".to_owned(),
        other => format!("{}_CANCEL", payment_word(other)),
    }
}

fn raise_amount(values: &mut Values) {
    set(values, "AMOUNT", |amount| (amount.parse::<u64>().unwrap_or_default() + 1).to_string());
}

fn set_date(values: &mut Values, date: &str) {
    for name in DATES {
        set(values, name, |_| date.to_owned());
    }
}

fn set(values: &mut Values, wanted: &str, change: impl Fn(&str) -> String) {
    if let Some((_, value)) = values.iter_mut().find(|(name, _)| name == wanted) {
        *value = change(value);
    }
}

fn named<const N: usize>(values: [(&str, String); N]) -> Values {
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn stamp(at: DateTime<Utc>) -> String {
    kst(at).format("%Y%m%d%H%M%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancellations_are_called_what_the_protocol_calls_them() {
        let cases = [
            ("CARD", "CARD_CANCEL"),
            ("CARD-BATCH", "CARD_CANCEL"),
            ("CARDK", "CARD_CANCEL"),
            ("FOREIGNCARD", "FCARD_CANCEL"),
            ("BANK", "BANK_CANCEL"),
            ("SAMSUNGPAY", "SAMSUNGPAY_CANCEL"),
            ("APPLEPAY", "APPLEPAY_CANCEL"),
            ("KAKAOPAY", "KAKAOCANCEL"),
            ("NAVERPAY", "NAVERPAYCANCEL"),
            ("PAYCO", "PAYCOCANCEL"),
        ];
        for (method, word) in cases {
            assert_eq!(cancellation_word(method), word);
        }
    }
}
