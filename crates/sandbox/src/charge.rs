//! `CARD-BATCH`: a charge on a billing key.
//!
//! **An ORDERNO that was charged before is charged again.** KiwoomPay is not known to refuse it
//! and offers no idempotency key, so neither does the sandbox: a double charge by the service
//! shows in the ledger as two transactions of one order, instead of being hidden by the gateway.

use uuid::Uuid;

use crate::cards::Behaviour;
use crate::exchange::{Done, keep};
use crate::fields::{self, Form, LONG_CODE, Need, Rule, amount, filled, optional, present};
use crate::ledger::{Card, Event, Ledger, Transaction};
use crate::wire::{self, Answer, Fields, Refusal};
use crate::{Sandbox, codes, lock, ready};
use kiwoom_clock::kst;

const RULES: [Rule; 15] = [
    filled("ORDERNO", 50, Form::Text),
    filled("PRODUCTTYPE", 1, Form::OneOf(&["1", "2"])),
    filled("BILLTYPE", 2, Form::OneOf(&["14", "13", "18", "1", "2"])),
    filled("AMOUNT", 10, Form::Amount),
    filled("PRODUCTNAME", 50, Form::Text),
    filled("IPADDRESS", 39, Form::Address),
    filled("USERID", 50, Form::Text),
    present("PRODUCTCODE", 10).leniently(Need::Optional, LONG_CODE),
    filled("QUOTA", 2, Form::Digits),
    filled("TAXFREECD", 2, Form::OneOf(&["00", "01", "02"])),
    filled("AUTOKEY", 20, Form::Text),
    optional("EMAIL", 100, Form::Text),
    optional("USERNAME", 50, Form::Text),
    optional("RESERVEDINDEX1", 20, Form::Text),
    optional("RESERVEDINDEX2", 20, Form::Text),
];

/// Charges a billing key.
pub fn charge(
    sandbox: &Sandbox,
    request: &Fields,
    scripted: Option<Refusal>,
) -> Result<Done, Refusal> {
    fields::check(sandbox.options.strict, request, &RULES)?;
    ready::check_cpid(request)?.check(request)?;
    fields::check_no_tax_free_amount(request)?;
    // The tax-free part of a mixed amount is in PRODUCTCODE, which is of another use otherwise.
    if request.get("TAXFREECD") == "02" {
        fields::check_tax_free(request, "PRODUCTCODE")?;
    }
    let auto_key = request.get("AUTOKEY");
    let mut ledger = lock(&sandbox.ledger);
    // A billing key belongs to the contract that it was made under.
    let own = |card: &Card| card.cpid == request.get("CPID");
    let Some((card, earlier)) = ledger.card(auto_key).filter(|(card, _)| own(card)) else {
        let message = "등록되지 않은 자동결제키(AUTOKEY)입니다.";
        return Err(Refusal::new(codes::UNKNOWN_AUTOKEY, message));
    };
    let behaviour = card.behaviour;
    // A scripted decline stands in for the issuer, whose own count it leaves alone.
    let judged_by_issuer = scripted.is_none();
    if let Err(refusal) = scripted.map_or_else(|| behaviour.judge(earlier), Err) {
        let declined = Event::Declined {
            at: sandbox.now(),
            order_no: request.get("ORDERNO").to_owned(),
            auto_key: judged_by_issuer.then(|| auto_key.to_owned()),
            code: refusal.code.clone(),
        };
        keep(&mut ledger, vec![declined])?;
        return Err(refusal);
    }
    let transaction = approve(sandbox, &ledger, request);
    let answer = approval(&transaction, auto_key);
    let charged = Some(transaction.id.clone());
    keep(&mut ledger, vec![Event::Approved(transaction)])?;
    Ok(Done { answer, answer_lost: behaviour == Behaviour::AnswerLost, charged })
}

/// A DAOUTRX that is not taken: `cMP`, the time to the second, five digits.
pub fn new_transaction_id(ledger: &Ledger, time: &str) -> String {
    let mut serial = ledger.transactions().len();
    loop {
        let id = format!("cMP{}{:05}", &time[2..], serial % 100_000);
        if ledger.transaction(&id).is_none() {
            return id;
        }
        serial += 1;
    }
}

/// An AUTHNO: eight digits, the first of them not zero.
pub fn new_auth_no() -> String {
    (10_000_000 + Uuid::new_v4().as_u128() % 90_000_000).to_string()
}

fn approve(sandbox: &Sandbox, ledger: &Ledger, request: &Fields) -> Transaction {
    let now = sandbox.now();
    let time = kst(now).format("%Y%m%d%H%M%S").to_string();
    let echoed = ["EMAIL", "USERNAME", "PRODUCTCODE", "RESERVEDINDEX1", "RESERVEDINDEX2"];
    Transaction {
        id: new_transaction_id(ledger, &time),
        auth_no: new_auth_no(),
        cpid: request.get("CPID").to_owned(),
        order_no: request.get("ORDERNO").to_owned(),
        pay_method: "CARD-BATCH".to_owned(),
        amount: amount(request.get("AMOUNT")).unwrap_or_default(),
        tax_free_amount: fields::tax_free(request, "PRODUCTCODE"),
        canceled_amount: 0,
        canceled_tax_free: 0,
        canceled_at: None,
        product_name: request.get("PRODUCTNAME").to_owned(),
        user_id: request.get("USERID").to_owned(),
        approved_at: now,
        auto_key: Some(request.get("AUTOKEY").to_owned()),
        echo: echoed.iter().map(|&name| (name.into(), request.get(name).into())).collect(),
    }
}

fn approval(transaction: &Transaction, auto_key: &str) -> Answer {
    let time = kst(transaction.approved_at).format("%Y%m%d%H%M%S").to_string();
    wire::success(
        codes::SUCCESS_MESSAGE,
        [
            ("DAOUTRX", transaction.id.clone()),
            ("AUTHNO", transaction.auth_no.clone()),
            ("AUTHDATE", time),
            ("AUTOKEY", auto_key.to_owned()),
            ("AMOUNT", transaction.amount.to_string()),
            ("ORDERNO", transaction.order_no.clone()),
            ("PAYMETHOD", transaction.pay_method.clone()),
            ("CPNAME", "샌드박스 가맹점".to_owned()),
            ("CPURL", "http://localhost".to_owned()),
            ("CPTELNO", "0200000000".to_owned()),
        ],
    )
}
