//! `POST /billing/pay`: a single charge, or the period of a subscription that is due or owed.

use axum::extract::State;
use axum::http::StatusCode;
use kiwoom_paid_time::Status;
use serde::Serialize;
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::api::answers::{PaymentBody, payment_answer};
use crate::api::errors::takes;
use crate::api::statuses::PAYMENT_STATUSES;
use crate::billing::answers::SubscriptionBody;
use crate::billing::cards::{decrypt, find_active_key};
use crate::billing::renewals::begun::Begun;
use crate::billing::renewals::charge_due::{By, charge_due};
use crate::billing::store::find_subscription;
use crate::context::{AppState, Context};
use crate::http::answer::{self, Answer, Success};
use crate::http::description::{self, words};
use crate::http::error::{ApiError, Code, ErrorBody};
use crate::http::extract::{Body, Fields, FromFields};
use crate::http::fields::{TaxFree, refuse_beside_subscription};
use crate::kiwoom::text::{CustomerId, OrderNo, ProductName};
use crate::layers::idempotency::NewId;
use crate::payments::charge::{Draft, NotCharged, Ready, Waiting};
use crate::payments::store::paid_time::Loaded;
use crate::payments::store::{InitiatedBy, Payment, PaymentRef, find};
use crate::rules::ids::{BillingKeyId, PaymentId, SubscriptionId};
use crate::rules::money::Won;
use crate::rules::payment_state::State as PaymentState;
use crate::rules::text::Text;

/// Either a single charge or a subscription's.
pub enum PayRequest {
    /// A single charge.
    OneOff(OneOff),
    /// The due or failed period of a subscription, now.
    Subscription(OfSubscription),
}

impl PartialSchema for PayRequest {
    fn schema() -> RefOr<Schema> {
        let rule =
            "`billingKey`, `customerId`, `amount` and `productName`; or `subscriptionId` alone";
        description::joined([OneOff::schema(), OfSubscription::schema()], &[])
            .additional_properties(Some(AdditionalProperties::FreeForm(false)))
            .description(Some(rule))
            .into()
    }
}

impl ToSchema for PayRequest {}

/// A single charge of a registered card.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub struct OneOff {
    #[schema(value_type = Option<BillingKeyId>)]
    billing_key: BillingKeyId,
    #[schema(value_type = Option<CustomerId>)]
    customer_id: CustomerId,
    /// Won.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 9_999_999_999_i64, example = 9900)]
    amount: Won,
    #[schema(value_type = Option<ProductName>)]
    product_name: ProductName,
    /// Tax-free part of the amount in won.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 9_999_999_999_i64)]
    tax_free_amount: i64,
    /// Unique for ever; left out, the service makes one.
    order_id: Option<OrderNo>,
}

/// What was paid, and the subscription after it.
#[derive(Serialize)]
#[serde(untagged)]
pub enum PayAnswer {
    /// A charge.
    Charged(Charged),
    /// Days that were kept were given back: no charge was needed.
    NothingToCharge(NothingToCharge),
}

impl PartialSchema for PayAnswer {
    fn schema() -> RefOr<Schema> {
        let rule = "The payment, and the subscription that it is for. When days that were kept were given \
            back and no charge was needed, `status` is `nothing_to_charge`, `payment` is `null`, and of the \
            other fields there is only `subscription`";
        description::joined([PaymentBody::schema(), NothingToCharge::schema()], &["status"])
            .description(Some(rule))
            .into()
    }
}

impl ToSchema for PayAnswer {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        PaymentBody::schemas(schemas);
        NothingToCharge::schemas(schemas);
    }
}

/// A charge, and the subscription that it is for.
#[derive(Serialize)]
pub struct Charged {
    #[serde(flatten)]
    payment: PaymentBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription: Option<SubscriptionBody>,
}

const NOTHING_TO_CHARGE: &str = "nothing_to_charge";

words!(
    /// The status of a payment, or that none was needed.
    PayStatus,
    PAYMENT_STATUSES.iter().map(|row| row.0).chain([NOTHING_TO_CHARGE])
);

/// A subscription that goes on without a charge.
#[derive(Serialize, ToSchema)]
pub struct NothingToCharge {
    /// Of the payment; or `nothing_to_charge`.
    #[schema(value_type = PayStatus)]
    status: &'static str,
    /// Only when there was nothing to charge: `null`.
    #[schema(value_type = Option<PaymentBody>)]
    payment: (),
    /// Only of a subscription's charge; left out when it cannot be read now.
    subscription: SubscriptionBody,
}

/// The period of a subscription.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub struct OfSubscription {
    #[schema(value_type = Option<SubscriptionId>)]
    subscription_id: SubscriptionId,
}

impl FromFields for PayRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let subscription_id = f.optional("subscriptionId");
        if f.has("subscriptionId") {
            let others =
                ["billingKey", "customerId", "amount", "productName", "orderId", "taxFreeAmount"];
            refuse_beside_subscription(f, &others);
            return Some(Self::Subscription(OfSubscription { subscription_id: subscription_id? }));
        }
        let billing_key = f.required("billingKey");
        let customer_id = f.required("customerId");
        let amount = f.required("amount");
        let tax_free_amount = TaxFree::of(f, amount).unwrap_or(0);
        let product_name = f.required("productName");
        let order_id = f.optional::<OrderNo>("orderId");
        OrderNo::refuse_renewals(f, order_id.as_ref());
        Some(Self::OneOff(OneOff {
            order_id,
            tax_free_amount,
            billing_key: billing_key?,
            customer_id: customer_id?,
            amount: amount?,
            product_name: product_name?,
        }))
    }
}

/// Charge a card.
///
/// A single charge of a registered card (`billingKey`, `customerId`, `amount`, `productName`), or
/// with `subscriptionId` alone the period of a subscription that is due or owed. With 202 the
/// outcome is unknown: do not charge again.
#[utoipa::path(
    post, path = "/billing/pay", operation_id = "createPayment",
    tag = "billing", request_body = PayRequest,
    responses(
        (status = 200, description = "Approved; or nothing had to be charged, because days that were \
            kept were given back", body = Success<PayAnswer>),
        (status = 202, description = "The gateway's answer was lost: never retry by yourself",
            body = Success<PayAnswer>),
        (status = 402, description = "`payment_declined`; the payment is kept", body = ErrorBody),
        (status = 502, description = "`gateway_unavailable` or `merchant_setting`: nothing was charged",
            body = ErrorBody),
    )
)]
pub async fn pay(
    State(ctx): State<AppState>,
    new: NewId,
    Body(request): Body<PayRequest>,
) -> Answer {
    let id = PaymentId(new.id);
    if new.resumed
        && let Some(payment) = find(&ctx.pool, &PaymentRef::Id(id)).await?
    {
        return charged(&ctx, payment).await;
    }
    let payment = match request {
        PayRequest::OneOff(order) => charge_once(&ctx, new, order).await?,
        PayRequest::Subscription(OfSubscription { subscription_id }) => {
            match charge_due(&ctx, subscription_id, id, By::Merchant).await? {
                Begun::Charged(payment) => payment,
                Begun::Nothing(s) => return went_on(&ctx, &s),
            }
        }
    };
    charged(&ctx, payment).await
}

/// As [`payment_answer`], with the subscription beside a subscription's.
async fn charged(ctx: &Context, payment: Payment) -> Answer {
    let Some(id) = payment.subscription_id else { return payment_answer(ctx, payment) };
    let status = match payment.state {
        PaymentState::Approved => StatusCode::OK,
        PaymentState::Declined => return payment_answer(ctx, payment),
        _ => StatusCode::ACCEPTED,
    };
    // The money has moved: a database that is away now changes nothing about that.
    let subscription = match subscription(ctx, id).await {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(%id, %error, "paid, but the subscription cannot be read now");
            None
        }
    };
    let payment = PaymentBody::new(ctx, payment);
    Ok(answer::with_status(status, PayAnswer::Charged(Charged { payment, subscription })))
}

async fn subscription(ctx: &Context, id: SubscriptionId) -> sqlx::Result<Option<SubscriptionBody>> {
    let mut db = ctx.pool.acquire().await?;
    let found = find_subscription(&mut db, id, ctx.rules()).await?;
    Ok(found.map(|s| SubscriptionBody::of(ctx, &s)))
}

/// The answer to a single charge that was approved.
fn approved(ctx: &Context, payment: Payment) -> Vec<u8> {
    answer::body(PaymentBody::new(ctx, payment))
}

/// No charge was needed: days that were kept were given back, or it has ended.
fn went_on(ctx: &Context, s: &Loaded) -> Answer {
    if s.paid.status == Status::Canceled {
        return Err(Code::SubscriptionNotActive.into());
    }
    let subscription = SubscriptionBody::of(ctx, s);
    let status = NOTHING_TO_CHARGE;
    let nothing = NothingToCharge { status, payment: (), subscription };
    Ok(answer::ok(PayAnswer::NothingToCharge(nothing)))
}

/// The order id, which no payment has yet.
async fn unused(ctx: &Context, order_no: OrderNo) -> Result<OrderNo, ApiError> {
    let Some(payment) = find(&ctx.pool, &PaymentRef::OrderNo(order_no.as_str().to_owned())).await?
    else {
        return Ok(order_no);
    };
    let id = payment.id;
    let reason = Text::new(
        format!("{id} 결제가 사용한 주문번호입니다."),
        format!("{id} has this order id."),
    );
    Err(ApiError::from(Code::OrderExists).with_detail("orderId", reason))
}

async fn charge_once(ctx: &Context, new: NewId, order: OneOff) -> Result<Payment, ApiError> {
    let id = PaymentId(new.id);
    takes(&ctx.kiwoom.contracts().billing, order.amount, order.tax_free_amount)?;
    let customer = order.customer_id.as_str();
    let key = find_active_key(ctx, order.billing_key, customer).await?;
    let order_no = match order.order_id {
        Some(given) => unused(ctx, given).await?,
        None => OrderNo::made(format!("ORD{}", id.0.simple())),
    };
    let card = decrypt(ctx, key).await?;
    let ready = Ready::new(ctx, Waiting::Caller, &card).await?;
    let draft = Draft {
        id,
        order_no,
        amount: order.amount,
        tax_free_amount: order.tax_free_amount,
        product_name: order.product_name.as_str().to_owned(),
        card,
        of: None,
        initiated_by: InitiatedBy::Merchant,
        answer: new.answer(approved),
    };
    let charged = Box::pin(ready.charge(ctx, draft)).await;
    if let Err(NotCharged::OtherKey) = charged {
        find_active_key(ctx, order.billing_key, customer).await?;
    }
    Ok(charged?)
}
