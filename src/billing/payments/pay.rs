//! `POST /billing/pay`: a single charge, or the period of a subscription that is due or owed.

use axum::extract::State;
use utoipa::openapi::{OneOf, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::api::answers::{PaymentBody, payment_answer};
use crate::api::errors::takes;
use crate::billing::cards::{decrypt, find_active_key, lock_active_key};
use crate::billing::renewals::charge_due::{By, charge_due};
use crate::context::{AppState, Context};
use crate::http::answer::{Answer, Success};
use crate::http::error::{ApiError, Code, ErrorBody};
use crate::http::extract::{Body, Fields, FromFields};
use crate::http::fields::TaxFree;
use crate::kiwoom::text::{CustomerId, OrderNo, ProductName};
use crate::layers::idempotency::NewId;
use crate::payments::charge::{Draft, Ready, Waiting};
use crate::payments::store::{InitiatedBy, Payment, PaymentRef, find};
use crate::rules::ids::{BillingKeyId, PaymentId, SubscriptionId};
use crate::rules::money::Won;
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
        let either = OneOf::builder().item(OneOff::schema()).item(OfSubscription::schema());
        RefOr::T(Schema::OneOf(either.build()))
    }
}

impl ToSchema for PayRequest {}

/// A single charge of a registered card.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub struct OneOff {
    billing_key: BillingKeyId,
    customer_id: CustomerId,
    /// Won.
    #[schema(value_type = i64, minimum = 1, maximum = 9_999_999_999_i64, example = 9900)]
    amount: Won,
    product_name: ProductName,
    /// Tax-free part of the amount in won.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 9_999_999_999_i64)]
    tax_free_amount: i64,
    /// Unique for ever; left out, the service makes one.
    order_id: Option<OrderNo>,
}

/// The period of a subscription.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub struct OfSubscription {
    subscription_id: SubscriptionId,
}

impl FromFields for PayRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let subscription_id = f.optional("subscriptionId");
        if f.has("subscriptionId") {
            for other in
                ["billingKey", "customerId", "amount", "productName", "orderId", "taxFreeAmount"]
            {
                if f.has(other) {
                    let ko = "subscriptionId와 함께 사용할 수 없습니다.";
                    f.refuse(other, Text::new(ko, "Not together with subscriptionId."));
                }
                f.know(other);
            }
            return Some(Self::Subscription(OfSubscription { subscription_id: subscription_id? }));
        }
        let billing_key = f.required("billingKey");
        let customer_id = f.required("customerId");
        let amount = f.required("amount");
        let tax_free_amount = TaxFree::of(f, amount).unwrap_or(0);
        let product_name = f.required("productName");
        let order_id = f.optional::<OrderNo>("orderId");
        if order_id.as_ref().is_some_and(OrderNo::is_renewals) {
            f.refuse("orderId", OrderNo::reserved());
        }
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

/// 결제 실행: charges a card now.
#[utoipa::path(
    post, path = "/billing/pay", operation_id = "createPayment",
    tag = "billing", request_body = PayRequest,
    responses(
        (status = 200, description = "Approved", body = Success<PaymentBody>),
        (status = 202, description = "The gateway's answer was lost: never retry by yourself",
            body = Success<PaymentBody>),
        (status = 402, description = "`payment_declined`; the payment is kept", body = ErrorBody),
        (status = "5XX", description = "Nothing was charged", body = ErrorBody),
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
        return payment_answer(&ctx, payment);
    }
    let payment = match request {
        PayRequest::OneOff(order) => charge_once(&ctx, id, order).await?,
        PayRequest::Subscription(OfSubscription { subscription_id }) => {
            charge_due(&ctx, subscription_id, id, By::Merchant).await?
        }
    };
    payment_answer(&ctx, payment)
}

async fn charge_once(ctx: &Context, id: PaymentId, order: OneOff) -> Result<Payment, ApiError> {
    takes(&ctx.kiwoom.contracts().billing, order.amount, order.tax_free_amount)?;
    let customer = order.customer_id.as_str();
    let key = find_active_key(ctx, order.billing_key, customer).await?;
    let made = || OrderNo::made(format!("ORD{}", id.0.simple()));
    let order_no = order.order_id.unwrap_or_else(made);
    let taken = PaymentRef::OrderNo(order_no.as_str().to_owned());
    if find(&ctx.pool, &taken).await?.is_some() {
        return Err(Code::OrderExists.into());
    }
    let card = decrypt(ctx, key).await?;
    let mut ready = Ready::new(ctx, Waiting::Caller, &card).await?;
    let draft = Draft {
        id,
        order_no,
        amount: order.amount,
        tax_free_amount: order.tax_free_amount,
        product_name: order.product_name.as_str().to_owned(),
        card,
        period: None,
        initiated_by: InitiatedBy::Merchant,
    };
    lock_active_key(&mut ready.transaction, order.billing_key, customer).await?;
    Ok(ready.charge(ctx, draft).await?)
}
