//! Preparing an order for the hosted window, and its status. Only a notification makes it paid.

use axum::extract::State;
use chrono::Duration;
use serde::Serialize;
use serde_json::Value;
use sqlx::PgExecutor;
use utoipa::ToSchema;

use crate::api::errors::{not_sent, takes};
use crate::context::{AppState, Context};
use crate::easypay::answers::OrderBody;
use crate::easypay::methods::{self, Method};
use crate::easypay::options::{AppScheme, Installments, Options};
use crate::easypay::return_url::ReturnUrl;
use crate::http::answer::{self, Answer, Success};
use crate::http::description::{self, described};
use crate::http::error::{ApiError, Code, ErrorBody};
use crate::http::extract::{Body, Fields, FromField, FromFields, PathId, one_of};
use crate::http::fields::TaxFree;
use crate::kiwoom::text::{CustomerId, CustomerName, Email, OrderNo, ProductName};
use crate::kiwoom::window::{Device, TOTAL, WindowOrder};
use crate::layers::idempotency::NewId;
use crate::payments::checkout::{self, Draft};
use crate::payments::store::{self, Kind, Payment, PaymentRef};
use crate::payments::unexpected;
use crate::rules::ids::PaymentId;
use crate::rules::money::Won;
use crate::rules::text::Text;

/// An order to be paid in the hosted window.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub struct PrepareRequest {
    order_id: OrderNo,
    /// Won.
    #[schema(value_type = i64, minimum = 1, maximum = 9_999_999_999_i64, example = 9900)]
    amount: Won,
    product_name: ProductName,
    customer_name: CustomerName,
    customer_id: Option<CustomerId>,
    customer_email: Option<Email>,
    /// One method; left out, the window shows all that `GET /easypay/methods` lists, but for those
    /// with a contract of their own.
    method: Option<Method>,
    /// `P` (PC, the default), `M` (phone) or `W` (web view of an app).
    #[schema(value_type = Option<Device>)]
    device: Device,
    /// Where the browser goes after a payment. It proves nothing.
    return_url: Option<ReturnUrl>,
    fail_url: Option<ReturnUrl>,
    close_url: Option<ReturnUrl>,
    /// Tax-free part of the amount in won.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 9_999_999_999_i64)]
    tax_free_amount: i64,
    /// Where an app comes back to. Required when `device` is `W` and cards or bank transfers are
    /// offered, and used there only.
    app_scheme: Option<AppScheme>,
    /// Whether the window offers a cash receipt (현금영수증): for `KAKAOPAY` or `BANK`.
    cash_receipt: Option<bool>,
    /// Months by which a card payment of 50,000 won or more may be paid off: 0 (at once), 2 to 12.
    installments: Option<Installments>,
}

impl FromFields for PrepareRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let order_id = f.required::<OrderNo>("orderId");
        OrderNo::refuse_renewals(f, order_id.as_ref());
        let amount = f.required::<Won>("amount");
        let product_name = f.required("productName");
        let customer_name = f.required("customerName");
        let tax_free_amount = TaxFree::of(f, amount).unwrap_or(0);
        Some(Self {
            app_scheme: f.optional("appScheme"),
            cash_receipt: f.optional("cashReceipt"),
            installments: f.optional("installments"),
            customer_id: f.optional("customerId"),
            customer_email: f.optional("customerEmail"),
            method: f.optional("method"),
            device: f.optional("device").unwrap_or(Device::Pc),
            return_url: f.optional("returnUrl"),
            fail_url: f.optional("failUrl"),
            close_url: f.optional("closeUrl"),
            tax_free_amount,
            order_id: order_id?,
            amount: amount?,
            product_name: product_name?,
            customer_name: customer_name?,
        })
    }
}

impl PrepareRequest {
    fn options(&self) -> Options<'_> {
        Options {
            device: self.device,
            app_scheme: self.app_scheme.as_ref(),
            cash_receipt: self.cash_receipt,
            installments: self.installments.as_ref(),
        }
    }
}

described!(Device, description::one_of(["P", "M", "W"]));

impl FromField for Device {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, &[("P", Self::Pc), ("M", Self::Mobile), ("W", Self::WebView)])
    }
}

/// What the browser needs to open the window.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Prepared {
    order_id: String,
    amount: i64,
    /// The SDK's script.
    sdk_url: String,
    /// First argument of `KiwoomPaySDK.f_setInit`.
    sdk_mode: String,
    /// Second argument of `KiwoomPaySDK.f_setInit`.
    display_mode: &'static str,
    /// Where a form opens the window without the SDK.
    form_action: String,
    /// Argument of `KiwoomPaySDK.f_payTotalLink`, or the fields of the form.
    #[schema(value_type = Object)]
    sdk_data: Value,
}

/// Prepare an order for the payment window.
///
/// Opens an order and gives what the browser needs. Preparing it again with the same amount gives a
/// fresh hash; another amount, or a paid order, is 409.
#[utoipa::path(
    post, path = "/easypay/prepare", operation_id = "prepareOrder",
    tag = "easypay", request_body = PrepareRequest,
    responses(
        (status = 200, description = "Prepared", body = Success<Prepared>),
        (status = 409, description = "`order_exists`", body = ErrorBody),
        (status = 502, description = "`gateway_unavailable` or `merchant_setting`: nothing was done",
            body = ErrorBody),
    )
)]
pub async fn prepare(
    State(ctx): State<AppState>,
    new: NewId,
    Body(request): Body<PrepareRequest>,
) -> Answer {
    let codes = methods::shown(&ctx, request.method, request.tax_free_amount)?;
    let misfits = request.options().misfits(request.amount, &codes);
    if !misfits.is_empty() {
        return Err(ApiError::invalid(misfits));
    }
    let contract = methods::contract(&ctx, request.method);
    takes(contract, request.amount, request.tax_free_amount)?;
    let reference = PaymentRef::OrderNo(request.order_id.as_str().to_owned());
    let found = store::find(&ctx.pool, &reference).await?;
    if !checkout::may_open(found.as_ref(), request.amount) {
        return Err(Code::OrderExists.into());
    }
    let sdk_data = window(&ctx, &request, &codes).await?;
    let draft = draft(&ctx, PaymentId(new.id), &request, &codes);
    let mut tx = ctx.begin().await?;
    let opened = checkout::open(&mut tx, &draft).await?;
    tx.commit().await?;
    let order = opened.ok_or(ApiError::from(Code::OrderExists))?;
    tracing::info!(order_no = order.order_no, "order prepared");
    Ok(answer::ok(Prepared {
        amount: order.amount.get(),
        order_id: order.order_no,
        sdk_url: ctx.sdk_url.clone(),
        sdk_mode: ctx.config.kiwoom.sdk_mode.clone(),
        display_mode: "FRAME",
        form_action: ctx.kiwoom.form_action(),
        sdk_data,
    }))
}

async fn window(
    ctx: &Context,
    request: &PrepareRequest,
    methods: &[&'static str],
) -> Result<Value, ApiError> {
    let own = |result| ReturnUrl::own(&ctx.public_url, result, &request.order_id);
    let chosen = |url: &Option<ReturnUrl>, result| {
        url.as_ref().map_or_else(|| own(result), |url| url.as_str().to_owned())
    };
    let home = chosen(&request.return_url, "paid");
    let fail = chosen(&request.fail_url, "failed");
    let close = chosen(&request.close_url, "closed");
    let options = request.options();
    let quota = options.quota();
    let order = WindowOrder {
        order_no: &request.order_id,
        amount: request.amount,
        tax_free_amount: request.tax_free_amount,
        product_name: &request.product_name,
        customer_name: &request.customer_name,
        customer_id: request.customer_id.as_ref().map_or("", CustomerId::as_str),
        email: request.customer_email.as_ref().map_or("", Email::as_str),
        methods,
        methods_field: &ctx.config.easypay.methods_field,
        device: request.device,
        urls: [&home, &fail, &close],
        app_url: options.app_url(),
        cash_receipt: options.cash_receipt(methods),
        quota: quota.as_deref(),
    };
    let contract = methods::contract(ctx, request.method);
    let method = match (request.method, methods) {
        (Some(_), [only]) => only,
        _ => TOTAL,
    };
    let turn = ctx.pace.unpaced(contract, method).await?;
    ctx.kiwoom.window(turn, &order).await.map_err(not_sent)
}

fn draft<'a>(
    ctx: &'a Context,
    id: PaymentId,
    request: &'a PrepareRequest,
    methods: &'a [&'static str],
) -> Draft<'a> {
    let now = ctx.clock.now();
    Draft {
        id,
        order_no: request.order_id.as_str(),
        amount: request.amount,
        tax_free_amount: request.tax_free_amount,
        product_name: request.product_name.as_str(),
        customer_id: request.customer_id.as_ref().map(CustomerId::as_str),
        customer_name: request.customer_name.as_str(),
        customer_email: request.customer_email.as_ref().map(Email::as_str),
        method: request.method.map(Method::code),
        cpid: &methods::contract(ctx, request.method).cpid,
        unnamed_cpid: ctx.kiwoom.cpid_of(None),
        methods,
        now,
        expires_at: now + Duration::minutes(ctx.config.easypay.expires_minutes),
    }
}

/// Get an order.
///
/// An order of the payment window and what has become of it.
#[utoipa::path(
    get, path = "/easypay/status/{orderId}", operation_id = "getOrder",
    tag = "easypay", params(("orderId" = String, Path)),
    responses(
        (status = 200, description = "The order", body = Success<OrderBody>),
    )
)]
pub async fn status(State(ctx): State<AppState>, PathId(order_id): PathId) -> Answer {
    Ok(answer::ok(order_body(&ctx, &PaymentRef::parse(&order_id)).await?))
}

/// The order, when the reference is one of the hosted window's.
pub async fn find_order(
    db: impl PgExecutor<'_>,
    reference: &PaymentRef,
) -> Result<Payment, ApiError> {
    let found = store::find(db, reference).await?;
    found.filter(|p| p.kind == Kind::Checkout).ok_or(Code::OrderNotFound.into())
}

/// The order as it is answered: it and its refunds as they were at one moment.
pub async fn order_body(ctx: &Context, reference: &PaymentRef) -> Result<OrderBody, ApiError> {
    let mut tx = ctx.pool.begin_with("begin isolation level repeatable read, read only").await?;
    let order = find_order(&mut *tx, reference).await?;
    let refunds = store::list_refunds(&mut *tx, Some(order.id), None, None, 1000).await?;
    let unexpected = unexpected::of_order(&mut *tx, order.id).await?;
    tx.commit().await?;
    Ok(OrderBody::new(ctx, order, &refunds, unexpected))
}
