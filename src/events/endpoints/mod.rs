//! `/webhook-endpoints`: receivers of events that the API makes, beside that of the settings.

pub mod answers;
pub mod request;
pub mod store;

use aes_gcm::aead::{Generate, Key};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::{AppState, Context};
use crate::http::answer::{self, Answer, Limit, Page, Success};
use crate::http::error::{ApiError, Code};
use crate::http::extract::{Body, OptionalBody, PathId};
use crate::layers::idempotency::{KeptInstead, NewId};
use crate::rules::ids::WebhookEndpointId;
use crate::rules::text::Text;
use crate::storage::vault::VaultError;
use answers::{WebhookEndpointBody, WebhookEndpointDetail, WebhookEndpointWithSecret};
use request::{Address, ChangeRequest, CreateRequest, RotateRequest};
use store::Endpoint;

/// Each has 16 places for deliveries in every process.
const MOST: i64 = 16;
/// Hours for which the secret of before is signed with, when nobody says.
const OVERLAP_HOURS: i16 = 24;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, change, remove))
        .routes(routes!(rotate))
}

/// A new secret to sign deliveries with, by the Standard Webhooks specification.
pub fn new_secret() -> SecretString {
    let bytes = Key::<aes_gcm::Aes256Gcm>::generate();
    SecretString::from(format!("whsec_{}", STANDARD.encode(bytes)))
}

/// List the receivers of events.
///
/// That of `MERCHANT_WEBHOOK_URL` first.
#[utoipa::path(
    get, path = "/webhook-endpoints", operation_id = "listWebhookEndpoints", tag = "events",
    responses(
        (status = 200, description = "All of them", body = Success<Page<WebhookEndpointDetail>>),
    )
)]
async fn list(State(ctx): State<AppState>) -> Answer {
    let mut shown = Vec::new();
    for row in store::all(&ctx.pool).await? {
        if let Some(detail) = detail(&ctx, row).await? {
            shown.push(detail);
        }
    }
    let all = Limit::default().page(shown, |_| String::new(), |detail| detail);
    Ok(answer::ok(all))
}

/// Get a receiver of events.
///
/// With its last success, its last failure and what waits for it.
#[utoipa::path(
    get, path = "/webhook-endpoints/{id}", operation_id = "getWebhookEndpoint", tag = "events",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "The endpoint", body = Success<WebhookEndpointDetail>),
    )
)]
async fn show(State(ctx): State<AppState>, PathId(id): PathId) -> Answer {
    let row = store::find(&ctx.pool, WebhookEndpointId::parse(&id)).await?.ok_or_else(missing)?;
    Ok(answer::ok(detail(&ctx, row).await?.ok_or_else(missing)?))
}

/// `None` of the receiver of the settings when they name none.
async fn detail(ctx: &Context, row: Endpoint) -> sqlx::Result<Option<WebhookEndpointDetail>> {
    let id = row.id;
    let endpoint = match &ctx.config.merchant_webhook {
        _ if row.url.is_some() => row.into(),
        Some(webhook) => WebhookEndpointBody::of_settings(row, webhook),
        None => return Ok(None),
    };
    let health = store::health(&ctx.reading, id).await?;
    let is_of_settings = id == WebhookEndpointId::ENVIRONMENT;
    Ok(Some(WebhookEndpointDetail::new(endpoint, is_of_settings, health)))
}

/// Create a receiver of events.
///
/// At most 16. It is told of what happens from now on. Its secret is in this answer only.
#[utoipa::path(
    post, path = "/webhook-endpoints", operation_id = "createWebhookEndpoint", tag = "events",
    request_body = CreateRequest,
    responses(
        (status = 201, description = "Made", body = Success<WebhookEndpointWithSecret>),
    )
)]
async fn create(
    State(ctx): State<AppState>,
    new: NewId,
    Body(request): Body<CreateRequest>,
) -> Answer {
    let id = WebhookEndpointId(new.id);
    if let Some(row) = store::find(&ctx.pool, id).await? {
        return with_secret(&ctx, StatusCode::CREATED, row).await;
    }
    let row = Endpoint {
        id,
        url: Some(allowed(&ctx, request.url)?),
        description: request.description.map(|text| text.0),
        types: request.types.map(|types| types.0),
        enabled: request.enabled.unwrap_or(true),
        previous_secret_until: None,
        created_at: ctx.clock.now(),
    };
    let sealed = ctx.vault.seal_webhook(id.0, &new_secret()).map_err(|error| unusable(&error))?;
    let mut tx = ctx.begin().await?;
    if store::count(&mut tx).await? >= MOST {
        let ko = format!("웹훅 엔드포인트는 {MOST}개까지 만들 수 있습니다.");
        let reason = Text::new(ko, format!("There can be {MOST} webhook endpoints at most."));
        return Err(ApiError::invalid_field("url", reason));
    }
    store::insert(&mut tx, &row, &sealed).await?;
    tx.commit().await?;
    with_secret(&ctx, StatusCode::CREATED, row).await
}

/// Change a receiver of events.
///
/// What is under way goes on as it began.
#[utoipa::path(
    patch, path = "/webhook-endpoints/{id}", operation_id = "updateWebhookEndpoint", tag = "events",
    params(("id" = String, Path)), request_body = ChangeRequest,
    responses(
        (status = 200, description = "Changed", body = Success<WebhookEndpointDetail>),
    )
)]
async fn change(
    State(ctx): State<AppState>,
    PathId(id): PathId,
    Body(request): Body<ChangeRequest>,
) -> Answer {
    let id = changeable(&id)?;
    let url = request.url.map(|url| allowed(&ctx, url)).transpose()?;
    let mut tx = ctx.begin().await?;
    let mut row = store::lock(&mut tx, id).await?.ok_or_else(missing)?;
    row.url = url.or(row.url);
    row.enabled = request.enabled.unwrap_or(row.enabled);
    if let Some(description) = request.description {
        row.description = description.map(|text| text.0);
    }
    if let Some(types) = request.types {
        row.types = types.map(|types| types.0);
    }
    store::update(&mut tx, &row).await?;
    tx.commit().await?;
    Ok(answer::ok(detail(&ctx, row).await?.ok_or_else(missing)?))
}

/// Delete a receiver of events.
///
/// What waits for it is given up; the log of its deliveries stays.
#[utoipa::path(
    delete, path = "/webhook-endpoints/{id}", operation_id = "deleteWebhookEndpoint", tag = "events",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "Deleted", body = Success<WebhookEndpointBody>),
    )
)]
async fn remove(State(ctx): State<AppState>, PathId(id): PathId) -> Answer {
    let id = changeable(&id)?;
    let mut tx = ctx.begin().await?;
    let row = store::lock(&mut tx, id).await?.ok_or_else(missing)?;
    store::delete(&mut tx, id, ctx.clock.now()).await?;
    tx.commit().await?;
    Ok(answer::ok(WebhookEndpointBody::from(row)))
}

/// Rotate the secret of a receiver.
///
/// The new one is in this answer only. Meanwhile deliveries have two signatures: by the new secret, and
/// by the one of before.
#[utoipa::path(
    post, path = "/webhook-endpoints/{id}/rotate-secret", operation_id = "rotateWebhookSecret",
    tag = "events", params(("id" = String, Path)), request_body = Option<RotateRequest>,
    responses(
        (status = 200, description = "Rotated", body = Success<WebhookEndpointWithSecret>),
    )
)]
async fn rotate(
    State(ctx): State<AppState>,
    PathId(id): PathId,
    new: NewId,
    OptionalBody(request): OptionalBody<RotateRequest>,
) -> Answer {
    let id = changeable(&id)?;
    let hours = request.previous_secret_hours.map_or(OVERLAP_HOURS, |hours| hours.0);
    let sealed = ctx.vault.seal_webhook(id.0, &new_secret()).map_err(|error| unusable(&error))?;
    let mut tx = ctx.begin().await?;
    store::lock(&mut tx, id).await?.ok_or_else(missing)?;
    if !new.is_applied(&mut tx).await? {
        store::rotate(&mut tx, id, &sealed, hours).await?;
    }
    tx.commit().await?;
    let row = store::find(&ctx.pool, id).await?.ok_or_else(missing)?;
    with_secret(&ctx, StatusCode::OK, row).await
}

/// The endpoint with its secret; what is kept for the `Idempotency-Key` lacks it.
async fn with_secret(ctx: &Context, status: StatusCode, row: Endpoint) -> Answer {
    let sealed = store::secret(&ctx.pool, row.id).await?.ok_or_else(missing)?;
    let secret = ctx.vault.open_webhook(row.id.0, &sealed).map_err(|error| unusable(&error))?;
    let endpoint = WebhookEndpointWithSecret::new(row.into(), &secret);
    let kept = answer::with_status(status, endpoint.without_secret());
    let mut response: Response = answer::with_status(status, endpoint);
    response.extensions_mut().insert(KeptInstead::new(kept).await);
    Ok(response.into_response())
}

/// Not the receiver of the settings.
fn changeable(id: &str) -> Result<WebhookEndpointId, ApiError> {
    let id = WebhookEndpointId::parse(id);
    if id == WebhookEndpointId::ENVIRONMENT {
        let ko = "MERCHANT_WEBHOOK_URL의 엔드포인트는 설정에서만 바꿀 수 있습니다.";
        let reason =
            Text::new(ko, "MERCHANT_WEBHOOK_URL's endpoint is changed in the settings only.");
        return Err(ApiError::invalid_field("id", reason));
    }
    Ok(id)
}

fn allowed(ctx: &Context, url: Address) -> Result<String, ApiError> {
    let private = ctx.config.deliveries.private_endpoints;
    let url = url.allowed(ctx.config.is_production(), private);
    url.map_err(|reason| ApiError::invalid_field("url", reason))
}

fn missing() -> ApiError {
    Code::WebhookEndpointNotFound.into()
}

fn unusable(error: &VaultError) -> ApiError {
    tracing::error!(alert = true, %error, "secret of a webhook endpoint not usable");
    Code::Internal.into()
}
