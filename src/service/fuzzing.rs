//! What the fuzz targets in `fuzz/` read request bodies with: the extractors of the routes, without
//! the routes, which would need a database. Nothing else uses it.

use axum::body::Body as HttpBody;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use futures::FutureExt;

use crate::billing::cards::RegisterRequest;
use crate::billing::payments::pay::PayRequest;
use crate::billing::payments::{self, refunds};
use crate::billing::subscriptions::CancelRequest;
use crate::billing::subscriptions::consents::ConsentRequest;
use crate::billing::subscriptions::extend::ExtendRequest;
use crate::billing::subscriptions::pauses::PauseRequest;
use crate::billing::subscriptions::recorded::PaidRequest;
use crate::billing::subscriptions::subscribe::SubscribeRequest;
use crate::billing::subscriptions::update::UpdateRequest;
use crate::easypay::cancel::CancelRequest as CancelOrderRequest;
use crate::easypay::checkout::PrepareRequest;
use crate::events::redeliver::RedeliverRequest;
use crate::http::error::{ApiError, Code};
use crate::http::extract::{Body, OptionalBody};

/// A route's reader: nothing when it takes the body, else the error it answers with.
pub type Reader = fn(Request) -> Result<(), ApiError>;

/// Each route that takes a body, with its reader.
pub const BODIES: [(&str, Reader); 15] = [
    ("/billing/register", read::<Body<RegisterRequest>>),
    ("/billing/subscribe", read::<Body<SubscribeRequest>>),
    ("/billing/pay", read::<Body<PayRequest>>),
    ("/billing/cancel", read::<Body<CancelRequest>>),
    ("/billing/refund", read::<Body<refunds::RefundRequest>>),
    ("/billing/subscription/{id}", read::<Body<UpdateRequest>>),
    ("/billing/subscription/{id}/consent", read::<Body<ConsentRequest>>),
    ("/billing/subscription/{id}/pause", read::<OptionalBody<PauseRequest>>),
    ("/billing/subscription/{id}/extend", read::<Body<ExtendRequest>>),
    ("/billing/subscription/{id}/paid", read::<Body<PaidRequest>>),
    ("/billing/payment/{id}/resolve", read::<Body<payments::ResolveRequest>>),
    ("/billing/refund/{id}/resolve", read::<Body<refunds::ResolveRequest>>),
    ("/easypay/prepare", read::<Body<PrepareRequest>>),
    ("/easypay/cancel", read::<Body<CancelOrderRequest>>),
    ("/events/redeliver", read::<Body<RedeliverRequest>>),
];

/// A request with this body, as JSON.
pub fn request(body: &[u8]) -> Request {
    let mut request = Request::new(HttpBody::from(body.to_vec()));
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request
}

fn read<T: FromRequest<(), Rejection = ApiError>>(request: Request) -> Result<(), ApiError> {
    // The whole body is there, so that nothing is waited for.
    let read = T::from_request(request, &()).now_or_never();
    read.unwrap_or_else(|| Err(Code::Internal.into())).map(drop)
}
