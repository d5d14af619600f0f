//! What every request to the console passes through but the sign-in: whose session it is, and whether
//! an action was asked for by a page of that session.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use url::{Host, Url};

use crate::access::api_keys::{Caller, OPEN};
use crate::console::Shared;
use crate::console::api::path_with;
use crate::console::failed::{Failed, not_from_here};
use crate::console::form::{CSRF, Form};
use crate::console::frame::{Console, Flash, SEALED};
use crate::console::language::Language;
use crate::console::session::{self, Token};
use crate::context::Context;
use crate::http::error::ApiError;

/// Layer: see the module.
pub async fn admit(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let language = Language::of(&parts.headers);
    let (token, caller, is_new) = match who(&shared.ctx, &parts).await {
        Ok(Some(found)) => found,
        Ok(None) => return to_sign_in(&parts),
        Err(error) => {
            let failed = Failed::of(error, &parts.extensions, language).await;
            return failed.page(None, language);
        }
    };
    let secure = shared.ctx.config.is_production();
    let flash = Flash::of(&parts.headers, &token);
    let console = Console::new(&shared, &parts, (token.clone(), caller), flash);
    let mut response = match form(&shared.ctx, &parts, body, &console).await {
        Ok(form) => {
            parts.extensions.insert(console.clone());
            if let Some(form) = form {
                parts.extensions.insert(form);
            }
            next.run(Request::from_parts(parts, Body::empty())).await
        }
        Err(error) => Failed::of(error, &parts.extensions, language).await.into_response(),
    };
    if let Some(failed) = response.extensions_mut().remove::<Failed>() {
        response = failed.page(Some(&console), language);
    } else if console.has_flash() && response.status() == StatusCode::OK {
        add_cookie(&mut response, &Flash::gone(secure));
    }
    if is_new {
        add_cookie(&mut response, &token.cookie(secure));
    }
    response
}

/// Whose session it is. Where anybody may call without a key, anybody has one.
async fn who(ctx: &Context, parts: &Parts) -> Result<Option<(Token, Caller, bool)>, ApiError> {
    if let Some(token) = Token::of(&parts.headers)
        && let Some(id) = session::find(&ctx.pool, &token).await?
        && let Some(caller) = ctx.api_keys.with_id(&id).await?
    {
        return Ok(Some((token, caller, false)));
    }
    let Some(caller) = ctx.api_keys.with_id(OPEN).await? else { return Ok(None) };
    if parts.method != Method::GET {
        return Ok(None);
    }
    Ok(Some((session::begin(&ctx.pool, OPEN).await?, caller, true)))
}

fn to_sign_in(parts: &Parts) -> Response {
    let is_page = parts.method == Method::GET;
    let here = if is_page { Console::address(parts) } else { String::new() };
    let there = path_with("/console/sign-in", [("next", here.as_str())]);
    if parts.headers.contains_key("hx-request") {
        let there = HeaderValue::from_str(&there).unwrap_or(HeaderValue::from_static("/console"));
        return (StatusCode::UNAUTHORIZED, [("hx-redirect", there)]).into_response();
    }
    Redirect::to(&there).into_response()
}

/// The form of an action, when a page of this session sent it; nothing of a page.
async fn form(
    ctx: &Context,
    parts: &Parts,
    body: Body,
    console: &Console,
) -> Result<Option<Form>, ApiError> {
    if matches!(parts.method, Method::GET | Method::HEAD) {
        return Ok(None);
    }
    if !is_same_origin(&parts.headers, &ctx.public_url) {
        return Err(not_from_here());
    }
    let form = Form::read(parts, body).await?;
    if !console.token().is_sealed(SEALED, form.text(CSRF)) {
        return Err(not_from_here());
    }
    Ok(Some(form))
}

/// Whether a page of this service sent the request, by what the browser says of it. One that says
/// nothing is no browser that is let in.
pub fn is_same_origin(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let own = text("origin").map(|origin| is_own(origin, text("host"), public_url));
    match text("sec-fetch-site") {
        // With a policy of no-referrer a browser calls its own origin null.
        Some(site) => {
            site == "same-origin" && (own != Some(false) || text("origin") == Some("null"))
        }
        None => own == Some(true),
    }
}

/// Whether it is the origin that browsers reach the service by: as it is set, or as this request names
/// it.
fn is_own(origin: &str, host: Option<&str>, public_url: &str) -> bool {
    let Ok(origin) = Url::parse(origin) else { return false };
    let public = Url::parse(public_url).map(|url| url.origin());
    if public.is_ok_and(|public| public == origin.origin()) {
        return true;
    }
    let place = |url: &Url| Some((url.host()?.to_owned(), url.port_or_known_default()?));
    let named: Option<(Host<String>, u16)> =
        host.and_then(|host| place(&Url::parse(&format!("{}://{host}", origin.scheme())).ok()?));
    named.is_some() && named == place(&origin)
}

/// Adds a cookie beside those that the answer sets already.
pub fn add_cookie(response: &mut Response, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
