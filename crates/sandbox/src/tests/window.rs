//! The hosted window, from the hash to the return of the browser.

use serde_json::json;

use crate::CPID;
use crate::tests::api::{cancel, with};
use crate::tests::merchant::Merchant;

#[tokio::test]
async fn a_buyer_pays_and_the_merchant_is_told_before_the_browser_is_back() {
    let shop = Merchant::open().await;
    let fields = shop.fields("w-1", "15000").await;
    let page = shop.post("/pay/linkEnc", &fields).await.text().await.expect("a page");
    assert!(page.contains("도자기 &lt;컵&gt;") && page.contains("15,000원"), "{page}");
    assert!(page.contains("카카오페이") && page.contains("계좌이체") && !page.contains("페이코"));
    assert!(!page.contains(" style=") && !page.contains("onclick"));

    let window = shop.window(&fields).await;
    let pay = json!({ "action": "pay", "METHOD": "KAKAOPAY" });
    let done = shop.post(&window, &pay).await;
    assert_eq!(done.status(), 303);
    assert_eq!(done.headers()["location"], "http://shop.example/ok?a=1");
    let again = shop.post(&window, &pay).await;
    assert_eq!(again.status(), 410);

    let notices = shop.notices.lock().expect("not poisoned").clone();
    assert_eq!(notices.len(), 1);
    let paid = &shop.at.transactions().await[0];
    for (name, value) in [
        ("PAYMETHOD", "KAKAOPAY"),
        ("CPID", CPID),
        ("ORDERNO", "w-1"),
        ("AMOUNT", "15000"),
        ("PRODUCTNAME", "도자기 <컵>"),
        ("USERNAME", "홍길동"),
        ("RESERVEDSTRING", "되돌려 주세요"),
        ("DAOUTRX", paid["transactionId"].as_str().expect("an id")),
        ("shop", "1"),
    ] {
        assert_eq!(notices[0][name], value);
    }
    assert_eq!(notices[0]["SETTDATE"].len(), 14);
    assert_eq!((&paid["payMethod"], &paid["amount"]), (&json!("KAKAOPAY"), &json!(15000)));
}

#[tokio::test]
async fn a_changed_value_does_not_match_the_hash() {
    let shop = Merchant::open().await;
    let fields = shop.fields("w-1", "15000").await;
    let hash = fields["KIWOOM_ENC"].as_str().expect("a hash");
    for change in [
        json!({ "AMOUNT": "1500" }),
        json!({ "ORDERNO": "w-2" }),
        json!({ "PAYMETHOD": "KAKAOPAY" }),
        json!({ "TYPE": "M" }),
        json!({ "KIWOOM_ENC": hash.replace(['0', '1', '2'], "3") }),
        json!({ "KIWOOM_ENC": "가" }),
    ] {
        let answer = shop.post("/pay/linkEnc", &with(fields.clone(), change.clone())).await;
        let page = answer.text().await.expect("a page");
        assert!(page.contains("9401") && !page.contains("action="), "{change}");
    }
    let script = with(fields.clone(), json!({ "HOMEURL": "javascript:alert(1)" }));
    let page = shop.post("/pay/linkEnc", &script).await.text().await.expect("a page");
    assert!(page.contains("9014") && !page.contains("alert(1)"));
    // What the hash does not bind may change, and each hash is a fresh one.
    let other = shop.fields("w-1", "15000").await;
    assert_ne!(other["KIWOOM_ENC"], fields["KIWOOM_ENC"]);
    shop.window(&with(other, json!({ "PRODUCTNAME": "다른 상품" }))).await;
}

#[tokio::test]
async fn a_window_that_no_contract_opens_is_refused() {
    let shop = Merchant::open().await;
    let fields = shop.fields("w-1", "15000").await;
    for change in [
        json!({ "TAXFREEAMT": "1000" }),
        json!({ "TAXFREECD": "01" }),
        json!({ "TAXFREECD": "02", "SVCCDIN": "CARD", "TELNO2": "15001" }),
        json!({ "TAXFREECD": "02", "SVCCDIN": "KAKAOPAY", "TELNO2": "1000" }),
        json!({ "CASHRECEIPTFLAG": "Y" }),
        json!({ "CPQUOTA": "0:2" }),
    ] {
        let answer = shop.post("/pay/linkEnc", &with(fields.clone(), change.clone())).await;
        let page = answer.text().await.expect("a page");
        assert!(page.contains("9014") && !page.contains("action="), "{change}");
    }
    let mixed = json!({ "TAXFREECD": "02", "SVCCDIN": "KAKAOPAY", "FREEAMT": "1000" });
    shop.window(&with(fields.clone(), mixed)).await;
    let shown = with(fields, json!({ "SVCCDIN": "PAYCO,KAKAOPAY" }));
    let page = shop.post("/pay/linkEnc", &shown).await.text().await.expect("a page");
    assert_eq!(page.matches("TYPE=M").count(), 1, "{page}");
}

#[tokio::test]
async fn failing_and_closing_lead_elsewhere_and_pay_nothing() {
    let shop = Merchant::open().await;
    for (action, address) in [("fail", "fail"), ("close", "closed")] {
        let window = shop.window(&shop.fields("w-1", "15000").await).await;
        let unknown = shop.post(&window, &json!({ "action": "pay", "METHOD": "CARD" })).await;
        assert_eq!(unknown.status(), 400);
        let done = shop.post(&window, &json!({ "action": action })).await;
        let location = done.headers()["location"].to_str().expect("ASCII");
        assert_eq!(location, format!("http://shop.example/{address}"));
    }
    let changes = json!({ "DIRECTRESULTFLAG": "N", "CLOSEURL": "" });
    let fields = with(shop.fields("w-1", "15000").await, changes);
    let done = shop.post(&shop.window(&fields).await, &json!({ "action": "fail" })).await;
    let page = done.text().await.expect("a page");
    assert!(page.contains("href=\"http://shop.example/fail\""), "{page}");
    let done = shop.post(&shop.window(&fields).await, &json!({ "action": "close" })).await;
    assert!(done.text().await.expect("a page").contains("data-close"));
    let korean =
        with(fields, json!({ "CLOSEURL": "http://shop.example/닫힘", "DIRECTRESULTFLAG": "Y" }));
    let done = shop.post(&shop.window(&korean).await, &json!({ "action": "close" })).await;
    assert_eq!(done.headers()["location"], "http://shop.example/%EB%8B%AB%ED%9E%98");
    assert!(shop.at.transactions().await.is_empty() && shop.heard().is_empty());
}

#[tokio::test]
async fn window_payments_are_cancelled_by_their_own_method() {
    let shop = Merchant::open().await;
    let kakao = json!(shop.pay("w-1", "15000", "KAKAOPAY").await);
    let bank = json!(shop.pay("w-2", "15000", "BANK").await);
    let with_part = |body| with(body, json!({ "TAXFREEAMT": "1000" }));
    let gateway = shop.at.gateway();
    let account = json!({ "BANKCODE": "20", "ACCOUNTNO": "11012345678901" });
    for (body, code) in [
        (cancel("KAKAOPAY", &kakao, "5000"), "0000"),
        (cancel("KAKAOPAY", &kakao, "10001"), "9201"),
        (cancel("CARD", &kakao, "5000"), "9203"),
        (with_part(cancel("KAKAOPAY", &kakao, "5000")), "9014"),
        (with(cancel("BANK", &bank, "5000"), account.clone()), "9204"),
        (with(cancel("BANK", &bank, "15000"), account), "0000"),
    ] {
        let answer = gateway.exchange(&body).await.expect("an answer");
        assert_eq!(answer["RESULTCODE"], code, "{body}");
    }
    shop.at.sandbox.run_due().await;
    let expected = ["KAKAOPAY 15000", "BANK 15000", "KAKAOCANCEL 5000", "BANK_CANCEL 15000"];
    assert_eq!(shop.heard(), expected);
}

#[tokio::test]
async fn the_scripts_are_served() {
    let shop = Merchant::open().await;
    let sdk = shop.at.get("/sdk.js").await;
    let sdk = sdk.as_str().expect("a script");
    assert!(sdk.contains("f_setInit") && sdk.contains("f_payTotalLink"));
    assert!(shop.at.get("/window.js").await.as_str().is_some_and(|text| text.contains("close")));
}

#[tokio::test]
async fn a_receipt_shows_the_payment_and_its_cancellation() {
    let shop = Merchant::open().await;
    let id = shop.pay("w-1", "15000", "KAKAOPAY").await;
    let path = |page: &str, query: &str| format!("/common/{page}.jsp?{query}DAOUTRX={id}");
    let receipt = shop.at.get(&path("PayInfoPrintKakaoPay", "")).await;
    let receipt = receipt.as_str().expect("a page");
    for text in ["도자기 &lt;컵&gt;", "15,000원", "w-1", &id, "카카오페이", "승인 시각"]
    {
        assert!(receipt.contains(text), "{text}: {receipt}");
    }
    assert!(!receipt.contains("취소"), "{receipt}");

    let bank = shop.pay("w-2", "15000", "BANK").await;
    let receipt = format!("/common/PayInfoPrintBank.jsp?DAOUTRX={bank}&STATUS=A");
    let receipt = shop.at.get(&receipt).await;
    assert!(receipt.as_str().is_some_and(|page| page.contains("계좌이체")), "{receipt}");

    let gateway = shop.at.gateway();
    let answer = gateway.exchange(&cancel("KAKAOPAY", &json!(id), "5000")).await;
    assert_eq!(answer.expect("an answer")["RESULTCODE"], "0000");
    let any = path("PayInfoPrint", &format!("CPID={CPID}&"));
    let receipt = shop.at.get(&any).await;
    let receipt = receipt.as_str().expect("a page");
    for text in ["부분 취소", "취소 시각", "5,000원", "10,000원"] {
        assert!(receipt.contains(text), "{text}: {receipt}");
    }
    for missing in [
        path("PayInfoPrintNaverPay", "").as_str(),
        path("PayInfoPrint", "CPID=CTOTHER&").as_str(),
        path("PayInfoPrintPayco", "").as_str(),
        "/common/PayInfoPrintKakaoPay.jsp?DAOUTRX=1",
        "/common/PayInfoPrintKakaoPay.jsp",
    ] {
        let answer = shop.at.http.get(format!("{}{missing}", shop.at.base)).send().await;
        assert_eq!(answer.expect("an answer").status(), 404, "{missing}");
    }
}
