//! The description of the API, `GET /openapi.json`: what the routes say of themselves, and what
//! holds for all of them.

mod examples;
mod korean;
mod references;
mod webhooks;

use axum::http::Method;
use chrono::NaiveDate;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::response::{Response, ResponseBuilder, Responses};
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, PathItem, Ref, RefOr, Required, SecurityRequirement};

use crate::access::api_keys::needed;
use crate::events::objects::{KeyEvent, PaymentEvent, SubscriptionEvent};
use crate::http::description;
use crate::http::error::ErrorBody;

#[derive(OpenApi)]
#[openapi(
    tags(
        (name = "billing", description = "Card subscriptions and charges · 카드 정기결제와 단건 결제"),
        (name = "books", description = "Movements of money, and their sums · 장부"),
        (name = "easypay",
            description = "KakaoPay, NaverPay, SamsungPay, Payco in the hosted window · 간편결제"),
        (name = "events",
            description = "What happened, for the merchant's backend; the audit trail · 이벤트와 감사 기록"),
        (name = "webhook", description = "Notifications from KiwoomPay · 키움페이 통지"),
        (name = "operations", description = "Health and metrics · 운영"),
    ),
    components(schemas(ErrorBody, KeyEvent, SubscriptionEvent, PaymentEvent))
)]
struct ApiDoc;

const ABOUT: &str = "Recurring card payments and easy payments through KiwoomPay. Every answer is \
    `{\"success\":true,\"data\":…}` or `{\"success\":false,\"error\":{\"code\",…}}`; decide by `error.code`. \
    A 202 says that the outcome of a call that moves money is not known: do not make it again. New fields \
    and new types of events may come at any time: ignore those that you do not know.\n\n\
    키움페이를 통한 카드 정기결제와 간편결제 API입니다. 모든 응답은 `{\"success\":true,\"data\":…}` 또는 \
    `{\"success\":false,\"error\":{\"code\",…}}`이며, `error.code`로 판단합니다. 202는 결제나 환불의 결과를 \
    알 수 없다는 뜻이므로 다시 시도하지 말아 주세요. 필드와 이벤트 종류는 언제든 추가될 수 있으므로 모르는 것은 \
    무시해야 합니다.";

/// The whole description, of the routes that need an API key and of those that need none. `today` is what
/// its examples begin with.
pub fn describe(
    keyed: utoipa::openapi::OpenApi,
    open: utoipa::openapi::OpenApi,
    today: NaiveDate,
) -> Value {
    let mut doc = serde_json::to_value(operations_of(keyed, open)).unwrap_or_default();
    let mut schemas: Map<String, Value> =
        serde_json::from_value(doc["components"]["schemas"].take()).unwrap_or_default();
    doc["info"] = json!({
        "title": "kiwoom-billing",
        "version": env!("CARGO_PKG_VERSION"),
        "description": ABOUT,
        "contact": {"name": "kiwoom-billing"},
        "license": {"name": "MIT", "identifier": "MIT"},
    });
    doc["servers"] =
        json!([{"url": "/", "description": "The service that this description comes from"}]);
    doc["webhooks"] = webhooks::described(&mut schemas);
    for operation in in_paths(&mut doc) {
        examples::add(operation, today);
        add_korean(operation);
    }
    references::share(&mut doc, &mut schemas);
    schemas.values_mut().for_each(references::open);
    doc["components"]["schemas"] = Value::Object(schemas);
    doc
}

fn in_paths(doc: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = doc["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    paths.filter_map(Value::as_object_mut).flat_map(Map::values_mut)
}

fn add_korean(operation: &mut Value) {
    let id = operation["operationId"].as_str().unwrap_or_default();
    let id = id.strip_suffix("ByQuery").unwrap_or(id);
    let korean = korean::KOREAN.iter().find(|(of, _)| *of == id);
    if let (Some((_, korean)), Some(english)) = (korean, operation["description"].as_str()) {
        operation["description"] = format!("{english}\n\n{korean}").into();
    }
}

fn operations_of(
    mut keyed: utoipa::openapi::OpenApi,
    mut open: utoipa::openapi::OpenApi,
) -> utoipa::openapi::OpenApi {
    for (path, item) in &mut keyed.paths.paths {
        for (method, operation) in operations(item) {
            let failures = &mut operation.responses;
            document(failures, "400", "`invalid_request`: `details` names what is wrong");
            document(failures, "401", "`unauthorized`: the API key is missing or wrong");
            let scope = needed(&method, path).name();
            let text = format!("`insufficient_scope`: the API key needs the scope `{scope}`");
            document(failures, "403", &text);
            if path.contains('{') {
                document(failures, "404", "There is no such thing");
            }
            if method != Method::GET {
                document(
                    failures,
                    "422",
                    "`idempotency_key_reused`: the key came with another body",
                );
                operation.parameters.get_or_insert_default().push(RefOr::T(idempotency_key()));
            }
        }
    }
    for (_, operation) in open.paths.paths.values_mut().flat_map(operations) {
        operation.security = Some(vec![SecurityRequirement::default()]);
    }
    let mut doc = ApiDoc::openapi();
    doc.merge(keyed);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let header = ApiKey::Header(ApiKeyValue::new("X-API-Key"));
    let components = doc.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    components.add_security_scheme("apiKey", SecurityScheme::ApiKey(header));
    let requirement = |name: &str| SecurityRequirement::new(name, Vec::<String>::new());
    doc.security = Some(vec![requirement("bearer"), requirement("apiKey")]);
    doc.merge(open);
    doc.paths.paths.values_mut().for_each(tell_methods_apart);
    for (_, operation) in doc.paths.paths.values_mut().flat_map(operations) {
        left_out_is_not_null(operation);
        document(
            &mut operation.responses,
            "default",
            "Any other refusal, or a fault: see `error.code`",
        );
    }
    doc
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let all = [
        (Method::GET, &mut item.get),
        (Method::POST, &mut item.post),
        (Method::PATCH, &mut item.patch),
        (Method::DELETE, &mut item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// A handler of GET and POST is two operations, and each has an id of its own.
fn tell_methods_apart(item: &mut PathItem) {
    if let (Some(get), Some(post)) = (&mut item.get, &item.post)
        && get.operation_id == post.operation_id
    {
        get.operation_id = get.operation_id.as_ref().map(|id| format!("{id}ByQuery"));
    }
}

fn idempotency_key() -> Parameter {
    let key = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("The same key and body give the first answer again; another body is 422"))
        .schema(Some(description::matching("^[!-~]{1,255}$")));
    key.build()
}

/// An `Option` says that a value may be `null`: a field may, a parameter or a body may only be left
/// out.
fn left_out_is_not_null(operation: &mut Operation) {
    let parameters = operation.parameters.iter_mut().flatten().filter_map(|p| match p {
        RefOr::T(parameter) => parameter.schema.as_mut(),
        RefOr::Ref(_) => None,
    });
    let bodies = operation.request_body.iter_mut().filter_map(|body| match body {
        RefOr::T(body) => Some(body.content.values_mut()),
        RefOr::Ref(_) => None,
    });
    let bodies = bodies.flatten().filter_map(|content| match content {
        RefOr::T(content) => content.schema.as_mut(),
        RefOr::Ref(_) => None,
    });
    for schema in parameters.chain(bodies) {
        if let RefOr::T(Schema::OneOf(either)) = schema {
            either.items.retain(|item| !is_null(item));
            if let [_] = *either.items
                && let Some(only) = either.items.pop()
            {
                *schema = only;
            }
        }
        if let RefOr::T(Schema::Object(object)) = schema
            && let SchemaType::Array(types) = &mut object.schema_type
        {
            types.retain(|kind| *kind != Type::Null);
        }
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    let RefOr::T(Schema::Object(object)) = schema else { return false };
    object.schema_type == SchemaType::Type(Type::Null)
}

/// Adds a failure that the route does not describe itself.
fn document(responses: &mut Responses, status: &str, description: &str) {
    let response = || RefOr::T(failure(description));
    responses.responses.entry(status.to_owned()).or_insert_with(response);
}

fn failure(description: &str) -> Response {
    let body = Content::new(Some(Ref::from_schema_name("ErrorBody")));
    ResponseBuilder::new().description(description).content("application/json", body).build()
}
