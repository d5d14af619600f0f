//! Gives committed events their positions and shows their objects as the API does.

use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::types::Json;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::api::answers::PaymentBody;
use crate::api::refunds::RefundBody;
use crate::billing::answers::{BillingKeyBody, Shown, SubscriptionBody};
use crate::billing::store::BillingKey;
use crate::billing::store::columns::{billing_key_columns, subscription_columns};
use crate::context::Context;
use crate::easypay::answers::OrderBody;
use crate::events::audit::camel_case;
use crate::events::endpoints::answers::WebhookEndpointBody;
use crate::events::endpoints::store::{Endpoint, endpoint_columns};
use crate::events::store::{self, Event, Object, StoredRow};
use crate::payments::store::columns::{payment_columns, refund_columns};
use crate::payments::store::paid_time::Row;
use crate::payments::store::{Payment, Refund, list_refunds};
use crate::payments::unexpected;

const BATCH: i64 = 200;
/// How long a reader waits for another one of this process.
const PATIENCE: Duration = Duration::from_secs(2);
/// Of an event whose object cannot be shown.
const NOTHING: &str = "null";

/// A billing key; of `billing_key.expiring` with what its notice says beside it.
#[derive(Serialize, ToSchema)]
#[schema(as = BillingKeyTold)]
pub struct KeyEvent {
    #[serde(flatten)]
    key: BillingKeyBody,
    /// The card's last month, `YYYY-MM`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    expires: Option<Box<RawValue>>,
    /// Ids of the subscriptions that it pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    subscriptions: Option<Box<RawValue>>,
}

/// A subscription; of `subscription.renewal_upcoming` with its card, when that will be over by then.
#[derive(Serialize, ToSchema)]
#[schema(as = SubscriptionTold)]
pub struct SubscriptionEvent {
    #[serde(flatten)]
    subscription: SubscriptionBody,
    /// Its last month, `YYYY-MM`: `{"expires":"2027-03","overByThen":true}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    card: Option<Box<RawValue>>,
}

/// Publishes what has been committed, unless another process is at it for longer than a reader can
/// wait. Positions are given under a lock that ends with the commit: whoever sees a position sees
/// all before it.
pub async fn publish(ctx: &Context) -> sqlx::Result<()> {
    let Ok(_turn) = timeout(PATIENCE, ctx.publishing.lock()).await else { return Ok(()) };
    loop {
        let mut tx = ctx.pool.begin().await?;
        if !store::may_publish(&mut tx).await? {
            return Ok(());
        }
        let events = store::unpublished(&mut tx, BATCH).await?;
        if events.is_empty() {
            return Ok(());
        }
        let seqs: Vec<i64> = events.iter().map(|event| event.seq).collect();
        let mut data = Vec::with_capacity(events.len());
        for event in events {
            data.push(readable(ctx, &mut tx, event).await?);
        }
        store::set_positions(&mut tx, &seqs, &data).await?;
        tx.commit().await?;
    }
}

/// As [`shown`]. A row that cannot be read, written before a migration that added to it, holds the
/// others up no more: it is told without its object.
async fn readable(ctx: &Context, db: &mut PgConnection, event: Event) -> sqlx::Result<String> {
    let id = event.id;
    match shown(ctx, db, event).await {
        Err(error @ sqlx::Error::ColumnDecode { .. }) => {
            tracing::error!(alert = true, %id, %error, "event told without its data");
            Ok(NOTHING.to_owned())
        }
        shown => shown,
    }
}

/// The object of an event as the API shows it: after the change, or before it when it is gone. A test brings
/// its own.
async fn shown(ctx: &Context, db: &mut PgConnection, event: Event) -> sqlx::Result<String> {
    if let Some(Json(data)) = event.data {
        return Ok(data.get().to_owned());
    }
    let Some(Json(mut row)) = event.after.or(event.before) else { return Ok(NOTHING.to_owned()) };
    // The object as it was, not what has become of its call since.
    row.remove("call_ends_by");
    Ok(match event.object {
        Object::BillingKey => {
            let sql = concat!(
                "select ",
                billing_key_columns!(),
                " from jsonb_populate_record(null::billing_keys, $1)"
            );
            let (expires, subscriptions) = (row.remove("expires"), row.remove("subscriptions"));
            let key = read::<BillingKey>(db, sql, row).await?.into();
            json(KeyEvent { key, expires, subscriptions })
        }
        Object::Subscription => {
            // What was written before there was paid time lacks what is never null since.
            let sql = concat!(
                "select ",
                subscription_columns!(),
                " from jsonb_populate_record(null::subscriptions,
                    '{\"pause_at_period_end\": false, \"credit\": 0, \"carried\": 0,
                      \"legacy_end\": false, \"legacy_pause\": false, \"revision\": 0}' || $1)"
            );
            let card = row.remove("card");
            let row: Row = read(db, sql, row).await?;
            let shown = Shown::of_row(&row);
            let subscription = SubscriptionBody::new(ctx.rules(), row, shown);
            json(SubscriptionEvent { subscription, card })
        }
        Object::Customer => json(customer(row)),
        Object::Refund => {
            let sql = concat!(
                "select ",
                refund_columns!(),
                " from jsonb_populate_record(null::refunds, $1)"
            );
            json(RefundBody::from(read::<Refund>(db, sql, row).await?))
        }
        Object::WebhookEndpoint => {
            let sql = concat!(
                "select ",
                endpoint_columns!(),
                " from jsonb_populate_record(null::webhook_endpoints, $1)"
            );
            json(WebhookEndpointBody::from(read::<Endpoint>(db, sql, row).await?))
        }
        Object::Payment | Object::Order => {
            let sql = concat!(
                "select ",
                payment_columns!(),
                " from jsonb_populate_record(null::payments, $1)"
            );
            let payment: Payment = read(db, sql, row).await?;
            if event.object == Object::Order {
                let refunds = list_refunds(&mut *db, Some(payment.id), None, None, 1000).await?;
                let unexpected = unexpected::of_order(db, payment.id).await?;
                json(OrderBody::new(ctx, payment, &refunds, unexpected))
            } else {
                json(PaymentBody::new(ctx, payment))
            }
        }
    })
}

/// What was erased, its fields named as everywhere in the API.
fn customer(row: StoredRow) -> StoredRow {
    row.into_iter().map(|(name, value)| (camel_case(&name), value)).collect()
}

async fn read<T>(db: &mut PgConnection, sql: &'static str, row: StoredRow) -> sqlx::Result<T>
where
    T: for<'r> sqlx::FromRow<'r, PgRow> + Send + Unpin,
{
    sqlx::query_as(sql).bind(Json(row)).fetch_one(db).await
}

fn json(body: impl Serialize) -> String {
    serde_json::to_string(&body).unwrap_or_else(|_| NOTHING.to_owned())
}
