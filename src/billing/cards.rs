//! Registering a card, and the use of its billing key.
//!
//! Card number, password and birth date exist only in the request; KiwoomPay's AUTOKEY is stored
//! encrypted and never leaves the service.

use axum::Extension;
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use sqlx::postgres::PgConnection;
use utoipa::ToSchema;

use crate::access::api_keys::ApiKeyId;
use crate::access::origin::Origin;
use crate::api::errors::not_sent;
use crate::billing::answers::BillingKeyBody;
use crate::billing::store::{self, BillingKey, Ended, KeyStatus};
use crate::context::{AppState, Context};
use crate::http::answer::{self, Answer, Success};
use crate::http::error::{ApiError, Code, ErrorBody, GatewayAnswer};
use crate::http::extract::{Body, Fields, FromFields};
use crate::kiwoom::card::{BirthDate, CardNumber, CardPassword, ExpireDate};
use crate::kiwoom::codes;
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
    /// First two digits of the PIN. With BILLTYPE 18 it may be left out, and is not sent.
    #[schema(value_type = CardPassword)]
    card_password: Option<CardPassword>,
    /// YYMMDD, or a 10-digit business number. With BILLTYPE 18 it may be left out, and is not sent.
    #[schema(value_type = BirthDate)]
    birth_date: Option<BirthDate>,
    customer_name: CustomerName,
    customer_id: CustomerId,
    customer_email: Option<Email>,
}

impl RegisterRequest {
    /// `checks_holder`: whether the contract needs birth date and PIN.
    fn read(f: &mut Fields, checks_holder: bool) -> Option<Self> {
        let card_number = f.required("cardNumber");
        let expire_date = f.required("expireDate");
        let (card_password, birth_date) = if checks_holder {
            (f.required("cardPassword"), f.required("birthDate"))
        } else {
            (f.optional("cardPassword"), f.optional("birthDate"))
        };
        let customer_name = f.required("customerName");
        let customer_id = f.required("customerId");
        Some(Self {
            customer_email: f.optional("customerEmail"),
            card_number: card_number?,
            expire_date: expire_date?,
            card_password,
            birth_date,
            customer_name: customer_name?,
            customer_id: customer_id?,
        })
    }
}

impl FromFields for RegisterRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        Self::read(f, true)
    }
}

/// As [`RegisterRequest`], for a contract that does not check the holder.
struct WithoutHolder(RegisterRequest);

impl FromFields for WithoutHolder {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        RegisterRequest::read(f, false).map(Self)
    }
}

/// The body, by what the contract asks for.
impl FromRequest<AppState> for RegisterRequest {
    type Rejection = ApiError;

    async fn from_request(request: Request, ctx: &AppState) -> Result<Self, ApiError> {
        if ctx.kiwoom.contracts().billing.checks_holder() {
            return Body::from_request(request, ctx).await.map(|Body(card)| card);
        }
        let Body(WithoutHolder(card)) = Body::from_request(request, ctx).await?;
        Ok(card)
    }
}

/// Register a card.
///
/// Registers a card at KiwoomPay and answers with its billing key. No money moves: a registration
/// whose answer was lost may be made again.
#[utoipa::path(
    post, path = "/billing/register", operation_id = "registerBillingKey",
    tag = "billing", request_body = RegisterRequest,
    responses(
        (status = 201, description = "Registered", body = Success<BillingKeyBody>),
        (status = 402, description = "`card_refused`", body = ErrorBody),
        (status = 429, description = "`rate_limited`: too many registrations of the customer, the \
            address or the API key; `Retry-After` says when to try again", body = ErrorBody),
        (status = 502, description = "`gateway_unavailable` or `merchant_setting`: nothing was done",
            body = ErrorBody),
    )
)]
pub async fn register(
    State(ctx): State<AppState>,
    Extension(caller): Extension<ApiKeyId>,
    Extension(origin): Extension<Origin>,
    new: NewId,
    request: RegisterRequest,
) -> Answer {
    if ctx.config.card_number_luhn
        && let Some(mistake) = request.card_number.mistake()
    {
        return Err(ApiError::invalid_field("cardNumber", mistake));
    }
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
    let contract = &ctx.kiwoom.contracts().billing;
    let holder = request.card_password.as_ref().zip(request.birth_date.as_ref());
    let registration = Registration {
        order_no: &order_no,
        card_number: &request.card_number,
        expire_date: &request.expire_date,
        holder: holder.filter(|_| contract.checks_holder()),
        customer_id: &request.customer_id,
    };
    let turn = ctx.pace.interactive(contract, KEYGEN).await?;
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
        cpid: Some(ctx.kiwoom.contracts().billing.cpid.clone()),
        ended: Ended::default(),
    };
    store::insert_key(&mut tx, &key).await?;
    tx.commit().await?;
    Ok(key)
}

/// No money moves in a registration, so a lost answer is "nothing was charged, safe to retry".
fn refused(error: GatewayError) -> ApiError {
    match error {
        GatewayError::Refused { code, message, setting: None, .. } => {
            let typed_wrong = codes::typed_wrong(&code);
            let gateway = GatewayAnswer { result_code: code, message };
            let error = ApiError::from(Code::CardRefused).with_gateway(gateway);
            match typed_wrong {
                Some(field) => error.with_detail(field, wrong_for_the_issuer()),
                None => error,
            }
        }
        other => not_sent(other),
    }
}

fn wrong_for_the_issuer() -> Text {
    Text::new("카드사에 등록된 값과 다릅니다.", "Is not what the card's issuer knows.")
}

/// Raises the alert when there are cards that the contract of charges did not register.
pub async fn tell_of_cards_elsewhere(ctx: &Context) -> sqlx::Result<()> {
    let chargeable = ctx.kiwoom.contracts().cpids_of_cards();
    let unnamed = ctx.kiwoom.cpid_of(None);
    let cards = store::count_keys_elsewhere(&ctx.pool, &chargeable, unnamed).await?;
    if cards > 0 {
        tracing::error!(
            alert = true,
            cards,
            cpid = chargeable[0],
            "cards of other contracts are not charged, and their renewals wait: register them again, \
             or when KiwoomPay has moved them set KIWOOM_BILLING_CARDS_OF"
        );
    }
    Ok(())
}

/// The customer's active key: `billing_key_not_found` when it is somebody else's, and
/// `billing_key_inactive` when it was deleted or its card was ended for good.
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
    if key.is_active() { Ok(key) } else { Err(inactive(&key)) }
}

/// 409 for a key that may not be charged.
pub fn inactive(key: &BillingKey) -> ApiError {
    let error = ApiError::from(Code::BillingKeyInactive);
    if key.status == KeyStatus::Deleted {
        return error;
    }
    let code = key.ended.code.as_deref().unwrap_or_default();
    error.with_text(Text::new(
        format!("사용할 수 없는 카드의 빌링키입니다(키움페이 결과 코드 {code})."),
        format!(
            "The card of this billing key was ended for good (KiwoomPay's result code {code})."
        ),
    ))
}

/// The key with its AUTOKEY readable, for one charge.
pub async fn decrypt(ctx: &Context, key: BillingKey) -> Result<Card, VaultError> {
    let BillingKey { id, customer_id, customer_name, sealed, cpid, .. } = key;
    let opened = ctx.vault.open(&ctx.pool, id.0, &sealed).await;
    let autokey =
        opened.inspect_err(|error| log_unusable("billing key not readable", id, error))?;
    Ok(Card { id, autokey, customer_id, customer_name, cpid })
}

fn log_unusable(what: &str, billing_key: BillingKeyId, error: &VaultError) {
    if !matches!(error, VaultError::Database(_)) {
        tracing::error!(%billing_key, %error, "{what}");
    }
}
