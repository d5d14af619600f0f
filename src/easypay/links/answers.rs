//! The JSON of a link.

use kiwoom_clock::rfc3339_kst;
use serde::Serialize;
use utoipa::ToSchema;

use crate::context::Context;
use crate::easypay::links::{StateFilter, address};
use crate::http::description::words;
use crate::payments::links::{Link, State};

/// Each state, as it is shown.
pub const STATES: [(&str, State); 6] = [
    ("open", State::Open),
    ("opened", State::Opened),
    ("paid", State::Paid),
    ("expired", State::Expired),
    ("canceled", State::Canceled),
    ("unknown", State::Unknown),
];

words!(
    /// What a link is for.
    PaymentLinkKind,
    ["order", "subscription"]
);

/// A payment page link.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentLinkBody {
    id: String,
    /// `order`: an order by itself. `subscription`: what a subscription owes.
    #[schema(value_type = PaymentLinkKind)]
    kind: &'static str,
    /// `open`, `opened` (a payment window was shown), `paid`, `expired`, `canceled`, or `unknown`: it ended
    /// after a window was shown, and whether that was paid is not known.
    #[schema(value_type = StateFilter)]
    status: State,
    /// Where the customer pays. Whoever has it can pay, and nothing else. `null` once it has ended, in
    /// events, and in the answer that is kept for an `Idempotency-Key`.
    #[schema(required)]
    url: Option<String>,
    /// Of the order, or of the attempt that the first window began.
    #[schema(required)]
    order_id: Option<String>,
    #[schema(required)]
    payment_id: Option<String>,
    #[schema(required)]
    subscription_id: Option<String>,
    /// Won. Of an unpaid subscription that of the day on which it was asked.
    amount: i64,
    /// Only when part of the amount is tax-free.
    #[serde(skip_serializing_if = "Option::is_none")]
    tax_free_amount: Option<i64>,
    product_name: String,
    /// What the page offers.
    methods: Vec<String>,
    /// Made for an event that carries it: it keeps nothing from being charged otherwise.
    automatic: bool,
    /// Until when it can be paid.
    #[schema(format = DateTime)]
    until: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// When the first window was shown.
    #[schema(required, format = DateTime)]
    opened_at: Option<String>,
    #[schema(required, format = DateTime)]
    ended_at: Option<String>,
}

impl From<Link> for PaymentLinkBody {
    fn from(link: Link) -> Self {
        Self {
            id: link.id.to_string(),
            kind: if link.subscription_id.is_some() { "subscription" } else { "order" },
            status: link.state,
            url: None,
            order_id: link.order_no,
            payment_id: link.payment_id.map(|id| id.to_string()),
            subscription_id: link.subscription_id.map(|id| id.to_string()),
            amount: link.amount.get(),
            tax_free_amount: Some(link.tax_free_amount).filter(|part| *part > 0),
            product_name: link.product_name,
            methods: link.methods,
            automatic: link.automatic,
            until: rfc3339_kst(link.expires_at),
            created_at: rfc3339_kst(link.created_at),
            opened_at: link.opened_at.map(rfc3339_kst),
            ended_at: link.ended_at.map(rfc3339_kst),
        }
    }
}

impl PaymentLinkBody {
    /// The link with its address, while it can be paid.
    pub fn with_url(ctx: &Context, link: Link) -> Self {
        let url = link.is_payable(ctx.clock.now()).then(|| address::url(ctx, link.id));
        Self { url, ..link.into() }
    }
}

/// Where what is owed can be paid, in an event.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentLinkTold {
    id: String,
    #[schema(required)]
    subscription_id: Option<String>,
    /// Won.
    amount: i64,
    url: String,
    /// Until when it can be paid.
    #[schema(format = DateTime)]
    until: String,
}

impl PaymentLinkTold {
    /// The link with its address.
    pub fn new(ctx: &Context, link: &Link) -> Self {
        Self {
            id: link.id.to_string(),
            subscription_id: link.subscription_id.map(|id| id.to_string()),
            amount: link.amount.get(),
            url: address::url(ctx, link.id),
            until: rfc3339_kst(link.expires_at),
        }
    }
}
