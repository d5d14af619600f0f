//! More is due at once than there are connections to the database: all of it is charged, and nobody waits
//! for a connection that is held by somebody who waits too.

use crate::support::app::TestApp;
use crate::support::subscriptions::APPROVED;

#[tokio::test(flavor = "multi_thread")]
async fn more_is_due_than_there_are_connections_and_no_step_of_the_schedule_fails() {
    let app = TestApp::with(&[("DATABASE_MAX_CONNECTIONS", "8")]).await;
    let key = app.register(APPROVED).await;
    for _ in 0..150 {
        app.subscribe(&key, 15).await;
    }
    app.advance_days(31).await;
    assert_eq!(app.ledger().await.len(), 150);
    let metrics = app.get("/metrics").await.text;
    let failed =
        metrics.lines().filter(|line| line.starts_with("kiwoom_billing_schedule_failures_total"));
    let failed: Vec<_> = failed.filter(|line| !line.ends_with(" 0")).collect();
    assert!(failed.is_empty(), "{failed:?}");
}
