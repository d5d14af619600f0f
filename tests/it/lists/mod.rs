//! Lists: pages, filters, and the export of what they hold.

mod csv_export;
mod filters;
mod pagination;

use serde_json::Value;

use crate::support::app::TestApp;

pub async fn page(app: &TestApp, path: &str) -> (Vec<Value>, Option<String>) {
    let data = app.get(path).await.data(200);
    let fields: Vec<&String> = data.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["items", "nextCursor"]);
    let cursor = data["nextCursor"].as_str().map(str::to_owned);
    (data["items"].as_array().unwrap().clone(), cursor)
}

/// All items, page by page.
pub async fn walk(app: &TestApp, path: &str, limit: usize) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let sep = if path.contains('?') { '&' } else { '?' };
        let after = cursor.map_or_else(String::new, |c| format!("&cursor={c}"));
        let (items, next) = page(app, &format!("{path}{sep}limit={limit}{after}")).await;
        pages.push(items);
        let Some(next) = next else { return pages };
        cursor = Some(next);
    }
}

pub fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["id"].as_str().unwrap()).collect()
}
