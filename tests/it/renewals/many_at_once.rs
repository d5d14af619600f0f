//! More is due at once than there are connections to the database: all of it is charged, and nobody waits
//! for a connection that is held by somebody who waits too.

use crate::support::app::TestApp;
use crate::support::subscriptions::APPROVED;

#[tokio::test(flavor = "multi_thread")]
async fn more_is_due_than_there_are_connections_and_charging_does_not_fail() {
    let app = TestApp::with(&[("DATABASE_MAX_CONNECTIONS", "8")]).await;
    let key = app.register(APPROVED).await;
    for _ in 0..150 {
        app.subscribe(&key, 15).await;
    }
    app.advance_days(31).await;
    assert_eq!(app.ledger().await.len(), 150);
    let metrics = app.get("/metrics").await.text;
    let failures = "kiwoom_billing_schedule_failures_total{step=\"charging\"} 0";
    assert!(metrics.lines().any(|line| line == failures), "{metrics}");
}
