//! The page behind a link: what is to be paid, to whom and until when, and a choice of methods, each of
//! which leads into KiwoomPay's window. It tells nothing of who is to pay.

use axum::body::{Body, to_bytes};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::access::actor::Actor;
use crate::context::{AppState, Context};
use crate::easypay::links::templates::{nothing, page, window};
use crate::easypay::links::{address, show_window};
use crate::easypay::methods;
use crate::http::error::ApiError;
use crate::http::extract::PathId;
use crate::kiwoom::window::Device;
use crate::layers::envelope::prefers_english;
use crate::payments::links::{self, CannotOpen, Link, Opening, State as LinkState};
use crate::rules::text::Text;

/// Largest form, in bytes.
const MAX_FORM: usize = 4096;

/// How the browser came back from the window. It proves nothing.
#[derive(Default, Deserialize)]
pub struct Came {
    #[serde(default)]
    result: String,
}

/// The page, for the customer.
pub async fn show(
    State(ctx): State<AppState>,
    PathId(token): PathId,
    came: Query<Came>,
    request: Request,
) -> Response {
    let english = prefers_english(request.headers());
    match page_of(&ctx, &token, english, &came.0.result).await {
        Ok(page) => page,
        Err(error) => error.into_response(),
    }
}

async fn page_of(
    ctx: &Context,
    token: &str,
    english: bool,
    came: &str,
) -> Result<Response, ApiError> {
    let Some(link) = found(ctx, token).await? else { return Ok(nothing(ctx, english)) };
    let (state, link) = present(ctx, link).await?;
    let state = if state == "opened" && came == "paid" { "checking" } else { state };
    Ok(page(ctx, (StatusCode::OK, state), english, (&link, token), None))
}

async fn found(ctx: &Context, token: &str) -> sqlx::Result<Option<Link>> {
    match address::parse(ctx, token) {
        Some(id) => links::find(&ctx.pool, id).await,
        None => Ok(None),
    }
}

/// How the link stands now, and what it asks for now.
async fn present(ctx: &Context, link: Link) -> sqlx::Result<(&'static str, Link)> {
    let state = match link.state {
        LinkState::Open | LinkState::Opened if !link.is_payable(ctx.clock.now()) => "expired",
        LinkState::Open | LinkState::Opened => match links::asked_now(ctx, &link).await? {
            Some((amount, tax_free_amount)) => {
                let state = if link.state == LinkState::Open { "open" } else { "opened" };
                return Ok((state, Link { amount, tax_free_amount, ..link }));
            }
            // Shown in this moment by another request, perhaps.
            None => match links::find(&ctx.pool, link.id).await? {
                Some(now) if now.state != link.state => return Box::pin(present(ctx, now)).await,
                _ => "canceled",
            },
        },
        LinkState::Paid => "paid",
        LinkState::Expired => "expired",
        LinkState::Canceled => "canceled",
        LinkState::Unknown => "unknown",
    };
    Ok((state, link))
}

/// The method that was chosen on the page; the answer is a page that opens KiwoomPay's window.
pub async fn open(
    State(ctx): State<AppState>,
    PathId(token): PathId,
    request: Request,
) -> Response {
    let actor = Actor::buyer(request.extensions());
    let (parts, body) = request.into_parts();
    let opened = actor.acts(opened(&ctx, &token, &parts.headers, body)).await;
    opened.unwrap_or_else(IntoResponse::into_response)
}

/// What the page's form sent.
struct Choice {
    method: String,
    won: i64,
    again: bool,
}

impl Choice {
    async fn read(body: Body) -> Option<Self> {
        let bytes = to_bytes(body, MAX_FORM).await.ok()?;
        let mut choice = Self { method: String::new(), won: 0, again: false };
        for (name, value) in url::form_urlencoded::parse(&bytes) {
            match &*name {
                "method" => choice.method = value.into_owned(),
                "amount" => choice.won = value.parse().ok()?,
                "again" => choice.again = value == "yes",
                _ => {}
            }
        }
        Some(choice)
    }
}

async fn opened(
    ctx: &Context,
    token: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let english = prefers_english(headers);
    let Some(link) = found(ctx, token).await? else { return Ok(nothing(ctx, english)) };
    let (state, link) = present(ctx, link).await?;
    let refused = |reason: Option<Text>| {
        let notice = reason.map(|text| text.pick(english));
        page(ctx, (StatusCode::CONFLICT, state), english, (&link, token), notice)
    };
    if !matches!(state, "open" | "opened") {
        return Ok(refused(None));
    }
    let Some(choice) = Choice::read(body).await else { return Ok(refused(Some(try_again()))) };
    let methods = show_window::offered(ctx, &link);
    let Some(method) = methods.iter().find(|method| method.code() == choice.method) else {
        return Ok(refused(Some(try_again())));
    };
    if state == "opened" && !choice.again {
        return Ok(refused(None));
    }
    if choice.won != link.amount.get() {
        return Ok(refused(Some(other_amount())));
    }
    let Some(buyer) = links::buyer(&ctx.pool, &link).await? else {
        return Ok(refused(Some(try_again())));
    };
    let back = address::url(ctx, link.id);
    let device = device(headers);
    let fields = show_window::fields(ctx, (&link, &buyer), *method, device, &back).await;
    let fields = match fields {
        Ok(fields) => fields,
        Err(error) => {
            tracing::warn!(id = %link.id, error = error.english(), "no window for a payment page link");
            return Ok(refused(Some(no_window())));
        }
    };
    let opening = Opening {
        buyer: &buyer,
        amount: link.amount,
        tax_free_amount: link.tax_free_amount,
        method: method.code_of(&ctx.config),
        methods: &show_window::codes(ctx, &methods),
        cpid: &methods::contract(ctx, Some(*method)).cpid,
        again: choice.again,
    };
    match links::open(ctx, link.id, &opening).await {
        Ok(()) => Ok(window(ctx, english, fields, token)),
        Err(CannotOpen::Database(error)) => Err(error.into()),
        Err(reason) => {
            tracing::info!(id = %link.id, ?reason, "no window shown");
            // As it stands by now.
            let (state, now) = match links::find(&ctx.pool, link.id).await? {
                Some(now) => present(ctx, now).await?,
                None => ("canceled", link.clone()),
            };
            let notice = match reason {
                CannotOpen::OtherAmount => Some(other_amount()),
                CannotOpen::NotNow => Some(try_again()),
                _ => None,
            };
            let notice = notice.map(|text| text.pick(english));
            Ok(page(ctx, (StatusCode::CONFLICT, state), english, (&now, token), notice))
        }
    }
}

/// A phone has a window of its own.
fn device(headers: &HeaderMap) -> Device {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let phone = |agent: &str| ["Mobi", "Android", "iPhone"].iter().any(|word| agent.contains(word));
    if agent.is_some_and(phone) { Device::Mobile } else { Device::Pc }
}

fn try_again() -> Text {
    Text::new(
        "지금은 결제를 시작할 수 없습니다. 잠시 뒤 다시 시도해 주세요.",
        "The payment cannot begin now. Please try again in a moment.",
    )
}

fn no_window() -> Text {
    Text::new(
        "이 결제수단으로는 지금 결제할 수 없습니다. 다른 결제수단을 선택하거나 잠시 뒤 다시 시도해 주세요.",
        "This method cannot be used now. Please choose another one, or try again in a moment.",
    )
}

fn other_amount() -> Text {
    Text::new(
        "결제할 금액이 바뀌었습니다. 금액을 확인하고 다시 선택해 주세요.",
        "The amount has changed. Please check it and choose again.",
    )
}
