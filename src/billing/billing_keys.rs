//! Billing keys that are there: listing, deleting, and activating one whose card was ended.

use axum::extract::State;
use chrono::NaiveDate;
use serde_json::Value;

use crate::billing::answers::BillingKeyBody;
use crate::billing::cards::inactive;
use crate::billing::forgotten::forget;
use crate::billing::store::{self, Deleted, KEY_STATUSES};
use crate::context::AppState;
use crate::http::answer::{self, Answer, Cursor, Page, Paging, Success};
use crate::http::description::{self, described};
use crate::http::error::{ApiError, Code, ErrorBody};
use crate::http::extract::{Fields, FromField, FromFields, PathId, Query, one_of};
use crate::kiwoom::text::CustomerId;
use crate::payments::store::paid_time::Loaded;
use crate::rules::ids::BillingKeyId;
use crate::rules::text::Text;

/// A status of billing keys, as a condition on their columns.
struct StatusFilter(&'static str);

described!(
    StatusFilter as "BillingKeyStatus",
    description::one_of(KEY_STATUSES.iter().map(|row| row.0))
);

impl FromField for StatusFilter {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, KEY_STATUSES).map(Self)
    }
}

/// Which keys to list.
pub struct ListRequest {
    customer_id: Option<CustomerId>,
    condition: &'static str,
    expires_before: Option<NaiveDate>,
    paging: Paging,
}

impl FromFields for ListRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let customer_id = f.optional("customerId");
        let status = f.optional::<StatusFilter>("status");
        let condition = status.map_or(KEY_STATUSES[0].1, |status| status.0);
        let expires_before = f.optional("expiresBefore");
        Some(Self { customer_id, condition, expires_before, paging: Paging::from_fields(f)? })
    }
}

/// List billing keys.
///
/// The active ones, newest first; with `status=inactive` those whose card was ended for good.
#[utoipa::path(
    get, path = "/billing/keys", operation_id = "listBillingKeys", tag = "billing",
    params(
        ("customerId" = inline(Option<CustomerId>), Query),
        ("status" = inline(Option<StatusFilter>), Query),
        ("expiresBefore" = Option<NaiveDate>, Query, description = "Of cards that a live subscription \
            uses and that end before this day"),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100),
        ("cursor" = inline(Option<Cursor>), Query),
    ),
    responses(
        (status = 200, description = "A page", body = Success<Page<BillingKeyBody>>),
    )
)]
pub async fn list(State(ctx): State<AppState>, Query(request): Query<ListRequest>) -> Answer {
    let customer = request.customer_id.as_ref().map(CustomerId::as_str);
    let filter = (customer, request.condition, request.expires_before);
    let rows = store::list_keys(&ctx.reading, filter, request.paging).await?;
    Ok(answer::ok(request.paging.page(rows, |key| key.id.0, BillingKeyBody::from)))
}

/// Delete a billing key.
///
/// It is never charged again, and its AUTOKEY is forgotten. 409 while a charge of a subscription can still come to it: one that
/// was cancelled `atPeriodEnd` and owes nothing needs it no more.
#[utoipa::path(
    delete, path = "/billing/key/{billingKey}", operation_id = "deleteBillingKey",
    tag = "billing",
    params(("billingKey" = String, Path)),
    responses(
        (status = 200, description = "Deleted, or was already", body = Success<BillingKeyBody>),
    )
)]
pub async fn delete(State(ctx): State<AppState>, PathId(id): PathId) -> Answer {
    let id = BillingKeyId::parse(&id);
    let mut tx = ctx.begin().await?;
    let deleted = store::delete_key(&mut tx, id, (ctx.rules(), ctx.clock.now())).await?;
    if let Deleted::Done(key) = &deleted {
        forget(&ctx, &mut tx, key).await?;
    }
    tx.commit().await?;
    match deleted {
        Deleted::Done(key) => Ok(answer::ok(BillingKeyBody::from(key))),
        Deleted::NotFound => Err(Code::BillingKeyNotFound.into()),
        Deleted::InUse(s) => {
            let reason = in_use(&s);
            Err(ApiError::from(Code::SubscriptionExists).with_detail("billingKey", reason))
        }
    }
}

/// Why a key is not deleted: the subscription, and how far it is paid.
fn in_use(s: &Loaded) -> Text {
    let id = s.row.id;
    match s.paid.paid_through() {
        Some(day) => Text::new(
            format!(
                "구독 {id}이(가) 사용 중인 빌링키입니다. 이 구독은 {day} 전까지 결제되어 있습니다."
            ),
            format!("Subscription {id}, which is paid up to {day}, uses this billing key."),
        ),
        None => Text::new(
            format!("구독 {id}이(가) 사용 중인 빌링키입니다."),
            format!("Subscription {id} uses this billing key."),
        ),
    }
}

/// Activate a billing key.
///
/// Makes one whose card was ended for good active again. A subscription that became unpaid by it is
/// charged by `POST /billing/pay`.
#[utoipa::path(
    post, path = "/billing/key/{billingKey}/activate", operation_id = "activateBillingKey",
    tag = "billing",
    params(("billingKey" = String, Path)),
    responses(
        (status = 200, description = "Active, or was already", body = Success<BillingKeyBody>),
        (status = 409, description = "`billing_key_inactive`: it was deleted", body = ErrorBody),
    )
)]
pub async fn activate(State(ctx): State<AppState>, PathId(id): PathId) -> Answer {
    let mut tx = ctx.begin().await?;
    let key = store::activate_key(&mut tx, BillingKeyId::parse(&id)).await?;
    let key = key.ok_or(ApiError::from(Code::BillingKeyNotFound))?;
    if !key.is_active() {
        return Err(inactive(&key));
    }
    tx.commit().await?;
    Ok(answer::ok(BillingKeyBody::from(key)))
}
