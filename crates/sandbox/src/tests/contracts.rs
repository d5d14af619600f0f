//! Several contracts: each CPID with its own key, and what each of them refuses.

use serde_json::{Value, json};

use crate::CONTRACTS;
use crate::tests::TestSandbox;
use crate::tests::api::{Gateway, batch, cancel, keygen, with};
use crate::tests::merchant::Merchant;

const CARD: &str = "4111111111111111";

/// The merchant's end of the contract with this CPID.
fn under<'a>(at: &'a TestSandbox, cpid: &str) -> Gateway<'a> {
    let contract = CONTRACTS.iter().find(|contract| contract.cpid == cpid).expect("a contract");
    Gateway { at, key: contract.auth_key.to_owned() }
}

/// RESULTCODE of both steps together, whichever says no.
async fn code(gateway: &Gateway<'_>, body: &Value) -> String {
    let mut first = json!({ "CPID": body["CPID"], "PAYMETHOD": body["PAYMETHOD"] });
    if body["CANCELREQ"] == "Y" {
        first["CANCELREQ"] = json!("Y");
    }
    let answer = match gateway.ready(first).await {
        Ok((url, token)) => gateway.send(&url, &token, body).await.expect("an answer"),
        Err(refused) => refused,
    };
    answer["RESULTCODE"].as_str().expect("a code").to_owned()
}

#[tokio::test]
async fn a_key_opens_its_own_cpid_and_a_contract_what_it_has() {
    let at = TestSandbox::start().await;
    let cases = [
        ("CTSANDBOX", json!({}), "0000"),
        ("CTSANDBOX", json!({ "CPID": "CTNOBODY" }), "9101"),
        ("CTSANDBOX", json!({ "CPID": "CTSANDBOXCARD" }), "FAIL"),
        ("CTSANDBOX", json!({ "PRODUCTTYPE": "2" }), "9104"),
        ("CTSANDBOX", json!({ "BILLTYPE": "18" }), "9103"),
        ("CTSANDBOXCARD", json!({ "CPID": "CTSANDBOXCARD" }), "9103"),
        (
            "CTSANDBOXCARD",
            json!({ "CPID": "CTSANDBOXCARD", "BILLTYPE": "18" }),
            // Birth date and PIN are not asked for under 18.
            "9014",
        ),
        (
            "CTSANDBOXCARD",
            json!({ "CPID": "CTSANDBOXCARD", "BILLTYPE": "18", "CARDAUTH": null,
                "CARDPASSWORD": null }),
            "0000",
        ),
        ("CTSANDBOXWINDOW", json!({ "CPID": "CTSANDBOXWINDOW" }), "FAIL"),
        ("CTSANDBOXGOODS", json!({ "CPID": "CTSANDBOXGOODS", "BILLTYPE": "13" }), "9104"),
        (
            "CTSANDBOXGOODS",
            json!({ "CPID": "CTSANDBOXGOODS", "BILLTYPE": "13", "PRODUCTTYPE": "2" }),
            "0000",
        ),
        (
            "CTSANDBOXGOODS",
            json!({ "CPID": "CTSANDBOXGOODS", "BILLTYPE": "13", "PRODUCTTYPE": "2",
                "CARDAUTH": "" }),
            "2044",
        ),
    ];
    for (cpid, changes, expected) in cases {
        let body = with(keygen(CARD), changes.clone());
        assert_eq!(code(&under(&at, cpid), &body).await, expected, "{cpid} {changes}");
    }
}

#[tokio::test]
async fn a_billing_key_and_a_payment_belong_to_the_contract_they_were_made_under() {
    let at = TestSandbox::start().await;
    let ours = under(&at, "CTSANDBOX");
    let auto_key = ours.register(CARD).await;
    let paid = ours.charge(&auto_key, "o-1").await.expect("an answer");
    let goods = under(&at, "CTSANDBOXGOODS");
    let as_goods = json!({ "CPID": "CTSANDBOXGOODS", "BILLTYPE": "13", "PRODUCTTYPE": "2" });
    let foreign = with(batch(&auto_key, "o-2", "9900"), as_goods);
    assert_eq!(code(&goods, &foreign).await, "9131");
    let body = cancel("CARD-BATCH", &paid["DAOUTRX"], "9900");
    let other = with(body.clone(), json!({ "CPID": "CTSANDBOXGOODS" }));
    assert_eq!(code(&goods, &other).await, "9202");
    assert_eq!(code(&ours, &body).await, "0000");
    // Only what the contract taxes.
    let cards = under(&at, "CTSANDBOXCARD");
    let changes = json!({ "CPID": "CTSANDBOXCARD", "BILLTYPE": "18", "CARDAUTH": null, "CARDPASSWORD": null });
    let answer = cards.exchange(&with(keygen(CARD), changes)).await.expect("an answer");
    let auto_key = answer["AUTOKEY"].as_str().expect("a key");
    let taxed = json!({ "CPID": "CTSANDBOXCARD", "BILLTYPE": "18" });
    let tax_free = with(batch(auto_key, "o-3", "9900"), taxed.clone());
    let tax_free = with(tax_free, json!({ "TAXFREECD": "01" }));
    assert_eq!(code(&cards, &tax_free).await, "9104");
    assert_eq!(code(&cards, &with(batch(auto_key, "o-3", "9900"), taxed)).await, "0000");
    let cpids: Vec<_> = at.transactions().await.iter().map(|paid| paid["cpid"].clone()).collect();
    assert_eq!(cpids, ["CTSANDBOX", "CTSANDBOXCARD"]);
}

#[tokio::test]
async fn each_method_is_cancelled_by_the_name_it_has_then() {
    let shop = Merchant::open().await;
    let gateway = shop.at.gateway();
    let card_k = json!(shop.pay("w-1", "15000", "CARDK").await);
    let foreign = json!(shop.pay("w-2", "15000", "FOREIGNCARD").await);
    let bank = json!(shop.pay("w-3", "15000", "BANK").await);
    let account = json!({ "BANKCODE": "20", "ACCOUNTNO": "11012345678901" });
    let reason = |text: &str| json!({ "CANCELREASON": text });
    for (body, expected) in [
        (cancel("CARD", &card_k, "5000"), "9203"),
        (cancel("CARDK", &card_k, "5000"), "0000"),
        (cancel("FOREIGNCARD", &foreign, "5000"), "0000"),
        (cancel("BANK", &bank, "15000"), "9012"),
        (with(cancel("BANK", &bank, "15000"), account), "0000"),
        (with(cancel("CARDK", &card_k, "1000"), reason("[STOPREQ]환불")), "9011"),
        (with(cancel("CARDK", &card_k, "1000"), reason("환불^1")), "9011"),
        (with(cancel("CARDK", &card_k, "1000"), reason("환불|1")), "9011"),
    ] {
        assert_eq!(code(&gateway, &body).await, expected, "{body}");
    }
    shop.at.sandbox.run_due().await;
    let expected = [
        "CARD 15000",
        "FOREIGNCARD 15000",
        "BANK 15000",
        "CARD_CANCEL 5000",
        "FCARD_CANCEL 5000",
        "BANK_CANCEL 15000",
    ];
    assert_eq!(shop.heard(), expected);
}
