//! `GET /billing/payments`: payments by what is known of them.

use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;

use crate::api::answers::PaymentBody;
use crate::api::filters::terms;
use crate::api::statuses::PAYMENT_STATUSES;
use crate::billing::payments::TransactionId;
use crate::context::AppState;
use crate::http::answer::{self, Answer, Cursor, Page, Paging, Success};
use crate::http::description::{self, described};
use crate::http::extract::{Fields, FromField, FromFields, InQuery, Query, one_of};
use crate::kiwoom::text::{CustomerId, OrderNo};
use crate::payments::store::terms::Terms;
use crate::payments::store::{self, Filter, Source};
use crate::rules::ids::SubscriptionId;
use crate::rules::schedule::midnight;
use crate::rules::text::Text;

/// Which payments to list.
pub struct ListRequest {
    filter: Filter,
    paging: Paging,
}

pub(super) struct StatusFilter(&'static str);

described!(
    StatusFilter as "PaymentStatus",
    description::one_of(PAYMENT_STATUSES.iter().map(|row| row.0))
);

impl FromField for StatusFilter {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, PAYMENT_STATUSES).map(Self)
    }
}

/// An instant, or a date that stands for its beginning in Korea.
pub(super) struct Moment(DateTime<Utc>);

described!(Moment, description::moment());

impl FromField for Moment {
    fn from_field(value: &Value) -> Result<Self, Text> {
        if let Ok(date) = NaiveDate::from_field(value) {
            return Ok(Self(midnight(date)));
        }
        // The + of an offset, sent as it is in a query, arrives as a space.
        let text = value.as_str().unwrap_or_default();
        let plus = text.rsplit_once(' ').map(|(time, offset)| format!("{time}+{offset}"));
        DateTime::from_field(&plus.map_or_else(|| value.clone(), Value::from)).map(Self)
    }
}

/// `card` (default), `window`, `all` or `unexpected`.
pub(super) struct SourceName(Source);

const SOURCES: [(&str, Source); 4] = [
    ("card", Source::Card),
    ("window", Source::Window),
    ("all", Source::All),
    ("unexpected", Source::Unexpected),
];

described!(SourceName as "PaymentSource", description::one_of(SOURCES.map(|(word, _)| word)));

impl FromField for SourceName {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, &SOURCES).map(Self)
    }
}

/// A card as it is shown, `411111******1111`, or its last four digits: a pattern for `like`.
pub(super) struct MaskedCard(String);

described!(MaskedCard, description::matching(r"^([0-9]{6}\*+)?[0-9]{4}$"));

impl FromField for MaskedCard {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let text = value.as_str().unwrap_or_default();
        let digits =
            |part: &str, len| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
        let parts = text.split_once('*').map(|(first, rest)| (first, rest.trim_start_matches('*')));
        match parts {
            Some((first, last)) if digits(first, 6) && digits(last, 4) => {
                Ok(Self(format!("{first}%{last}")))
            }
            None if digits(text, 4) => Ok(Self(format!("%{text}"))),
            _ => {
                let ko = "카드번호 끝 4자리, 또는 411111******1111 형식이어야 합니다.";
                let en = "Has to be the last four digits of the card, or like 411111******1111.";
                Err(Text::new(ko, en))
            }
        }
    }
}

impl FromFields for Filter {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let customer_id = f.optional::<CustomerId>("customerId");
        let status = f.optional::<StatusFilter>("status");
        Some(Self {
            source: f.optional::<SourceName>("source").map(|s| s.0).unwrap_or_default(),
            order_no: f.optional::<OrderNo>("orderId").map(|o| o.as_str().to_owned()),
            transaction_id: f.optional::<TransactionId>("transactionId").map(|t| t.0),
            late: f.optional::<InQuery<bool>>("late").is_some_and(|late| late.0),
            card: f.optional::<MaskedCard>("card").map(|card| card.0),
            customer_id: customer_id.map(|c| c.as_str().to_owned()),
            subscription_id: f.optional::<SubscriptionId>("subscriptionId"),
            condition: status.map(|s| s.0),
            from: f.optional::<Moment>("from").map(|m| m.0),
            to: f.optional::<Moment>("to").map(|m| m.0),
            terms: terms(f),
        })
    }
}

impl FromFields for ListRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        Some(Self { filter: Filter::from_fields(f)?, paging: Paging::from_fields(f)? })
    }
}

/// List payments.
///
/// Newest first. `from` is included, `to` is not; both take a date or an instant.
#[utoipa::path(
    get, path = "/billing/payments", operation_id = "listPayments", tag = "billing",
    params(
        ("source" = inline(Option<SourceName>), Query, description = "Paid with a registered card \
            (default), in the payment window, or both; or money that nobody asked for"),
        ("late" = Option<bool>, Query, description = "`true`: only orders of the window that were paid \
            after they had expired, failed or been closed"),
        ("orderId" = inline(Option<OrderNo>), Query),
        ("transactionId" = inline(Option<TransactionId>), Query),
        ("card" = inline(Option<MaskedCard>), Query,
            description = "As it is shown, `411111******1111`, or its last four digits"),
        ("customerId" = inline(Option<CustomerId>), Query),
        ("subscriptionId" = inline(Option<SubscriptionId>), Query),
        ("status" = inline(Option<StatusFilter>), Query),
        ("from" = inline(Option<Moment>), Query),
        ("to" = inline(Option<Moment>), Query),
        ("minAmount" = Option<i64>, Query, minimum = 1, maximum = 9_999_999_999_i64,
            description = "Won, included"),
        ("maxAmount" = Option<i64>, Query, minimum = 1, maximum = 9_999_999_999_i64,
            description = "Won, included"),
        ("metadata" = inline(Option<Terms>), Query, style = DeepObject, explode,
            description = "`metadata[key]=value` of the subscription, at most 5; one also as `key:value`"),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100),
        ("cursor" = inline(Option<Cursor>), Query),
    ),
    responses(
        (status = 200, description = "A page", body = Success<Page<PaymentBody>>),
    )
)]
pub async fn list(State(ctx): State<AppState>, Query(request): Query<ListRequest>) -> Answer {
    let ListRequest { filter, paging } = request;
    let rows = store::list(&ctx.reading, &filter, paging.before, paging.fetch()).await?;
    Ok(answer::ok(paging.page(rows, |p| p.id.0, |p| PaymentBody::new(&ctx, p))))
}
