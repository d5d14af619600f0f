//! The description of the API, `GET /openapi.json`: what the routes say of themselves, and what
//! holds for all of them.

use axum::http::Method;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Info, PathItem, Ref, RefOr, Required, SecurityRequirement};

use crate::access::api_keys::needed;
use crate::http::description;
use crate::http::error::ErrorBody;

#[derive(OpenApi)]
#[openapi(
    tags(
        (name = "billing", description = "Card subscriptions and charges"),
        (name = "books", description = "Movements of money, and their sums"),
        (name = "easypay",
            description = "KakaoPay, NaverPay, SamsungPay, Payco in the hosted window"),
        (name = "events",
            description = "What happened, for the merchant's backend; the audit trail"),
        (name = "webhook", description = "Notifications from KiwoomPay"),
        (name = "operations", description = "Health and metrics"),
    ),
    components(schemas(ErrorBody))
)]
struct ApiDoc;

/// The whole description, of the routes that need an API key and of those that need none.
pub fn describe(
    mut keyed: utoipa::openapi::OpenApi,
    mut open: utoipa::openapi::OpenApi,
) -> utoipa::openapi::OpenApi {
    for (path, item) in &mut keyed.paths.paths {
        for (method, operation) in operations(item) {
            if method != Method::GET {
                operation.parameters.get_or_insert_default().push(RefOr::T(idempotency_key()));
            }
            let scope = needed(&method, path).name();
            let text = format!("`insufficient_scope`: the API key needs the scope `{scope}`");
            operation.responses.responses.insert("403".to_owned(), RefOr::T(failure(&text)));
        }
    }
    for (_, operation) in open.paths.paths.values_mut().flat_map(operations) {
        operation.security = Some(vec![SecurityRequirement::default()]);
    }
    let mut doc = ApiDoc::openapi();
    doc.info = Info::new("kiwoom-billing", env!("CARGO_PKG_VERSION"));
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
        document_failures(operation);
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

/// What any request may be answered with: an error of the caller's, or of the service's.
fn document_failures(operation: &mut Operation) {
    for (status, description) in
        [("4XX", "The request was refused"), ("5XX", "It could not be served; safe to retry")]
    {
        let failures = &mut operation.responses.responses;
        failures.entry(status.to_owned()).or_insert_with(|| RefOr::T(failure(description)));
    }
}

fn failure(description: &str) -> Response {
    let body = Content::new(Some(Ref::from_schema_name("ErrorBody")));
    ResponseBuilder::new().description(description).content("application/json", body).build()
}
