//! Gives committed events their positions and shows their objects as the API does.

use std::collections::BTreeMap;
use std::slice;
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

/// SQL: the rows `$1`, a JSON array, as those of a table.
macro_rules! of_table {
    ($columns:expr, $table:literal) => {
        concat!(
            "select ",
            $columns,
            " from jsonb_populate_recordset(null::",
            $table,
            ", $1) with ordinality order by ordinality"
        )
    };
}

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
        let data = told(ctx, &mut tx, events).await?;
        store::set_positions(&mut tx, &seqs, &data).await?;
        tx.commit().await?;
    }
}

/// The data of each event: the object as the API shows it, after the change, or before it when it is gone.
/// A test brings its own. Objects of one kind are read together.
async fn told(
    ctx: &Context,
    db: &mut PgConnection,
    events: Vec<Event>,
) -> sqlx::Result<Vec<String>> {
    let mut data = vec![NOTHING.to_owned(); events.len()];
    let mut kinds = BTreeMap::<Object, (Vec<usize>, Vec<StoredRow>)>::new();
    for (nth, event) in events.into_iter().enumerate() {
        if let Some(Json(of_test)) = event.data {
            of_test.get().clone_into(&mut data[nth]);
        } else if let Some(Json(mut row)) = event.after.or(event.before) {
            // The object as it was, not what has become of its call since.
            row.remove("call_ends_by");
            let (places, rows) = kinds.entry(event.object).or_default();
            places.push(nth);
            rows.push(row);
        }
    }
    for (object, (places, rows)) in kinds {
        for (nth, shown) in places.into_iter().zip(readable(ctx, db, object, rows).await?) {
            data[nth] = shown;
        }
    }
    Ok(data)
}

/// As [`shown`]. A row that cannot be read, written before a migration that added to it, holds the
/// others up no more: it is told without its object.
async fn readable(
    ctx: &Context,
    db: &mut PgConnection,
    object: Object,
    rows: Vec<StoredRow>,
) -> sqlx::Result<Vec<String>> {
    match shown(ctx, db, object, &rows).await {
        Err(sqlx::Error::ColumnDecode { .. }) => {}
        all => return all,
    }
    let mut readable = Vec::with_capacity(rows.len());
    for row in &rows {
        readable.push(match shown(ctx, db, object, slice::from_ref(row)).await {
            Err(error @ sqlx::Error::ColumnDecode { .. }) => {
                let id = row.get("id").map(|id| id.get());
                tracing::error!(alert = true, id, %error, "event told without its data");
                NOTHING.to_owned()
            }
            one => one?.swap_remove(0),
        });
    }
    Ok(readable)
}

/// Objects of one kind as the API shows them.
async fn shown(
    ctx: &Context,
    db: &mut PgConnection,
    object: Object,
    rows: &[StoredRow],
) -> sqlx::Result<Vec<String>> {
    let besides = |name| rows.iter().map(move |row| row.get(name).cloned());
    Ok(match object {
        Object::BillingKey => {
            let sql = of_table!(billing_key_columns!(), "billing_keys");
            let keys = read::<BillingKey>(db, sql, rows).await?.into_iter();
            let besides = besides("expires").zip(besides("subscriptions"));
            let told = keys.zip(besides).map(|(key, (expires, subscriptions))| {
                json(KeyEvent { key: key.into(), expires, subscriptions })
            });
            told.collect()
        }
        Object::Subscription => {
            let sql = of_table!(subscription_columns!(), "subscriptions");
            let subscriptions = read::<Row>(db, sql, rows).await?.into_iter();
            let told = subscriptions.zip(besides("card")).map(|(row, card)| {
                let shown = Shown::of_row(&row);
                let subscription = SubscriptionBody::new(ctx.rules(), row, shown);
                json(SubscriptionEvent { subscription, card })
            });
            told.collect()
        }
        Object::Customer => rows.iter().cloned().map(|row| json(customer(row))).collect(),
        Object::Refund => {
            let sql = of_table!(refund_columns!(), "refunds");
            let refunds = read::<Refund>(db, sql, rows).await?.into_iter();
            refunds.map(|refund| json(RefundBody::from(refund))).collect()
        }
        Object::WebhookEndpoint => {
            let sql = of_table!(endpoint_columns!(), "webhook_endpoints");
            let endpoints = read::<Endpoint>(db, sql, rows).await?.into_iter();
            endpoints.map(|endpoint| json(WebhookEndpointBody::from(endpoint))).collect()
        }
        Object::Payment => {
            let payments = read_payments(db, rows).await?.into_iter();
            payments.map(|payment| json(PaymentBody::new(ctx, payment))).collect()
        }
        Object::Order => {
            let mut told = Vec::with_capacity(rows.len());
            for payment in read_payments(&mut *db, rows).await? {
                let refunds = list_refunds(&mut *db, Some(payment.id), None, None, 1000).await?;
                let unexpected = unexpected::of_order(&mut *db, payment.id).await?;
                told.push(json(OrderBody::new(ctx, payment, &refunds, unexpected)));
            }
            told
        }
    })
}

/// What was erased, its fields named as everywhere in the API.
fn customer(row: StoredRow) -> StoredRow {
    row.into_iter().map(|(name, value)| (camel_case(&name), value)).collect()
}

async fn read_payments(db: &mut PgConnection, rows: &[StoredRow]) -> sqlx::Result<Vec<Payment>> {
    read(db, of_table!(payment_columns!(), "payments"), rows).await
}

/// The rows as those of a table, in their order.
async fn read<T>(
    db: &mut PgConnection,
    sql: &'static str,
    rows: &[StoredRow],
) -> sqlx::Result<Vec<T>>
where
    T: for<'r> sqlx::FromRow<'r, PgRow> + Send + Unpin,
{
    sqlx::query_as(sql).bind(Json(rows)).fetch_all(db).await
}

fn json(body: impl Serialize) -> String {
    serde_json::to_string(&body).unwrap_or_else(|_| NOTHING.to_owned())
}
