//! `POST /events/test`: an event of a type on its way to the receivers, of which nothing has happened. For
//! development; `kiwoom-billing trigger` asks for it.

mod samples;

use axum::extract::State;
use axum::http::StatusCode;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::context::AppState;
use crate::events::publish::publish_all;
use crate::events::read::{EventBody, Type};
use crate::events::store;
use crate::http::answer::{self, Answer, Success};
use crate::http::error::{ApiError, Code};
use crate::http::extract::{Body, Fields, FromFields};
use crate::rules::ids::EventId;
use crate::rules::text::Text;

/// Which event to make.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TestEvent)]
pub struct TestRequest {
    r#type: Type,
}

impl FromFields for TestRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        Some(Self { r#type: f.required("type")? })
    }
}

/// Deliver a test event.
///
/// Makes an event of this type, with an example of its object and `"test": true`, and delivers it. No
/// payment, subscription or other object is made or changed. In production it is refused.
#[utoipa::path(
    post, path = "/events/test", operation_id = "createTestEvent", tag = "events",
    request_body = TestRequest,
    responses(
        (status = 201, description = "Made", body = Success<EventBody>),
    )
)]
pub async fn make(State(ctx): State<AppState>, Body(request): Body<TestRequest>) -> Answer {
    if ctx.config.is_production() {
        let text = Text::new(
            "시험 이벤트는 개발 환경에서만 만들 수 있습니다.",
            "Test events are made in development only.",
        );
        return Err(ApiError::from(Code::NotFound).with_text(text));
    }
    let (kind, id) = (request.r#type.0, Uuid::now_v7());
    let data = samples::of(kind, id, ctx.clock.now());
    let mut tx = ctx.begin().await?;
    let made = sqlx::query_scalar("select make_test_event($1, $2, $3::text::json)");
    let made = made.bind(kind).bind(id).bind(data.to_string());
    let made: EventId = made.fetch_one(&mut *tx).await?;
    tx.commit().await?;
    publish_all(&ctx).await?;
    let event = store::find(&ctx.pool, made).await?.ok_or(ApiError::from(Code::EventNotFound))?;
    Ok(answer::with_status(StatusCode::CREATED, EventBody::from(event)))
}
