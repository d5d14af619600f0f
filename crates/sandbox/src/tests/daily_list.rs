//! The list of a day.

use serde_json::json;

use crate::tests::merchant::Merchant;
use crate::{CPID, DAILY_LIST_PASSWORD};
use kiwoom_clock::kst;

async fn list(shop: &Merchant, changes: &[(&str, &str)]) -> String {
    let today = kst(shop.at.sandbox.now()).format("%Y%m%d").to_string();
    let mut query = vec![
        ("CPID", CPID),
        ("PASSWORD", DAILY_LIST_PASSWORD),
        ("METHOD", "CC"),
        ("REQUESTDATE", &today),
        ("DATAFORMAT", "1"),
        ("TYPE", "2"),
    ];
    for field in &mut query {
        if let Some((_, value)) = changes.iter().find(|(name, _)| *name == field.0) {
            field.1 = value;
        }
    }
    let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let path = format!("/DailyTransactionDownLoad.jsp?{}", query.join("&"));
    shop.at.get(&path).await.as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn sales_and_cancellations_of_the_day_by_kind_of_method() {
    let shop = Merchant::open().await;
    let card = shop.pay("A-1", "9900", "KAKAOPAY").await;
    let transfer = shop.pay("A-2", "5000", "BANK").await;
    for amount in [1000, 2000] {
        let body = json!({ "transactionId": card, "amount": amount });
        assert_eq!(shop.at.post("/admin/cancel", body).await.0, 200);
    }
    let text = list(&shop, &[]).await;
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('|').collect()).collect();
    assert_eq!((lines[0][0], lines[4][0], lines.len()), ("<DATA>", "</DATA>", 5), "{text}");
    let fields = |n: usize| (lines[n][0], lines[n][2], lines[n][3], lines[n][4]);
    assert_eq!(fields(1), ("S", card.as_str(), "A-1", "9900"));
    assert_eq!(fields(2), ("C", card.as_str(), "A-1", "1000"));
    assert_eq!(fields(3), ("C", card.as_str(), "A-1", "2000"));
    assert!(lines[1..4].iter().all(|line| line[1].len() == 14), "{text}");
    let transfers = list(&shop, &[("METHOD", "B")]).await;
    assert!(transfers.contains(&format!("|{transfer}|A-2|5000")), "{transfers}");
    assert!(!transfers.contains("A-1"), "{transfers}");
}

#[tokio::test]
async fn a_refused_request_gets_no_list() {
    let shop = Merchant::open().await;
    let before = shop.at.sandbox.now() - chrono::Duration::days(2);
    let before = kst(before).format("%Y%m%d").to_string();
    for change in [
        ("CPID", "CTOTHER"),
        ("PASSWORD", "wrong"),
        ("METHOD", "XX"),
        ("REQUESTDATE", before.as_str()),
        ("REQUESTDATE", "today"),
        ("DATAFORMAT", "2"),
        ("TYPE", "1"),
    ] {
        let text = list(&shop, &[change]).await;
        assert!(!text.contains("DATA>"), "{change:?}: {text}");
    }
    assert_eq!(list(&shop, &[]).await, "<DATA>\n</DATA>\n");
}
