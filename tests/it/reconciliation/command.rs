//! `kiwoom-billing reconcile` with the list that it fetches itself.

use super::of_kind;
use crate::support::app::TestApp;
use crate::support::process::run;
use crate::support::subscriptions::APPROVED;
use crate::support::window::{ALL_ON, status};

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_the_day_before_is_fetched_compared_and_settled() {
    let app = TestApp::at_noon(ALL_ON).await;
    let key = app.register(APPROVED).await;
    let payment = app.pay(&key).await.data(200);
    app.cancel_unheard(&payment["transactionId"], 900).await;
    app.pay_unheard("O-1", Some("KAKAOPAY")).await;
    app.advance_days(1).await;
    let table = app.command(&[]).await;
    assert_eq!(table.code, Some(3), "{}", table.err);
    assert!(table.out.contains("canceled_there") && table.out.contains("O-1"), "{}", table.out);
    assert_eq!(status(&app, "O-1").await["status"], "expired");
    let done = app.command(&["--settle", "--json"]).await.report(0);
    assert_eq!(of_kind(&done, "unpaid_here")[0]["orderId"], "O-1", "{done}");
    assert_eq!(status(&app, "O-1").await["method"], "KAKAOPAY");
    let again = app.command(&["--settle", "--json"]).await.report(0);
    assert_eq!((&again["matching"], &again["differences"]), (&2.into(), &serde_json::json!([])));

    // What the list has not is told of, and stays as it is.
    let today = app.get("/sandbox/clock").await.json()["now"].as_str().unwrap()[..10].to_owned();
    app.pay(&key).await.data(200);
    let empty = app.command(&["--date", &today, "--json"]).await.report(0);
    assert_eq!(empty["matching"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_command_cannot_do_it_says() {
    let app = TestApp::start().await;
    let other_day = app.command(&["--date", "2026-01-01"]).await;
    assert_eq!(other_day.code, Some(1));
    assert!(other_day.err.contains("today and yesterday only"), "{}", other_day.err);
    let missing = app.command(&["missing.csv"]).await;
    assert_eq!(missing.code, Some(1));
    assert!(missing.err.contains("missing.csv: 읽을 수 없습니다"), "{}", missing.err);
    let both = app.command(&["--settle", "--dry-run"]).await;
    assert_eq!(both.code, Some(2), "{}", both.err);
    let card = app.command(&["--settle", "--reason", "4111 1111 1111 1111"]).await;
    assert!(card.code == Some(1) && !card.err.contains("1111"), "{}", card.err);
    let off = run(&["reconcile"], &[("DATABASE_URL", app.setting("DATABASE_URL"))]).unwrap_err();
    assert!(off.contains("KIWOOM_DAILY_LIST_URL"), "{off}");
    // An address that takes no query, and a page that is no list.
    for (query, words) in [("?x=1", "it takes"), ("", "something else than a list")] {
        let url = format!("{}/sandbox/{query}", app.base);
        let settings = [
            ("DATABASE_URL", app.setting("DATABASE_URL")),
            ("DATA_DIR", app.data_dir.to_str().unwrap()),
            ("KIWOOM_BASE_URL", &format!("{}/sandbox", app.base)),
            ("KIWOOM_DAILY_LIST_URL", &url),
            ("KIWOOM_DAILY_LIST_PASSWORD", "s3cret"),
        ];
        let refused = run(&["reconcile"], &settings).unwrap_err();
        assert!(refused.contains(words) && !refused.contains("s3cret"), "{refused}");
    }
}
