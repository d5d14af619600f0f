//! Gives committed events their positions and shows their objects as the API does.

use serde::Serialize;
use serde_json::Value;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::types::Json;

use crate::api::answers::{PaymentBody, RefundBody};
use crate::billing::answers::{BillingKeyBody, Shown, SubscriptionBody};
use crate::billing::store::BillingKey;
use crate::billing::store::columns::{billing_key_columns, subscription_columns};
use crate::context::Context;
use crate::easypay::answers::OrderBody;
use crate::events::store::{self, Event, Object};
use crate::payments::store::columns::{payment_columns, refund_columns};
use crate::payments::store::paid_time::Row;
use crate::payments::store::{Payment, Refund, list_refunds};
use crate::payments::unexpected;

const BATCH: i64 = 200;

/// Publishes what has been committed, unless another process is at it. Positions are given under a
/// lock that ends with the commit: whoever sees a position sees all before it.
pub async fn publish(ctx: &Context) -> sqlx::Result<()> {
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
            data.push(readable(ctx, &mut tx, event).await?.to_string());
        }
        store::set_positions(&mut tx, &seqs, &data).await?;
        if ctx.config.merchant_webhook.is_some() {
            store::enlist(&mut tx, &seqs).await?;
        }
        tx.commit().await?;
    }
}

/// As [`shown`]. A row that cannot be read, written before a migration that added to it, holds the
/// others up no more: it is told without its object.
async fn readable(ctx: &Context, db: &mut PgConnection, event: Event) -> sqlx::Result<Value> {
    let id = event.id;
    match shown(ctx, db, event).await {
        Err(error @ sqlx::Error::ColumnDecode { .. }) => {
            tracing::error!(alert = true, %id, %error, "event told without its data");
            Ok(Value::Null)
        }
        shown => shown,
    }
}

/// The object of an event as the API shows it: after the change, or before it when it is gone.
async fn shown(ctx: &Context, db: &mut PgConnection, event: Event) -> sqlx::Result<Value> {
    let Some(Json(mut row)) = event.after.or(event.before) else { return Ok(Value::Null) };
    // The object as it was, not what has become of its call since.
    if let Some(row) = row.as_object_mut() {
        row.remove("call_ends_by");
    }
    Ok(match event.object {
        Object::BillingKey => {
            let sql = concat!(
                "select ",
                billing_key_columns!(),
                " from jsonb_populate_record(null::billing_keys, $1)"
            );
            json(BillingKeyBody::from(read::<BillingKey>(db, sql, row).await?))
        }
        Object::Subscription => {
            let sql = concat!(
                "select ",
                subscription_columns!(),
                " from jsonb_populate_record(null::subscriptions, $1)"
            );
            let row: Row = read(db, sql, row).await?;
            let shown = Shown::of_row(&row);
            json(SubscriptionBody::new(ctx.rules(), row, shown))
        }
        Object::Refund => {
            let sql = concat!(
                "select ",
                refund_columns!(),
                " from jsonb_populate_record(null::refunds, $1)"
            );
            json(RefundBody::from(read::<Refund>(db, sql, row).await?))
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

async fn read<T>(db: &mut PgConnection, sql: &'static str, row: Value) -> sqlx::Result<T>
where
    T: for<'r> sqlx::FromRow<'r, PgRow> + Send + Unpin,
{
    sqlx::query_as(sql).bind(Json(row)).fetch_one(db).await
}

fn json(body: impl Serialize) -> Value {
    serde_json::to_value(body).unwrap_or_default()
}
