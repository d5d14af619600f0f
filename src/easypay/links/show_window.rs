//! What KiwoomPay's window needs to be shown for a link.

use serde_json::Value;

use crate::api::errors::{not_sent, takes};
use crate::context::Context;
use crate::easypay::methods::{self, Method};
use crate::http::error::ApiError;
use crate::http::extract::FromField;
use crate::kiwoom::text::{CustomerId, Email, ProductName};
use crate::kiwoom::window::{Device, WindowOrder};
use crate::payments::links::{Buyer, Link};

/// PAYMETHOD of each of these methods under the contract.
pub fn codes(ctx: &Context, methods: &[Method]) -> Vec<&'static str> {
    methods.iter().map(|method| method.code_of(&ctx.config)).collect()
}

/// The methods that the link offers and the contract still has.
pub fn offered(ctx: &Context, link: &Link) -> Vec<Method> {
    let wanted = |method: &Method| link.methods.iter().any(|code| code == method.code());
    methods::offered(&ctx.config).into_iter().filter(wanted).collect()
}

/// The fields with which a form opens the window for `method` of the link. Asks KiwoomPay for the hash; no
/// money moves.
pub async fn fields(
    ctx: &Context,
    (link, buyer): (&Link, &Buyer),
    method: Method,
    device: Device,
    back: &str,
) -> Result<Value, ApiError> {
    let codes = methods::shown(ctx, Some(method), link.tax_free_amount)?;
    let contract = methods::contract(ctx, Some(method));
    takes(contract, link.amount, link.tax_free_amount)?;
    let product_name = ProductName::from_field(&Value::from(link.product_name.clone()));
    let product_name =
        product_name.map_err(|reason| ApiError::invalid_field("productName", reason))?;
    let [home, fail, close] =
        ["paid", "failed", "closed"].map(|end| format!("{back}?result={end}"));
    let order = WindowOrder {
        order_no: &link.window_no(),
        amount: link.amount,
        tax_free_amount: link.tax_free_amount,
        product_name: &product_name,
        customer_name: &buyer.customer_name,
        customer_id: buyer.customer_id.as_ref().map_or("", CustomerId::as_str),
        email: buyer.customer_email.as_ref().map_or("", Email::as_str),
        methods: &codes,
        methods_field: &ctx.config.easypay.methods_field,
        device,
        urls: [&home, &fail, &close],
        app_url: None,
        cash_receipt: None,
        quota: None,
    };
    let turn = ctx.pace.unpaced(contract, method.code_of(&ctx.config)).await?;
    ctx.kiwoom.window(turn, &order).await.map_err(not_sent)
}
