//! What needs a person: a line for each kind, with the way to where it is settled.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::console::api::path_with;
use crate::console::frame::Console;
use crate::console::pages::today::figures::{Overview, Waiting};

/// `GET /health/ready`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    scheduled_charging: String,
    paused_because: Option<String>,
    #[serde(default)]
    merchant_settings: Vec<Setting>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Setting {
    setting: String,
    result_code: String,
    waiting_subscriptions: i64,
}

/// A line.
pub struct Todo {
    pub text: String,
    /// How many, how much, since when.
    pub much: String,
    /// Where it is settled; empty when that is not in the console.
    pub href: String,
}

/// A kind of [`Waiting`]: what it is, in Korean and English, and where.
type Kind<'a> = (&'a Waiting, &'static str, &'static str, String);

/// The most urgent first; what is empty is left out.
pub fn list(
    c: &Console,
    overview: &Overview,
    health: Option<Health>,
    now: DateTime<Utc>,
) -> Vec<Todo> {
    let a = &overview.attention;
    let at = |path: &str| path.to_owned();
    let from = overview.from.to_string();
    let late = [("late", "true"), ("source", "window"), ("from", from.as_str())];
    let late = path_with("/console/payments", late);
    let cards = path_with("/console/cards", [("expiresBefore", ending(overview).as_str())]);
    let kinds: [Kind<'_>; 10] = [
        (
            &a.unknown_payments,
            "결과를 알 수 없는 결제",
            "Charges whose outcome is unknown",
            at("/console/payments?status=unknown"),
        ),
        (
            &a.unknown_refunds,
            "결과를 알 수 없는 환불",
            "Refunds whose outcome is unknown",
            at("/console/refunds?status=unknown"),
        ),
        (
            &a.unexpected_payments,
            "요청하지 않은 결제",
            "Money that nobody asked for",
            at("/console/payments?source=unexpected"),
        ),
        (
            &a.mismatched_orders,
            "금액이 다르게 결제된 주문",
            "Orders of which another amount was paid",
            at("/console/payments?status=unknown&source=window"),
        ),
        (&a.late_orders, "늦게 결제된 주문", "Orders that were paid late", late),
        (
            &a.notifications,
            "확인이 필요한 키움페이 통지",
            "Notifications of KiwoomPay to be looked at",
            at("/console/notifications?state=review"),
        ),
        (
            &a.given_up_events,
            "전송을 포기한 이벤트",
            "Events whose delivery was given up",
            at("/console/events?delivery=given_up"),
        ),
        (
            &a.past_due,
            "결제에 실패해 재시도하는 구독",
            "Subscriptions past due",
            at("/console/subscriptions?status=past_due"),
        ),
        (
            &a.unpaid,
            "미납 구독",
            "Unpaid subscriptions",
            at("/console/subscriptions?status=unpaid"),
        ),
        (&a.ending_cards, "곧 만료되는 카드", "Cards in use that end soon", cards),
    ];
    let urgent = health.into_iter().flat_map(|health| of_health(c, health));
    let waiting = kinds.into_iter().filter(|(waiting, ..)| waiting.count > 0);
    let waiting = waiting.map(|(waiting, ko, en, href)| Todo {
        text: c.t(ko, en).to_owned(),
        much: much(c, waiting, now),
        href,
    });
    urgent.chain(waiting).collect()
}

/// The day before which a card ends soon: the API counts those of 60 days.
fn ending(overview: &Overview) -> String {
    overview.forecast.last().map(|day| day.date.to_string()).unwrap_or_default()
}

/// What the settings or the guard keep from going on.
fn of_health(c: &Console, health: Health) -> Vec<Todo> {
    let mut lines = Vec::new();
    if health.scheduled_charging == "paused" {
        lines.push(Todo {
            text: c.t("자동 결제가 멈춰 있습니다", "Scheduled charging is paused").to_owned(),
            much: health.paused_because.unwrap_or_default(),
            href: if c.can("admin") { "/console/status".to_owned() } else { String::new() },
        });
    }
    let settings = health.merchant_settings.into_iter().map(|mistake| Todo {
        text: format!(
            "{}: {} ({})",
            c.t("설정이나 계약 때문에 거절된 요청", "Refused for our own settings or contract"),
            mistake.setting,
            mistake.result_code,
        ),
        much: match c.t("ko", "en") {
            "ko" => format!("기다리는 구독 {}건", mistake.waiting_subscriptions),
            _ => format!("{} subscriptions wait", mistake.waiting_subscriptions),
        },
        href: "/console/payments?status=refused".to_owned(),
    });
    lines.extend(settings);
    lines
}

fn much(c: &Console, waiting: &Waiting, now: DateTime<Utc>) -> String {
    let count = match c.t("ko", "en") {
        "ko" => format!("{}건", c.number(waiting.count)),
        _ => c.number(waiting.count),
    };
    let amount = (waiting.amount > 0).then(|| c.won(waiting.amount));
    let oldest = waiting.oldest.as_deref().and_then(|at| DateTime::parse_from_rfc3339(at).ok());
    let age = oldest.map(|at| age(c, (now - at.to_utc()).num_minutes()));
    [Some(count), amount, age].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// How long ago, or how long until then, in the largest whole unit.
fn age(c: &Console, minutes: i64) -> String {
    let (size, is_past) = (minutes.abs(), minutes >= 0);
    let (number, ko, en) = match size {
        1_440.. => (size / 1_440, "일", "days"),
        60.. => (size / 60, "시간", "hours"),
        _ => (size, "분", "minutes"),
    };
    match (c.t("ko", "en"), is_past) {
        ("ko", true) => format!("가장 오래된 것 {number}{ko} 전"),
        ("ko", false) => format!("가장 빠른 것 {number}{ko} 뒤"),
        (_, true) => format!("the oldest {number} {en} ago"),
        (_, false) => format!("the first in {number} {en}"),
    }
}
