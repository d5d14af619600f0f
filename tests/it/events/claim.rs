//! Finding the next delivery takes as long with a hundred thousand that wait as with a few.

use kiwoom_billing::events::CLAIM;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

use crate::support::app::TestApp;

/// 100,000 that wait for the endpoint, in 20,000 streams, and a few for another one.
const FILL: &str = "
    set session_replication_role = replica;
    insert into webhook_endpoints (id, url, secret, position, created_at)
        values ('00000000-0000-7000-8000-000000000001', 'http://a.example/', 'x', 0, now());
    insert into event_deliveries (event_id, endpoint_id, stream, position, next_at)
        select gen_random_uuid(), id, md5((n % 20000)::text)::uuid, n,
            case when n <= 20000 then now() else 'infinity' end
        from webhook_endpoints, generate_series(1, 100000) n where n <= 50 or url is null;
    analyze event_deliveries";

/// Every node of a plan, the blocks that it touched and its own.
fn nodes<'a>(plan: &'a Value, found: &mut Vec<&'a Value>) {
    found.push(plan);
    for child in plan["Plans"].as_array().into_iter().flatten() {
        nodes(child, found);
    }
}

async fn plan(app: &TestApp, endpoint: Uuid) -> Value {
    let mut tx = app.service.ctx.pool.begin().await.unwrap();
    let sql = format!("explain (analyze, buffers, format json) {CLAIM}");
    let query = sqlx::query_scalar::<_, Value>(AssertSqlSafe(sql));
    let plan = query.bind(endpoint).bind(16_i64).bind(30.0).fetch_one(&mut *tx).await.unwrap();
    plan[0]["Plan"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_claim_reads_an_index_from_its_beginning_however_much_waits() {
    let app = TestApp::start().await;
    app.owner().await.execute(FILL).await.unwrap();
    let id = |last: u128| Uuid::from_u128(0x7000_8000_0000_0000_0000 + last);
    for endpoint in [id(0), id(1)] {
        let plan = plan(&app, endpoint).await;
        let mut all = Vec::new();
        nodes(&plan, &mut all);
        let scans = all.iter().filter(|node| node["Node Type"] == "Seq Scan");
        assert_eq!(scans.count(), 0, "{plan:#}");
        let is_due = |node: &&&Value| node["Index Name"] == "event_deliveries_due";
        let due = all.iter().find(is_due).unwrap_or_else(|| panic!("{plan:#}"));
        assert_eq!(due["Actual Rows"].as_f64(), Some(16.0), "{plan:#}");
        let blocks = |name: &str| plan[name].as_i64().unwrap();
        let touched = blocks("Shared Hit Blocks") + blocks("Shared Read Blocks");
        assert!(touched < 1_000, "{touched} blocks: {plan:#}");
    }
}
