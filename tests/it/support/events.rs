//! The log of events, as its reader sees it.

use kiwoom_billing::events::publish::publish;
use serde_json::Value;

use crate::support::app::TestApp;

impl TestApp {
    /// Waits until every event is published.
    pub async fn until_published(&self) {
        let pool = &self.service.ctx.pool;
        let left = "select count(*) from events
            where position > (select coalesce(max(position), 0) from event_data)";
        while sqlx::query_scalar::<_, i64>(left).fetch_one(pool).await.unwrap() > 0 {
            publish(&self.service.ctx).await.unwrap();
        }
    }

    /// All events, read by cursor in small pages.
    pub async fn events(&self) -> Vec<Value> {
        self.events_of("").await
    }

    pub async fn events_of(&self, filter: &str) -> Vec<Value> {
        self.until_published().await;
        let (mut events, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/events?limit=7{filter}{cursor}")).await.data(200);
            let items = page["items"].as_array().unwrap();
            if items.is_empty() {
                return events;
            }
            events.extend(items.iter().cloned());
            cursor = format!("&cursor={}", page["nextCursor"].as_str().unwrap());
        }
    }
}
