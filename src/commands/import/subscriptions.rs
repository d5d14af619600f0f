//! A row with a subscription: what `POST /billing/subscribe` takes, by the same rules, and the day
//! of the next charge.

use chrono::NaiveDate;
use kiwoom_paid_time::Cadence;
use serde_json::{Map, Value};
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use crate::billing::cards::lock_active_key;
use crate::billing::subscriptions::subscribe::{SubscribeRequest, draft, within_ten_years};
use crate::billing::subscriptions::successors::exists;
use crate::commands::import::{Importer, Refusal, ids};
use crate::http::error::{ApiError, Detail};
use crate::http::extract::{Fields, FromFields};
use crate::http::json::{self, Object};
use crate::payments::store::paid_time;
use crate::rules::text::Text;

/// What a row says.
struct SubscriptionRow {
    request: SubscribeRequest,
    next_billing_date: NaiveDate,
}

impl FromFields for SubscriptionRow {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let next_billing_date = f.required("nextBillingDate");
        let request = SubscribeRequest::from_fields(f);
        Some(Self { request: request?, next_billing_date: next_billing_date? })
    }
}

/// Writes the subscription of one row: its id and the customer's.
pub(super) async fn take(
    importer: &Importer,
    db: &mut PgConnection,
    cells: Map<String, Value>,
) -> Result<String, Refusal> {
    let SubscriptionRow { mut request, next_billing_date } = Fields::read(typed(cells)?)?;
    let mut problems = Vec::new();
    if let Err(reason) =
        billed_on(request.cadence(next_billing_date), importer.clock.today(), next_billing_date)
    {
        problems.push(Detail { field: "nextBillingDate".to_owned(), reason });
    }
    let key = lock_active_key(db, request.billing_key, request.customer_id.as_str()).await;
    if let Err(error) = key {
        if error.is_server_error() {
            return Err(error.into());
        }
        let reason = Text::new("", error.english());
        problems.push(Detail { field: "billingKey".to_owned(), reason });
    }
    if !problems.is_empty() {
        return Err(Refusal::Row(problems));
    }
    request.start_date = Some(next_billing_date);
    let id = ids::of_subscription(db, &importer.vault, &request).await?;
    let mut subscription =
        draft(&importer.clock, (&importer.rules, &importer.contract), id, &request)?;
    subscription.plan(&importer.rules);
    // A duplicate costs only its own row.
    let mut savepoint = db.begin().await?;
    let now = importer.clock.now();
    paid_time::insert(&mut savepoint, &mut subscription, now).await.map_err(exists)?;
    savepoint.commit().await?;
    Ok(format!("{id} {}", subscription.row.customer_id))
}

/// The cells as the JSON of a request has them. What does not read as its type stays text, for the
/// request's own rules to refuse.
fn typed(cells: Map<String, Value>) -> Result<Object, ApiError> {
    let field = |(name, cell): (String, Value)| {
        let text = cell.as_str().filter(|_| ["amount", "cycleDay", "metadata"].contains(&&*name));
        let json = text.filter(|text| serde_json::from_str::<Value>(text).is_ok());
        let json = json.map_or_else(|| cell.to_string(), str::to_owned);
        format!("{}:{json}", Value::from(name))
    };
    let fields: Vec<String> = cells.into_iter().map(field).collect();
    json::object(format!("{{{}}}", fields.join(",")).as_bytes())
}

/// Says what is wrong with the day of the first charge.
fn billed_on(cadence: Cadence, today: NaiveDate, day: NaiveDate) -> Result<(), Text> {
    within_ten_years(today, day)?;
    let billed = cadence.on_or_after(day);
    if billed == day {
        return Ok(());
    }
    Err(Text::new(
        format!("결제일(cycleDay)에 맞지 않습니다. 맞는 날은 {billed}입니다."),
        format!("Is no day on which cycleDay {} bills; {billed} is.", cadence.anchor),
    ))
}
