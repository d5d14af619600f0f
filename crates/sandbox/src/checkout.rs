//! What the buyer does in the window: pays, fails, or closes it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::charge::{new_auth_no, new_transaction_id};
use crate::exchange::keep;
use crate::fields::{amount, tax_free};
use crate::ledger::{Event, Ledger, Transaction};
use crate::window::Checkout;
use crate::wire::{Fields, Refusal};
use crate::{Sandbox, codes, form, lock, notice, window_page};
use kiwoom_clock::kst;

/// What of the window's request comes back in the notification.
const ECHOED: [&str; 6] =
    ["EMAIL", "USERNAME", "PRODUCTCODE", "RESERVEDINDEX1", "RESERVEDINDEX2", "RESERVEDSTRING"];

/// `POST /pay/window/{name}` with `action` (`pay`, `fail`, `close`) and `METHOD`.
pub async fn act(
    State(sandbox): State<Arc<Sandbox>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    let clicked = form::parse(&body);
    // A buyer who leaves the page has paid all the same.
    let work = tokio::spawn(async move { click(&sandbox, &name, &clicked).await });
    work.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

async fn click(sandbox: &Sandbox, name: &str, clicked: &Fields) -> Response {
    let Some(checkout) = lock(&sandbox.windows).get(name) else { return gone() };
    let method = clicked.get("METHOD");
    let action = clicked.get("action");
    let chosen = checkout.methods.iter().any(|(code, _)| *code == method);
    if !(action == "pay" && chosen || action == "fail" || action == "close") {
        let refusal = Refusal::new(codes::WRONG_FORM, "결제수단을 선택해 주세요.");
        return window_page::refused(StatusCode::BAD_REQUEST, &refusal);
    }
    if lock(&sandbox.windows).close(name).is_none() {
        return gone();
    }
    let request = &checkout.request;
    tracing::info!(order_no = request.get("ORDERNO"), result = action, "window closed");
    match action {
        "pay" => match pay(sandbox, &checkout, method) {
            Ok(()) => {
                // The merchant usually hears of it before the browser is back; never rely on it.
                sandbox.run_due().await;
                window_page::finished(&checkout, "결제가 완료되었습니다", request.get("HOMEURL"))
            }
            Err(refusal) => window_page::refused(StatusCode::INTERNAL_SERVER_ERROR, &refusal),
        },
        "fail" => window_page::finished(&checkout, "결제에 실패했습니다", request.get("FAILURL")),
        _ => window_page::finished(&checkout, "결제를 취소했습니다", request.get("CLOSEURL")),
    }
}

fn pay(sandbox: &Sandbox, checkout: &Checkout, method: &str) -> Result<(), Refusal> {
    let mut ledger = lock(&sandbox.ledger);
    let paid = approve(sandbox, &ledger, &checkout.request, method);
    let mut events = notice::of_payment(sandbox, &ledger, &paid);
    events.insert(0, Event::Approved(paid));
    keep(&mut ledger, events)
}

fn approve(sandbox: &Sandbox, ledger: &Ledger, request: &Fields, method: &str) -> Transaction {
    let now = sandbox.now();
    let time = kst(now).format("%Y%m%d%H%M%S").to_string();
    Transaction {
        id: new_transaction_id(ledger, &time),
        auth_no: new_auth_no(),
        cpid: request.get("CPID").to_owned(),
        order_no: request.get("ORDERNO").to_owned(),
        pay_method: method.to_owned(),
        amount: amount(request.get("AMOUNT")).unwrap_or_default(),
        tax_free_amount: tax_free(request, if method == "KAKAOPAY" { "FREEAMT" } else { "TELNO2" }),
        canceled_amount: 0,
        canceled_tax_free: 0,
        canceled_at: None,
        product_name: request.get("PRODUCTNAME").to_owned(),
        user_id: request.get("USERID").to_owned(),
        approved_at: now,
        auto_key: None,
        echo: ECHOED.iter().map(|&name| (name.into(), request.get(name).into())).collect(),
    }
}

fn gone() -> Response {
    let message = "이미 처리되었거나 없는 결제창입니다. 쇼핑몰에서 다시 시도해 주세요.";
    let refusal = Refusal::new(codes::WINDOW_CLOSED, message);
    window_page::refused(StatusCode::GONE, &refusal)
}
