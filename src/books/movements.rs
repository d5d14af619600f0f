//! `GET /billing/movements`: each amount that came or went.

use axum::extract::State;
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::books::store::{self, By, Filter, Movement};
use crate::context::AppState;
use crate::http::answer::{self, Answer, Cursor, Page, Paging, Success};
use crate::http::description::{self, AnyText, described};
use crate::http::extract::{Fields, FromField, FromFields, Query, one_of};
use crate::kiwoom::codes;
use crate::kiwoom::text::CustomerId;
use crate::rules::text::Text;
use kiwoom_clock::rfc3339_kst;

/// What moved, as it is stored and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Kind {
    /// A registered card was charged.
    Charge,
    /// An order was paid in the payment window.
    WindowPayment,
    /// Taken though nobody asked for it so. A negative one turned out to be the money of the payment
    /// itself, which follows as a movement of its own.
    Unexpected,
    /// Given back by this service.
    Refund,
    /// Given back in the merchant pages.
    Cancellation,
    /// Unexpected money that was given back.
    UnexpectedReturn,
}

const KINDS: &[(&str, Kind)] = &[
    ("charge", Kind::Charge),
    ("window_payment", Kind::WindowPayment),
    ("unexpected", Kind::Unexpected),
    ("refund", Kind::Refund),
    ("cancellation", Kind::Cancellation),
    ("unexpected_return", Kind::UnexpectedReturn),
];

described!(Kind as "MovementKind", description::one_of(KINDS.iter().map(|row| row.0)));

impl Kind {
    /// As it is shown.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|row| row.1 == self).map_or("", |row| row.0)
    }
}

impl FromField for Kind {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, KINDS)
    }
}

described!(By as "MovementDate", description::one_of(["booked", "moved"]));

impl FromField for By {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, &[("booked", Self::Booked), ("moved", Self::Moved)])
    }
}

impl FromFields for Filter {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let customer_id = f.optional::<CustomerId>("customerId");
        Some(Self {
            by: f.optional("date").unwrap_or_default(),
            from: f.optional("from"),
            to: f.optional("to"),
            kind: f.optional("kind"),
            method: f.optional("method"),
            customer_id: customer_id.map(|c| c.as_str().to_owned()),
        })
    }
}

/// Which movements to list.
pub struct ListRequest {
    filter: Filter,
    paging: Paging,
}

impl FromFields for ListRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        Some(Self { filter: Filter::from_fields(f)?, paging: Paging::from_fields(f)? })
    }
}

/// An amount that came or went.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "mov_019b0a3e-5b1c-7d2e-8f4a-6b7c8d9e0f10", "kind": "refund", "amount": -4000,
    "taxFreeAmount": 0, "taxableAmount": -4000, "vat": -364, "method": "CARD",
    "cardCompanyCode": "CCLG", "cardCompany": "신한", "orderId": "ORDER-20260205-001",
    "transactionId": "cMP26020500001",
    "paymentId": "pay_019b0a3e-1f2a-7b3c-9d4e-5f6a7b8c9d01",
    "refundId": "ref_019b0a3e-4c5d-7e6f-8a9b-0c1d2e3f4a52", "subscriptionId": null,
    "customerId": "user123", "movedAt": "2026-02-05T14:30:00.000+09:00",
    "movedOn": "2026-02-05", "bookedAt": "2026-02-05T14:30:00.210+09:00",
    "bookedOn": "2026-02-05",
}))]
pub struct MovementBody {
    id: String,
    kind: Kind,
    /// Won; negative when it went.
    amount: i64,
    /// Won of the amount that are tax-free, with its sign.
    tax_free_amount: i64,
    /// The rest of the amount, VAT in it.
    taxable_amount: i64,
    /// VAT in won: `taxableAmount` less `taxableAmount` / 1.1, rounded.
    vat: i64,
    /// PAYMETHOD, `CARD` of a registered card; `UNKNOWN` when KiwoomPay did not tell it.
    method: String,
    /// CARDCODE of a registered card.
    #[schema(required)]
    card_company_code: Option<String>,
    /// Its name.
    #[schema(required)]
    card_company: Option<String>,
    order_id: String,
    /// DAOUTRX of the payment.
    #[schema(required)]
    transaction_id: Option<String>,
    payment_id: String,
    /// Only when it went back.
    #[schema(required)]
    refund_id: Option<String>,
    #[schema(required)]
    subscription_id: Option<String>,
    #[schema(required)]
    customer_id: Option<String>,
    /// When the money moved, as KiwoomPay says.
    #[schema(format = DateTime)]
    moved_at: String,
    /// The day in Korea of `movedAt`.
    moved_on: NaiveDate,
    /// When it was recorded.
    #[schema(format = DateTime)]
    booked_at: String,
    /// The day that it counts for: the day in Korea of `bookedAt`, or the first open day when that one
    /// is closed.
    booked_on: NaiveDate,
}

impl From<Movement> for MovementBody {
    fn from(movement: Movement) -> Self {
        let company = movement.card_company_code.as_deref().map(codes::company);
        Self {
            id: movement.id.to_string(),
            kind: movement.kind,
            amount: movement.amount,
            tax_free_amount: movement.tax_free_amount,
            taxable_amount: movement.amount - movement.tax_free_amount,
            vat: movement.vat,
            method: movement.method,
            card_company: company.map(str::to_owned),
            card_company_code: movement.card_company_code,
            order_id: movement.order_no,
            transaction_id: movement.transaction_id,
            payment_id: movement.payment_id.to_string(),
            refund_id: movement.refund_id.map(|id| id.to_string()),
            subscription_id: movement.subscription_id.map(|id| id.to_string()),
            customer_id: movement.customer_id,
            moved_at: rfc3339_kst(movement.moved_at),
            moved_on: movement.moved_on,
            booked_at: rfc3339_kst(movement.booked_at),
            booked_on: movement.booked_on,
        }
    }
}

/// List movements of money.
///
/// Each amount that came or went, newest first: a payment and what was given back of it are
/// movements of their own, and no movement ever changes. `from` is included, `to` is not; both are
/// days in Korea on which a movement was booked, or with `date=moved` on which the money moved.
#[utoipa::path(
    get, path = "/billing/movements", operation_id = "listMovements", tag = "books",
    params(
        ("from" = Option<NaiveDate>, Query, description = "YYYY-MM-DD, included"),
        ("to" = Option<NaiveDate>, Query, description = "YYYY-MM-DD, not included"),
        ("date" = inline(Option<By>), Query, description = "Default: `booked`"),
        ("kind" = inline(Option<Kind>), Query),
        ("method" = inline(Option<AnyText>), Query, description = "PAYMETHOD"),
        ("customerId" = inline(Option<CustomerId>), Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100),
        ("cursor" = inline(Option<Cursor>), Query),
    ),
    responses(
        (status = 200, description = "A page", body = Success<Page<MovementBody>>),
    )
)]
pub async fn list(State(ctx): State<AppState>, Query(request): Query<ListRequest>) -> Answer {
    let ListRequest { filter, paging } = request;
    let rows = store::list(&ctx.reading, &filter, paging.before, paging.fetch()).await?;
    Ok(answer::ok(paging.page(rows, |movement| movement.id.0, MovementBody::from)))
}
