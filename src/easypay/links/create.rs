//! `POST /easypay/links`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Duration, Utc};
use kiwoom_clock::rfc3339_kst;

use crate::api::errors::{link_open, takes};
use crate::context::{AppState, Context};
use crate::easypay::links::answers::PaymentLinkBody;
use crate::easypay::links::request::{Create, CreateRequest, Single, Subject};
use crate::easypay::links::show_window;
use crate::easypay::methods::{self, Method};
use crate::http::answer::{self, Answer, Success};
use crate::http::error::{ApiError, Code, ErrorBody};
use crate::http::extract::Body;
use crate::kiwoom::text::{CustomerId, Email};
use crate::layers::idempotency::{KeptInstead, NewId};
use crate::payments::checkout::{self, Draft};
use crate::payments::links::{self, Link, NotMade, Wanted};
use crate::payments::store::paid_time;
use crate::payments::store::{PaymentRef, find};
use crate::rules::ids::{PaymentId, PaymentLinkId, SubscriptionId};
use crate::rules::text::Text;

/// How long a link may live.
const LONGEST: Duration = Duration::days(90);

/// Create a payment page link.
///
/// An address at which a customer pays in the payment window: an order by itself, or with `subscriptionId`
/// what a subscription owes. The retries of a subscription wait while its link lives, and `POST /billing/pay`
/// is 409 `payment_link_open`. A payment has the consequences of an approved retry.
#[utoipa::path(
    post, path = "/easypay/links", operation_id = "createPaymentLink", tag = "easypay",
    request_body = CreateRequest,
    responses(
        (status = 201, description = "Made", body = Success<PaymentLinkBody>),
        (status = 409, description = "`payment_link_open`: the subscription has one; \
            `subscription_not_active`: it owes nothing; `charge_in_progress`, `outcome_unknown`; \
            `order_exists`", body = ErrorBody),
    )
)]
pub async fn create(
    State(ctx): State<AppState>,
    new: NewId,
    Body(request): Body<Create>,
) -> Answer {
    let id = PaymentLinkId(new.id);
    if new.resumed
        && let Some(made) = links::find(&ctx.pool, id).await?
    {
        return made_body(&ctx, made).await;
    }
    check_until(&ctx, request.until)?;
    let methods = request.methods.unwrap_or_else(|| methods::offered(&ctx.config));
    let link = match request.subject {
        Subject::Order(order) => {
            let offered = usable(&ctx, &methods, order.tax_free_amount)?;
            of_order(&ctx, id, *order, (&offered, request.until)).await?
        }
        Subject::Subscription(of) => {
            let wanted = Wanted { id, until: request.until, methods: codes(&methods) };
            of_subscription(&ctx, of, wanted, &methods).await?
        }
    };
    tracing::info!(id = %link.id, "payment page link made");
    made_body(&ctx, link).await
}

/// The link; what is kept for the `Idempotency-Key` lacks its address.
async fn made_body(ctx: &Context, link: Link) -> Answer {
    let kept = answer::with_status(StatusCode::CREATED, PaymentLinkBody::from(link.clone()));
    let body = PaymentLinkBody::with_url(ctx, link);
    let mut response: Response = answer::with_status(StatusCode::CREATED, body);
    response.extensions_mut().insert(KeptInstead::new(kept).await);
    Ok(response)
}

fn check_until(ctx: &Context, until: Option<DateTime<Utc>>) -> Result<(), ApiError> {
    let now = ctx.clock.now();
    match until {
        Some(until) if until <= now => {
            let reason = Text::new("이미 지난 시각입니다.", "Has to be in the future.");
            Err(ApiError::invalid_field("until", reason))
        }
        Some(until) if until > now + LONGEST => {
            let reason = Text::new("90일 이내여야 합니다.", "May be at most 90 days from now.");
            Err(ApiError::invalid_field("until", reason))
        }
        _ => Ok(()),
    }
}

fn codes(methods: &[Method]) -> Vec<String> {
    methods.iter().map(|method| method.code().to_owned()).collect()
}

/// The methods, of which each has to be offered, that take a sale with this tax-free part.
fn usable(ctx: &Context, methods: &[Method], tax_free: i64) -> Result<Vec<Method>, ApiError> {
    let mut usable = Vec::new();
    let mut refused = None;
    for method in methods {
        match methods::shown(ctx, Some(*method), tax_free) {
            Ok(_) => usable.push(*method),
            Err(error) if !methods::offered(&ctx.config).contains(method) => {
                let reason = error.into_details().pop().map(|detail| detail.reason);
                return Err(match reason {
                    Some(reason) => ApiError::invalid_field("methods", reason),
                    None => Code::InvalidRequest.into(),
                });
            }
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(error) if usable.is_empty() => Err(error),
        _ => Ok(usable),
    }
}

async fn of_order(
    ctx: &Context,
    id: PaymentLinkId,
    order: Single,
    (methods, until): (&[Method], Option<DateTime<Utc>>),
) -> Result<Link, ApiError> {
    for method in methods {
        takes(methods::contract(ctx, Some(*method)), order.amount, order.tax_free_amount)?;
    }
    let payment = PaymentId(id.0);
    let order_no = order.order_id.clone().unwrap_or_else(|| links::own_order_no(id));
    let now = ctx.clock.now();
    let wanted = Wanted { id, until, methods: codes(methods) };
    let expires_at = wanted.until(None, now);
    let shown = show_window::codes(ctx, methods);
    let draft = Draft {
        id: payment,
        order_no: order_no.as_str(),
        amount: order.amount,
        tax_free_amount: order.tax_free_amount,
        product_name: order.product_name.as_str(),
        customer_id: order.customer_id.as_ref().map(CustomerId::as_str),
        customer_name: order.customer_name.as_str(),
        customer_email: order.customer_email.as_ref().map(Email::as_str),
        method: None,
        cpid: &ctx.kiwoom.contracts().window.cpid,
        unnamed_cpid: ctx.kiwoom.cpid_of(None),
        methods: &shown,
        now,
        expires_at,
    };
    let mut tx = ctx.begin().await?;
    let taken = PaymentRef::OrderNo(order_no.as_str().to_owned());
    if find(&mut *tx, &taken).await?.is_some() {
        return Err(Code::OrderExists.into());
    }
    let opened = checkout::open(&mut tx, &draft).await?;
    // Taken since the look: another order, opened again here, would be two links' or none's.
    opened.filter(|order| order.id == payment).ok_or(ApiError::from(Code::OrderExists))?;
    let amount = (order.amount, order.tax_free_amount);
    let link = Link {
        payment_id: Some(payment),
        order_no: Some(order_no.as_str().to_owned()),
        methods: wanted.methods,
        expires_at,
        ..Link::new(id, amount, order.product_name.as_str(), now)
    };
    links::insert(&mut tx, &link).await?;
    tx.commit().await?;
    Ok(link)
}

async fn of_subscription(
    ctx: &Context,
    of: SubscriptionId,
    mut wanted: Wanted,
    methods: &[Method],
) -> Result<Link, ApiError> {
    let mut tx = ctx.begin().await?;
    let found = paid_time::lock(&mut tx, of, ctx.rules()).await?;
    let mut s = found.ok_or(ApiError::from(Code::SubscriptionNotFound))?;
    let tax_free = s.row.tax_free_amount;
    wanted.methods = codes(&usable(ctx, methods, tax_free)?);
    let link = links::make(ctx, &mut tx, &mut s, wanted).await;
    let link = link.map_err(|reason| not_made(reason, &s))?;
    tx.commit().await?;
    Ok(link)
}

fn not_made(reason: NotMade, s: &paid_time::Loaded) -> ApiError {
    match reason {
        NotMade::Live(id) => link_open(id),
        NotMade::TooLong(last) => {
            let last = rfc3339_kst(last);
            let ko = format!("구독의 재시도가 가능한 {last}까지만 열어 둘 수 있습니다.");
            let en =
                format!("May be at most {last}, when the subscription can be tried again last.");
            ApiError::invalid_field("until", Text::new(ko, en))
        }
        NotMade::NothingOwed => nothing_owed(s),
        NotMade::Database(error) => error.into(),
    }
}

/// What stands in the way: a charge without an outcome, or that nothing is owed.
fn nothing_owed(s: &paid_time::Loaded) -> ApiError {
    use kiwoom_paid_time::ChargeState;
    match s.paid.open_charge().map(|charge| charge.state) {
        Some(ChargeState::UnderWay) => Code::ChargeInProgress.into(),
        Some(ChargeState::Unknown) => Code::OutcomeUnknown.into(),
        _ => ApiError::from(Code::SubscriptionNotActive).with_text(Text::new(
            "past_due나 unpaid 상태의 구독에서 청구할 미납 금액이 없습니다.",
            "The subscription owes nothing: it has to be past_due or unpaid.",
        )),
    }
}
