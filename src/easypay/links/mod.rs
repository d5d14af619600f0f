//! `/easypay/links`: addresses at which a customer pays an order by itself, or what a subscription owes.

pub(crate) mod address;
pub(crate) mod answers;
mod create;
pub(crate) mod page;
mod request;
mod show_window;
mod templates;

use axum::extract::State as Shared;
use axum::http::StatusCode;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::AppState;
use crate::http::answer::{self, Answer, Cursor, Page, Paging, Success};
use crate::http::description::{self, described};
use crate::http::error::{ApiError, Code, ErrorBody};
use crate::http::extract::{Fields, FromField, FromFields, PathId, Query, one_of};
use crate::kiwoom::text::CustomerId;
use crate::payments::links::{self, Filter, Link, NotCanceled, State};
use crate::rules::ids::{PaymentLinkId, SubscriptionId};
use crate::rules::text::Text;
use answers::{PaymentLinkBody, STATES};

/// Routes that need an API key.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, create::create)).routes(routes!(show, cancel))
}

/// Which links to list.
struct ListRequest {
    filter: Filter,
    paging: Paging,
}

struct StateFilter(State);

described!(StateFilter as "PaymentLinkStatus", description::one_of(STATES.map(|(word, _)| word)));

impl FromField for StateFilter {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, &STATES).map(Self)
    }
}

impl FromFields for ListRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let customer_id = f.optional::<CustomerId>("customerId");
        let filter = Filter {
            subscription_id: f.optional("subscriptionId"),
            customer_id: customer_id.map(|id| id.as_str().to_owned()),
            state: f.optional::<StateFilter>("status").map(|state| state.0),
        };
        Some(Self { filter, paging: Paging::from_fields(f)? })
    }
}

/// List payment page links.
///
/// Newest first.
#[utoipa::path(
    get, path = "/easypay/links", operation_id = "listPaymentLinks", tag = "easypay",
    params(
        ("customerId" = inline(Option<CustomerId>), Query),
        ("subscriptionId" = inline(Option<SubscriptionId>), Query),
        ("status" = inline(Option<StateFilter>), Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100),
        ("cursor" = inline(Option<Cursor>), Query),
    ),
    responses(
        (status = 200, description = "A page", body = Success<Page<PaymentLinkBody>>),
    )
)]
async fn list(Shared(ctx): Shared<AppState>, Query(request): Query<ListRequest>) -> Answer {
    let ListRequest { filter, paging } = request;
    let rows = links::list(&ctx.reading, &filter, paging.before, paging.fetch()).await?;
    let body = |link: Link| PaymentLinkBody::with_url(&ctx, link);
    Ok(answer::ok(paging.page(rows, |link| link.id.0, body)))
}

/// Get a payment page link.
///
/// With its address, while it can be paid.
#[utoipa::path(
    get, path = "/easypay/links/{id}", operation_id = "getPaymentLink", tag = "easypay",
    params(("id" = String, Path)),
    responses((status = 200, description = "The link", body = Success<PaymentLinkBody>))
)]
async fn show(Shared(ctx): Shared<AppState>, PathId(id): PathId) -> Answer {
    let link = links::find(&ctx.pool, PaymentLinkId::parse(&id)).await?.ok_or_else(missing)?;
    Ok(answer::ok(PaymentLinkBody::with_url(&ctx, link)))
}

/// Cancel a payment page link.
///
/// No window is shown at it any more. Before the first one nothing was asked of anybody: an order is
/// closed, and the retries of a subscription go on. After it whether a subscription's link was paid is
/// `unknown` until KiwoomPay or a person tells. One that has ended stays as it is.
#[utoipa::path(
    delete, path = "/easypay/links/{id}", operation_id = "cancelPaymentLink", tag = "easypay",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "Cancelled, or ended before", body = Success<PaymentLinkBody>),
        (status = 202, description = "Whether it was paid is not known", body = Success<PaymentLinkBody>),
        (status = 409, description = "`already_charged`: it is paid", body = ErrorBody),
    )
)]
async fn cancel(Shared(ctx): Shared<AppState>, PathId(id): PathId) -> Answer {
    let link =
        links::cancel(&ctx, PaymentLinkId::parse(&id)).await.map_err(|error| match error {
            NotCanceled::NotFound => missing(),
            NotCanceled::Paid => ApiError::from(Code::AlreadyCharged).with_text(Text::new(
                "결제가 끝난 링크입니다. 결제를 환불해 주세요.",
                "The link is paid: refund its payment.",
            )),
            NotCanceled::Database(error) => error.into(),
        })?;
    let is_known = link.state != State::Unknown;
    let status = if is_known { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(answer::with_status(status, PaymentLinkBody::from(link)))
}

fn missing() -> ApiError {
    Code::PaymentLinkNotFound.into()
}
