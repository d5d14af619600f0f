//! Cancellations (CANCELREQ=Y): of a whole payment or of a part of what is left of it.

use crate::exchange::{Done, keep};
use crate::fields::{self, Form, Rule, amount, filled, optional};
use crate::ledger::{Event, Ledger, Transaction};
use crate::wire::{self, Fields, Refusal};
use crate::{Sandbox, codes, lock, notice};
use kiwoom_clock::kst;

/// Methods that can only be cancelled whole.
const WHOLE_ONLY: [&str; 4] = ["BANK", "VACCOUNT", "MOBILE", "KT"];

/// Methods whose cancellation takes no TAXFREEAMT.
const WITHOUT_TAX_FREE: [&str; 2] = ["KAKAOPAY", "PAYCO"];

/// CANCELREASON is limited in characters, not bytes.
const MAX_REASON_CHARS: usize = 20;

/// Characters of CANCELREASON that are commands.
const RESERVED: [char; 3] = ['^', '[', ']'];

const RULES: [Rule; 4] = [
    filled("TRXID", 20, Form::Text),
    filled("AMOUNT", 10, Form::Amount),
    filled("CANCELREASON", MAX_REASON_CHARS * 2, Form::Text),
    optional("TAXFREEAMT", 10, Form::Digits),
];

/// Where the money of a bank transfer goes back to.
const ACCOUNT: [Rule; 2] =
    [filled("BANKCODE", 10, Form::Text), filled("ACCOUNTNO", 30, Form::Digits)];

/// Cancels a payment.
pub fn cancel(
    sandbox: &Sandbox,
    request: &Fields,
    scripted: Option<Refusal>,
) -> Result<Done, Refusal> {
    let strict = sandbox.options.strict;
    fields::check(strict, request, &RULES)?;
    if request.get("CANCELREASON").chars().count() > MAX_REASON_CHARS {
        return Err(Refusal::new(codes::TOO_LONG, "CANCELREASON 항목은 20자까지입니다."));
    }
    if request.get("CANCELREASON").contains(RESERVED) {
        let message = "CANCELREASON 항목에 사용할 수 없는 문자(^ [ ])가 있습니다.";
        return Err(Refusal::new(codes::FORBIDDEN_CHARACTER, message));
    }
    check_tax_free(request)?;
    let wanted = amount(request.get("AMOUNT")).unwrap_or_default();
    let transaction_id = request.get("TRXID").to_owned();
    let mut ledger = lock(&sandbox.ledger);
    let own = |paid: &&Transaction| paid.cpid == request.get("CPID");
    let Some(transaction) = ledger.transaction(&transaction_id).filter(own) else {
        return Err(Refusal::new(codes::NO_TRANSACTION, "원거래를 찾을 수 없습니다."));
    };
    if transaction.pay_method != request.get("PAYMETHOD") {
        let message = "원거래의 결제수단(PAYMETHOD)과 다릅니다.";
        return Err(Refusal::new(codes::OTHER_METHOD, message));
    }
    if transaction.pay_method == "BANK" {
        fields::check(strict, request, &ACCOUNT)?;
    }
    check_amount(transaction, wanted)?;
    if let Some(refusal) = scripted {
        return Err(refusal);
    }
    let now = sandbox.now();
    let tax_free = request.get("TAXFREEAMT").parse().unwrap_or_default();
    let events = events(sandbox, &ledger, transaction, (wanted, tax_free));
    keep(&mut ledger, events)?;
    let answer = wire::success(
        codes::SUCCESS_MESSAGE,
        [
            ("TRXID", transaction_id),
            ("AMOUNT", wanted.to_string()),
            ("CANCELDATE", kst(now).format("%Y%m%d%H%M%S").to_string()),
        ],
    );
    Ok(Done::answered(answer))
}

/// Whether the tax-free part, when there is one, is within the amount, and taken by the method.
fn check_tax_free(request: &Fields) -> Result<(), Refusal> {
    if request.get("TAXFREEAMT").is_empty() {
        return Ok(());
    }
    let method = request.get("PAYMETHOD");
    if WITHOUT_TAX_FREE.contains(&method) {
        return fields::wrong(&format!("{method} 취소에는 TAXFREEAMT를 사용할 수 없습니다."));
    }
    fields::check_tax_free(request, "TAXFREEAMT")
}

/// What a cancellation of `amount`, of which `tax_free` are free of tax, makes happen: itself, and its
/// notification.
pub fn events(
    sandbox: &Sandbox,
    ledger: &Ledger,
    transaction: &Transaction,
    (amount, tax_free): (u64, u64),
) -> Vec<Event> {
    let (at, transaction_id) = (sandbox.now(), transaction.id.clone());
    let mut events = vec![Event::Canceled { at, transaction_id, amount, tax_free }];
    events.extend(notice::of_cancellation(sandbox, ledger, transaction, amount));
    events
}

/// Whether so much of this payment can be cancelled.
pub fn check_amount(transaction: &Transaction, wanted: u64) -> Result<(), Refusal> {
    if wanted > transaction.amount.saturating_sub(transaction.canceled_amount) {
        let message = "취소 가능 금액을 초과했습니다.";
        return Err(Refusal::new(codes::ABOVE_THE_REST, message));
    }
    if wanted < transaction.amount && WHOLE_ONLY.contains(&transaction.pay_method.as_str()) {
        let message = "부분취소를 할 수 없는 결제수단입니다.";
        return Err(Refusal::new(codes::NO_PARTIAL_CANCEL, message));
    }
    Ok(())
}
