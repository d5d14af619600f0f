//! The objects of events as the API shows them.

use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::types::Json;
use utoipa::ToSchema;

use crate::api::answers::PaymentBody;
use crate::api::refunds::RefundBody;
use crate::billing::answers::{BillingKeyBody, Shown, SubscriptionBody};
use crate::billing::store::BillingKey;
use crate::billing::store::columns::{billing_key_columns, subscription_columns};
use crate::context::Context;
use crate::easypay::answers::OrderBody;
use crate::easypay::links::answers::{PaymentLinkBody, PaymentLinkTold};
use crate::easypay::methods;
use crate::events::audit::camel_case;
use crate::events::endpoints::answers::WebhookEndpointBody;
use crate::events::endpoints::store::{Endpoint, endpoint_columns};
use crate::events::store::{Object, StoredRow};
use crate::payments::links::{self, Link};
use crate::payments::store::columns::{link_columns, payment_columns, refund_columns};
use crate::payments::store::paid_time::Row;
use crate::payments::store::{Payment, Refund, list_refunds};
use crate::payments::unexpected;
use crate::rules::ids::{EventId, SubscriptionId};

/// Of an event whose object cannot be shown.
pub(super) const NOTHING: &str = "null";

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
#[serde(rename_all = "camelCase")]
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
    /// With `EASYPAY_LINKS_IN_EVENTS`: where the customer can pay what those of them owe that do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    payment_links: Vec<PaymentLinkTold>,
}

/// A payment; of `payment.declined` with where the customer can pay what its subscription owes, with
/// `EASYPAY_LINKS_IN_EVENTS`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PaymentTold)]
pub struct PaymentEvent {
    #[serde(flatten)]
    payment: PaymentBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_link: Option<PaymentLinkTold>,
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

/// What an event tells of.
pub(super) struct Told {
    pub(super) id: EventId,
    /// Its type.
    pub(super) kind: String,
    /// The row of its object, with what was noted beside.
    pub(super) row: StoredRow,
}

impl Told {
    fn beside(&self, name: &str) -> Option<Box<RawValue>> {
        self.row.get(name).cloned()
    }
}

/// Objects of one kind as the API shows them, in JSON.
pub(super) async fn shown(
    ctx: &Context,
    db: &mut PgConnection,
    object: Object,
    told: &[Told],
) -> sqlx::Result<Vec<String>> {
    let mut all = Vec::with_capacity(told.len());
    match object {
        Object::BillingKey => {
            let sql = of_table!(billing_key_columns!(), "billing_keys");
            for (key, told) in read::<BillingKey>(db, sql, told).await?.into_iter().zip(told) {
                all.push(key_event(ctx, db, key, told).await?);
            }
        }
        Object::Subscription => {
            let sql = of_table!(subscription_columns!(), "subscriptions");
            for (row, told) in read::<Row>(db, sql, told).await?.into_iter().zip(told) {
                let shown = Shown::of_row(&row);
                let subscription = SubscriptionBody::new(ctx.rules(), row, shown);
                all.push(json(SubscriptionEvent { subscription, card: told.beside("card") }));
            }
        }
        Object::Customer => all.extend(told.iter().map(|told| json(customer(&told.row)))),
        Object::Link => {
            let sql = of_table!(link_columns!(), "payment_links");
            let links = read::<Link>(db, sql, told).await?;
            all.extend(links.into_iter().map(|link| json(PaymentLinkBody::from(link))));
        }
        Object::Refund => {
            let sql = of_table!(refund_columns!(), "refunds");
            let refunds = read::<Refund>(db, sql, told).await?;
            all.extend(refunds.into_iter().map(|refund| json(RefundBody::from(refund))));
        }
        Object::WebhookEndpoint => {
            let sql = of_table!(endpoint_columns!(), "webhook_endpoints");
            let endpoints = read::<Endpoint>(db, sql, told).await?.into_iter();
            all.extend(endpoints.map(|endpoint| json(WebhookEndpointBody::from(endpoint))));
        }
        Object::Payment => {
            for (payment, told) in read_payments(db, told).await?.into_iter().zip(told) {
                all.push(payment_event(ctx, db, payment, told).await?);
            }
        }
        Object::Order => {
            for payment in read_payments(db, told).await? {
                let refunds = list_refunds(&mut *db, Some(payment.id), None, None, 1000).await?;
                let unexpected = unexpected::of_order(&mut *db, payment.id).await?;
                all.push(json(OrderBody::new(ctx, payment, &refunds, unexpected)));
            }
        }
    }
    Ok(all)
}

async fn key_event(
    ctx: &Context,
    db: &mut PgConnection,
    key: BillingKey,
    told: &Told,
) -> sqlx::Result<String> {
    let (expires, subscriptions) = (told.beside("expires"), told.beside("subscriptions"));
    let payment_links = match &subscriptions {
        Some(ids) if ctx.config.easypay.links_in_events => links_of(ctx, db, ids).await?,
        _ => Vec::new(),
    };
    Ok(json(KeyEvent { key: key.into(), expires, subscriptions, payment_links }))
}

async fn payment_event(
    ctx: &Context,
    db: &mut PgConnection,
    payment: Payment,
    told: &Told,
) -> sqlx::Result<String> {
    let asked = told.kind == "payment.declined" && ctx.config.easypay.links_in_events;
    let payment_link = match payment.subscription_id.filter(|_| asked) {
        Some(id) => link_of(ctx, db, id).await?,
        None => None,
    };
    Ok(json(PaymentEvent { payment: PaymentBody::new(ctx, payment), payment_link }))
}

/// Where what the subscription owes now can be paid.
async fn link_of(
    ctx: &Context,
    db: &mut PgConnection,
    id: SubscriptionId,
) -> sqlx::Result<Option<PaymentLinkTold>> {
    let now = ctx.clock.now().to_rfc3339();
    let query = sqlx::query("select set_config('kiwoom.now', $1, true)").bind(now);
    query.execute(&mut *db).await?;
    let methods = methods::offered(&ctx.config).into_iter().map(|m| m.code().to_owned()).collect();
    let link = links::make_for_event(ctx, db, id, methods).await?;
    Ok(link.map(|link| PaymentLinkTold::new(ctx, &link)))
}

/// The same of each of these subscriptions that owes something.
async fn links_of(
    ctx: &Context,
    db: &mut PgConnection,
    ids: &RawValue,
) -> sqlx::Result<Vec<PaymentLinkTold>> {
    let ids: Vec<String> = serde_json::from_str(ids.get()).unwrap_or_default();
    let mut all = Vec::new();
    for id in ids {
        all.extend(link_of(ctx, db, SubscriptionId::parse(&id)).await?);
    }
    Ok(all)
}

/// What was erased, its fields named as everywhere in the API.
fn customer(row: &StoredRow) -> StoredRow {
    row.iter().map(|(name, value)| (camel_case(name), value.clone())).collect()
}

async fn read_payments(db: &mut PgConnection, told: &[Told]) -> sqlx::Result<Vec<Payment>> {
    read(db, of_table!(payment_columns!(), "payments"), told).await
}

/// The rows as those of a table, in their order.
async fn read<T>(db: &mut PgConnection, sql: &'static str, told: &[Told]) -> sqlx::Result<Vec<T>>
where
    T: for<'r> sqlx::FromRow<'r, PgRow> + Send + Unpin,
{
    let rows: Vec<&StoredRow> = told.iter().map(|told| &told.row).collect();
    sqlx::query_as(sql).bind(Json(rows)).fetch_all(db).await
}

fn json(body: impl Serialize) -> String {
    serde_json::to_string(&body).unwrap_or_else(|_| NOTHING.to_owned())
}
