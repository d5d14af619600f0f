//! Movements narrowed by day, kind, method and customer, and their pages.

use serde_json::{Value, json};

use super::{agree, approved, at, movements, summary};
use crate::lists::{page, walk};
use crate::support::app::TestApp;
use crate::support::refusals::{UNKNOWN_FIELD, invalid};

fn orders(movements: &[Value]) -> Vec<&str> {
    movements.iter().map(|m| m["orderId"].as_str().unwrap()).collect()
}

/// Twelve movements, four on each of three days; those of a day are of three customers.
async fn three_days() -> TestApp {
    let app = TestApp::start().await;
    for day in 1..=3 {
        let now = format!("2999-03-0{day}T12:00:00+09:00");
        let rows: Vec<String> = (0..4)
            .map(|n| {
                // The money moved on the days before, the other way round.
                let moved = format!("2999-02-0{}T23:59:59+09:00", 4 - day);
                approved(&format!("O-{day}{n}"), &format!("customer{}", n % 3), 1000 + n, &moved)
            })
            .collect();
        for row in rows {
            at(&app, &now, &[row]).await;
        }
    }
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn a_movement_is_found_by_its_day_its_customer_and_what_it_is() {
    let app = three_days().await;
    let all = movements(&app, "").await;
    let newest_first = [
        "O-33", "O-32", "O-31", "O-30", "O-23", "O-22", "O-21", "O-20", "O-13", "O-12", "O-11",
        "O-10",
    ];
    assert_eq!(orders(&all), newest_first);
    let cases: [(&str, &[&str]); 15] = [
        ("from=2999-03-02", &newest_first[..8]),
        ("to=2999-03-02", &newest_first[8..]),
        ("from=2999-03-02&to=2999-03-03", &newest_first[4..8]),
        ("from=2999-03-02&to=2999-03-02", &[]),
        ("from=2999-03-03&to=2999-03-01", &[]),
        ("customerId=customer2", &["O-32", "O-22", "O-12"]),
        ("customerId=customer2&from=2999-03-03", &["O-32"]),
        ("customerId=nobody", &[]),
        ("kind=charge&to=2999-03-02", &newest_first[8..]),
        ("kind=refund", &[]),
        ("method=CARD&to=2999-03-02", &newest_first[8..]),
        ("method=card", &[]),
        ("date=booked&to=2999-03-02", &newest_first[8..]),
        ("date=moved&from=2999-02-03", &newest_first[8..]),
        ("date=moved&to=2999-02-02&customerId=customer1", &["O-31"]),
    ];
    for (query, expected) in cases {
        assert_eq!(orders(&movements(&app, query).await), expected, "{query}");
    }
    let moved = movements(&app, "date=moved").await;
    assert_eq!(orders(&moved)[..4], newest_first[8..], "the money of the first day moved last");
    assert_eq!(moved[0]["movedOn"], "2999-02-03");
    let of_day = summary(&app, "from=2999-03-02&to=2999-03-03").await;
    assert_eq!((&of_day["total"]["gross"], &of_day["total"]["count"]), (&json!(4006), &json!(4)));
    agree(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_each_movement_once_also_when_others_come_meanwhile() {
    let app = three_days().await;
    for query in ["", "date=moved&", "kind=charge&", "customerId=customer0&"] {
        let all = movements(&app, query).await;
        for limit in [1, 5, 12, 100] {
            let path = format!("/billing/movements?{}", query.trim_end_matches('&'));
            let pages = walk(&app, path.trim_end_matches('?'), limit).await;
            assert!(pages.iter().all(|page| page.len() <= limit), "{query} {limit}");
            assert_eq!(pages.concat(), all, "{query} {limit}");
        }
    }
    let (first, cursor) = page(&app, "/billing/movements?limit=5").await;
    let late = approved("O-99", "customer9", 5, "2999-02-01T00:00:00+09:00");
    at(&app, "2999-03-04T00:00:00+09:00", &[late]).await;
    let next = format!("/billing/movements?limit=100&cursor={}", cursor.unwrap());
    let (rest, cursor) = page(&app, &next).await;
    assert_eq!((first.len(), rest.len(), cursor), (5, 7, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_query_is_named() {
    let app = TestApp::start().await;
    let date = "YYYY-MM-DD 형식의 날짜여야 합니다.";
    let one_of_kinds = "charge, window_payment, unexpected, refund, cancellation, unexpected_return \
        중 하나여야 합니다.";
    for (query, problems) in [
        ("movements?from=2026-3-1&to=x", vec![("from", date), ("to", date)]),
        ("movements?from=2026-03-01T00:00:00Z", vec![("from", date)]),
        ("movements?kind=sale", vec![("kind", one_of_kinds)]),
        ("movements?date=paid", vec![("date", "booked, moved 중 하나여야 합니다.")]),
        ("movements?status=paid", vec![("status", UNKNOWN_FIELD)]),
        ("movements.csv?limit=1", vec![("limit", UNKNOWN_FIELD)]),
        ("movements.xlsx?cursor=1", vec![("cursor", UNKNOWN_FIELD)]),
        ("summary", vec![("from", "필수 값입니다."), ("to", "필수 값입니다.")]),
        (
            "summary?from=2026-03-01&to=2026-04-01&by=week",
            vec![("by", "day, month 중 하나여야 합니다.")],
        ),
    ] {
        let reply = app.get(&format!("/billing/{query}")).await;
        assert_eq!(reply.error(400), invalid(&problems), "{query}");
    }
    let nothing = summary(&app, "from=2026-03-02&to=2026-03-01").await;
    assert_eq!((&nothing["total"]["count"], &nothing["periods"]), (&json!(0), &json!([])));
}
