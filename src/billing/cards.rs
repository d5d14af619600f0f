//! Billing keys: registering a card, listing and deleting.
//!
//! Card number, password and birth date exist only in the request; KiwoomPay's AUTOKEY is stored
//! encrypted and never leaves the service.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use sqlx::postgres::PgConnection;
use utoipa::ToSchema;

use crate::access::api_keys::ApiKeyId;
use crate::access::origin::Origin;
use crate::api::errors::not_sent;
use crate::billing::answers::BillingKeyBody;
use crate::billing::store::{self, BillingKey, Deleted, KeyStatus};
use crate::context::{AppState, Context};
use crate::http::answer::{self, Answer, Cursor, Page, Paging, Success};
use crate::http::error::{ApiError, Code, ErrorBody, GatewayAnswer};
use crate::http::extract::{Body, Fields, FromFields, PathId, Query};
use crate::kiwoom::card::{BirthDate, CardNumber, CardPassword, ExpireDate};
use crate::kiwoom::text::{CustomerId, CustomerName, Email, OrderNo};
use crate::kiwoom::{GatewayError, KEYGEN, Registered, Registration};
use crate::layers::idempotency::NewId;
use crate::payments::charge::Card;
use crate::rules::ids::BillingKeyId;
use crate::rules::text::Text;
use crate::storage::vault::VaultError;

/// A card and its holder.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub struct RegisterRequest {
    /// 13 to 19 digits; spaces and hyphens allowed.
    card_number: CardNumber,
    /// YYMM.
    expire_date: ExpireDate,
    /// First two digits of the PIN.
    card_password: CardPassword,
    /// YYMMDD, or a 10-digit business number.
    birth_date: BirthDate,
    customer_name: CustomerName,
    customer_id: CustomerId,
    customer_email: Option<Email>,
}

impl FromFields for RegisterRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let card_number = f.required("cardNumber");
        let expire_date = f.required("expireDate");
        let card_password = f.required("cardPassword");
        let birth_date = f.required("birthDate");
        let customer_name = f.required("customerName");
        let customer_id = f.required("customerId");
        Some(Self {
            customer_email: f.optional("customerEmail"),
            card_number: card_number?,
            expire_date: expire_date?,
            card_password: card_password?,
            birth_date: birth_date?,
            customer_name: customer_name?,
            customer_id: customer_id?,
        })
    }
}

/// 빌링키 등록: registers a card at KiwoomPay.
#[utoipa::path(
    post, path = "/billing/register", operation_id = "registerBillingKey",
    tag = "billing", request_body = RegisterRequest,
    responses(
        (status = 201, description = "Registered", body = Success<BillingKeyBody>),
        (status = 402, description = "`card_refused`", body = ErrorBody),
        (status = 429, description = "`rate_limited`: too many registrations of the customer, the \
            address or the API key; `Retry-After` says when to try again", body = ErrorBody),
        (status = "5XX", description = "Nothing was done", body = ErrorBody),
    )
)]
pub async fn register(
    State(ctx): State<AppState>,
    Extension(caller): Extension<ApiKeyId>,
    Extension(origin): Extension<Origin>,
    new: NewId,
    Body(request): Body<RegisterRequest>,
) -> Answer {
    let id = BillingKeyId(new.id);
    if new.resumed
        && let Some(key) = store::find_key(&ctx.pool, id).await?
    {
        return Ok(answer::with_status(StatusCode::CREATED, BillingKeyBody::from(key)));
    }
    ctx.registrations.admit(request.customer_id.as_str(), origin, &caller)?;
    let registered = register_card(&ctx, &request).await?;
    let key = keep(&ctx, id, &request, registered).await?;
    metrics::counter!("kiwoom_billing_registrations_total").increment(1);
    Ok(answer::with_status(StatusCode::CREATED, BillingKeyBody::from(key)))
}

async fn register_card(ctx: &Context, request: &RegisterRequest) -> Result<Registered, ApiError> {
    // A number of its own for each call: a registration may be repeated, an order number may not.
    let order_no = OrderNo::made(format!("KEY{}", uuid::Uuid::now_v7().simple()));
    let registration = Registration {
        order_no: &order_no,
        card_number: &request.card_number,
        expire_date: &request.expire_date,
        card_password: &request.card_password,
        birth_date: &request.birth_date,
        customer_id: &request.customer_id,
    };
    let turn = ctx.pace.interactive(KEYGEN).await?;
    ctx.kiwoom.register(turn, registration).await.map_err(refused)
}

/// Stores what KiwoomPay has registered.
async fn keep(
    ctx: &Context,
    id: BillingKeyId,
    request: &RegisterRequest,
    registered: Registered,
) -> Result<BillingKey, ApiError> {
    let Registered { autokey, company_code } = registered;
    let mut tx = ctx.begin().await?;
    let sealed = ctx.vault.seal(&mut tx, id.0, &autokey).await;
    let sealed = sealed.inspect_err(|e| log_unusable("billing key not encrypted", id, e))?;
    let key = BillingKey {
        id,
        customer_id: request.customer_id.as_str().to_owned(),
        customer_name: request.customer_name.as_str().to_owned(),
        customer_email: request.customer_email.as_ref().map(|e| e.as_str().to_owned()),
        sealed,
        card_company_code: company_code,
        card_number_masked: request.card_number.masked(),
        status: KeyStatus::Active,
        created_at: ctx.clock.now(),
        card_expires: request.expire_date.last_day(),
    };
    store::insert_key(&mut tx, &key).await?;
    tx.commit().await?;
    Ok(key)
}

/// No money moves in a registration, so a lost answer is "nothing was charged, safe to retry".
fn refused(error: GatewayError) -> ApiError {
    match error {
        GatewayError::Refused { code, message } => {
            let gateway = GatewayAnswer { result_code: code, message };
            ApiError::from(Code::CardRefused).with_gateway(gateway)
        }
        other => not_sent(other),
    }
}

/// Which keys to list.
pub struct ListRequest {
    customer_id: Option<CustomerId>,
    paging: Paging,
}

impl FromFields for ListRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let customer_id = f.optional("customerId");
        Some(Self { customer_id, paging: Paging::from_fields(f)? })
    }
}

/// The active billing keys, newest first.
#[utoipa::path(
    get, path = "/billing/keys", operation_id = "listBillingKeys", tag = "billing",
    params(
        ("customerId" = inline(Option<CustomerId>), Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100),
        ("cursor" = inline(Option<Cursor>), Query),
    ),
    responses(
        (status = 200, description = "A page", body = Success<Page<BillingKeyBody>>),
    )
)]
pub async fn list(State(ctx): State<AppState>, Query(request): Query<ListRequest>) -> Answer {
    let customer = request.customer_id.as_ref().map(CustomerId::as_str);
    let rows = store::list_keys(&ctx.pool, customer, request.paging).await?;
    Ok(answer::ok(request.paging.page(rows, |key| key.id.0, BillingKeyBody::from)))
}

/// Deletes a billing key: it is never charged again. 409 while a live subscription uses it.
#[utoipa::path(
    delete, path = "/billing/key/{billingKey}", operation_id = "deleteBillingKey", tag = "billing",
    params(("billingKey" = String, Path)),
    responses(
        (status = 200, description = "Deleted, or was already", body = Success<BillingKeyBody>),
    )
)]
pub async fn delete(State(ctx): State<AppState>, PathId(id): PathId) -> Answer {
    let id = BillingKeyId::parse(&id);
    let mut tx = ctx.begin().await?;
    let deleted = store::delete_key(&mut tx, id, ctx.clock.now()).await?;
    tx.commit().await?;
    match deleted {
        Deleted::Done(key) => Ok(answer::ok(BillingKeyBody::from(key))),
        Deleted::NotFound => Err(Code::BillingKeyNotFound.into()),
        Deleted::InUse => {
            let reason = Text::new(
                "구독이 사용 중인 빌링키입니다.",
                "A live subscription uses this billing key.",
            );
            Err(ApiError::from(Code::SubscriptionExists).with_detail("billingKey", reason))
        }
    }
}

/// The customer's active key: `billing_key_not_found` when it is somebody else's, and
/// `billing_key_inactive` when it was deleted.
pub async fn find_active_key(
    ctx: &Context,
    id: BillingKeyId,
    customer_id: &str,
) -> Result<BillingKey, ApiError> {
    active(store::find_key(&ctx.pool, id).await?, customer_id)
}

/// As [`find_active_key`], kept from being deleted until the transaction ends.
pub async fn lock_active_key(
    db: &mut PgConnection,
    id: BillingKeyId,
    customer_id: &str,
) -> Result<BillingKey, ApiError> {
    active(store::lock_key(db, id).await?, customer_id)
}

fn active(found: Option<BillingKey>, customer_id: &str) -> Result<BillingKey, ApiError> {
    let key = found.filter(|k| k.customer_id == customer_id);
    let key = key.ok_or(ApiError::from(Code::BillingKeyNotFound))?;
    if key.is_active() { Ok(key) } else { Err(Code::BillingKeyInactive.into()) }
}

/// The key with its AUTOKEY readable, for one charge.
pub async fn decrypt(ctx: &Context, key: BillingKey) -> Result<Card, VaultError> {
    let BillingKey { id, customer_id, customer_name, sealed, .. } = key;
    let opened = ctx.vault.open(&ctx.pool, id.0, &sealed).await;
    let autokey =
        opened.inspect_err(|error| log_unusable("billing key not readable", id, error))?;
    Ok(Card { id, autokey, customer_id, customer_name })
}

fn log_unusable(what: &str, billing_key: BillingKeyId, error: &VaultError) {
    if !matches!(error, VaultError::Database(_)) {
        tracing::error!(%billing_key, %error, "{what}");
    }
}
