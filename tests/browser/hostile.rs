//! Texts that would be code if any page took them for code, in every field that a page shows: they
//! stay texts, and nothing runs.

use serde_json::{Value, json};

use crate::shop::{Display, Shop};

/// What code would have to do to be seen: set a flag, or ask for a dialog, which fails whatever the
/// test does next. At most 50 bytes, as long as a product's name may be.
const TEXTS: [&str; 22] = [
    "<script>ran=1</script>",
    "</script><script>ran=1</script>",
    "</title></head><script>ran=1</script>",
    "</textarea></style><script>ran=1</script>",
    "<img src=x onerror=ran=1>",
    "<svg onload=ran=1>",
    "<svg/onload=ran=1//",
    "\"><img src=x onerror=ran=1>",
    "'><img src=x onerror=ran=1>",
    "\" onfocus=ran=1 autofocus x=\"",
    "' onmouseover=ran=1 style='width:9999px' x='",
    "` onclick=ran=1 x=`",
    "javascript:ran=1",
    "<a href=javascript:ran=1>누르세요</a>",
    "<iframe srcdoc='<script>parent.ran=1</script>'>",
    "<base href=//evil.example><b>굵게</b>",
    "<!--<script>ran=1</script>-->",
    "{{7*7}}${ran=1}#{ran=1}<%=ran=1%>",
    "\\u003cscript\\u003eran=1\\u003c/script\\u003e",
    "&lt;script&gt;ran=1&lt;/script&gt;&amp;",
    "상품 \"'<b>굵게</b>'\" 한글",
    "];ran=1;//\\\";ran=1;//",
];

/// Bytes that are no text: a half character in front of a quote, no character at all, nothing.
const BYTES: [&str; 6] = [
    "%B0%22%3E%3Cscript%3Eran=1%3C/script%3E",
    "%C1%27%20onerror=ran=1%20x=",
    "%FF%FE%3Cimg%20src=x%20onerror=ran=1%3E",
    "%00%3Cscript%3Eran=1%3C/script%3E",
    "%E2%80%AE%3Csvg%20onload=ran=1%3E",
    "%0D%0A%0D%0A%3Cscript%3Eran=1%3C/script%3E",
];

impl Shop {
    /// Nothing ran, and nothing became an element or an attribute that pages do not have.
    async fn ran_nothing(&self, what: &str) {
        let script = "const made = 'iframe[srcdoc], base, b, svg, img, [onerror], [onload], \
            [onfocus], [onclick], [onmouseover], [autofocus], [style*=\"9999px\"], \
            a[href^=\"javascript:\"]';
            const scripts = [...document.scripts].filter(s => /ran=1/.test(s.textContent));
            return [window.ran ?? null, document.querySelector(made)?.outerHTML ?? null,
              scripts.length, window.parent === window ? null : window.parent.ran ?? null]";
        let found = self.browser.run(script).await;
        assert_eq!(found, json!([null, null, 0, null]), "{what}");
    }

    /// A request of the page to its own origin; the answer's JSON.
    async fn calls(&self, path: &str, content_type: &str, body: &Value) -> Value {
        let script = format!(
            "return (async () => (await fetch({path}, {{ method: 'POST', \
             headers: {{ 'Content-Type': {kind} }}, body: {body} }})).json())()",
            path = json!(path),
            kind = json!(content_type),
            body = json!(body.to_string()),
        );
        self.browser.run(&script).await
    }

    /// What a merchant of its own making posts to open the window, with the text in each field.
    async fn opens_window(&self, n: usize, text: &str) {
        let script = format!(
            "const text = {text};
             const order = {{ CPID: 'CTSANDBOX', PAYMETHOD: 'KAKAOPAY', TYPE: 'P',
               ORDERNO: text.slice(0, 45) + {n}, AMOUNT: '9900' }};
             const ascii = s => s.replace(/[^ -~]/g, c => '\\\\u' +
               c.charCodeAt(0).toString(16).padStart(4, '0'));
             const headers = {{ 'Content-Type': 'application/json;charset=EUC-KR' }};
             const init = {{ method: 'POST', headers, body: ascii(JSON.stringify(order)) }};
             const answer = await (await fetch('/sandbox/pay/hash', init)).json();
             KiwoomPaySDK.f_setInit('DEV', 'FRAME');
             KiwoomPaySDK.f_payTotalLink({{ ...order, KIWOOM_ENC: answer.KIWOOM_ENC,
               PRODUCTTYPE: '1', PRODUCTNAME: text, USERNAME: text, USERID: text, EMAIL: text,
               RESERVEDSTRING: text, HOMEURL: location.href }});",
            text = json!(text),
        );
        self.browser.run(&format!("return (async () => {{ {script} }})()")).await;
        self.go_into_window(Display::Frame).await;
    }
}

#[tokio::test]
async fn hostile_texts_stay_texts_in_the_window_the_receipts_and_the_sandbox() {
    let shop = Shop::open().await;
    let mut tried = 0;
    for (n, text) in TEXTS.into_iter().enumerate() {
        shop.opens_window(n, text).await;
        shop.browser.sees(text).await;
        shop.ran_nothing(text).await;
        shop.browser.click("button[value=pay]").await;
        shop.browser.sees("결제가 완료되었습니다").await;
        shop.ran_nothing(text).await;
        shop.browser.leave_frame().await;
        shop.ran_nothing(text).await;
        shop.browser.run("KiwoomPaySDK.f_close()").await;
        tried += 6;
    }
    let ledger = shop.app.ledger().await;
    assert_eq!(ledger.len(), TEXTS.len());
    for (paid, text) in ledger.iter().zip(TEXTS) {
        let id = paid["transactionId"].as_str().unwrap();
        let page = format!("{}/sandbox/common/PayInfoPrintKakaoPay.jsp?DAOUTRX={id}", shop.base);
        shop.browser.open(&page).await;
        shop.browser.sees(text).await;
        shop.browser.sees(paid["orderNo"].as_str().unwrap()).await;
        shop.ran_nothing(text).await;
        tried += 2;
    }
    // Faults that wait, too: their words are the developer's own.
    for text in TEXTS {
        let fault = json!({"on": "READY", "kind": "decline", "code": text, "message": text});
        shop.calls("/sandbox/faults", "application/json", &fault).await;
        let fault = json!({"on": "READY", "kind": "bad_return_url", "url": text});
        shop.calls("/sandbox/faults", "application/json", &fault).await;
        tried += 3;
    }
    shop.browser.open(&format!("{}/sandbox", shop.base)).await;
    for text in TEXTS {
        shop.browser.sees(text).await;
    }
    shop.ran_nothing("the sandbox's page").await;
    // There each is a product, the order's number, and the same once more in a notification.
    tried += 3 * TEXTS.len();
    assert_eq!(tried, 14 * TEXTS.len());
    shop.open_example().await;
    shop.close().await;
}

/// What the service says of a subscription and of an event: every text that the page shows.
#[tokio::test]
async fn hostile_texts_of_the_service_stay_texts_in_the_sandbox() {
    let shop = Shop::open().await;
    shop.browser.open(&format!("{}/sandbox", shop.base)).await;
    shop.browser.until("document.querySelector('#events p.empty')").await;
    for text in TEXTS {
        let item = json!({"id": text, "status": text, "customerId": text, "productName": text,
            "amount": text, "nextCharge": {"date": text}, "type": text, "timestamp": text});
        let answer = json!({"success": true, "data": {"items": [item]}});
        let refusal = json!({"success": false, "error": {"message": text}});
        for answer in [answer, refusal] {
            let script = format!(
                "window.fetch = async () => Response.json({answer}); \
                 document.getElementById('events').replaceChildren(); \
                 document.dispatchEvent(new Event('sandbox:changed'))"
            );
            shop.browser.run(&script).await;
            let shown = format!(
                "['subscriptions', 'events'].every(id => document.getElementById(id)\
                 .textContent.includes({}))",
                json!(text)
            );
            shop.browser.until(&shown).await;
            shop.ran_nothing(text).await;
        }
    }
    shop.close().await;
}

#[tokio::test]
async fn hostile_texts_stay_texts_on_the_example_page() {
    let shop = Shop::open().await;
    let mut tried = 0;
    for text in TEXTS {
        // The fields of the form: what it sends, and what comes back, is shown beside it.
        let fields = ["orderId", "amount", "productName", "customerName"];
        for field in fields {
            let script = format!("document.forms.order.{field}.value = {}", json!(text));
            shop.browser.run(&script).await;
        }
        shop.browser.click("#pay").await;
        shop.browser.until("document.querySelectorAll('.problem').length >= 1").await;
        let shown = format!(
            "JSON.parse(document.querySelector('#exchange pre').textContent).productName === {}",
            json!(text)
        );
        shop.browser.until(&shown).await;
        shop.ran_nothing(text).await;
        tried += fields.len();
    }
    // What a tab kept of an order is read back: every text of it.
    for text in TEXTS {
        let entry = json!({"what": text, "about": text, "line": text, "sent": text, "received": text,
            "status": text, "times": 2, "at": 0, "until": 0});
        let kept = json!({"order": {"orderId": text}, "entries": [entry]});
        let script = format!("sessionStorage.setItem(KEPT, {})", json!(kept.to_string()));
        shop.browser.run(&script).await;
        shop.open_example().await;
        shop.browser.click("#exchange summary").await;
        shop.browser.sees(text).await;
        shop.ran_nothing(text).await;
        tried += 6;
    }
    // What the service says of an order: the gateway's words for a failure, and each other field.
    for text in TEXTS {
        let order = json!({"status": "failed", "failure": {"message": text}, "method": text,
            "transactionId": text, "paidAmount": text, "canceledAmount": text});
        let script = format!("$('status').dataset.status = ''; render({order})");
        shop.browser.run(&script).await;
        shop.browser.sees(text).await;
        shop.ran_nothing(text).await;
        let error = json!({"message": text, "details": [{"field": text, "reason": text},
            {"field": "amount", "reason": text}]});
        shop.browser.run(&format!("showProblems({error})")).await;
        shop.browser.sees(text).await;
        shop.ran_nothing(text).await;
        tried += 9;
    }
    assert_eq!(tried, 19 * TEXTS.len());
    shop.close_after_refusals(&["400"]).await;
}

#[tokio::test]
async fn hostile_queries_do_nothing_on_any_page() {
    let shop = Shop::open().await;
    let pages = [
        ("/easypay/return?result=", "결제창에서 돌아왔습니다."),
        ("/easypay/return?result=paid&orderId=", "결제 요청을 마쳤습니다."),
        ("/easypay/sdk-example?orderId=", "간편결제 연동 예제"),
        ("/sandbox?q=", "키움페이 샌드박스"),
        ("/sandbox/common/PayInfoPrint.jsp?CPID=CTSANDBOX&DAOUTRX=", "전표가 없습니다"),
        ("/sandbox/common/PayInfoPrintDirectCard.jsp?STATUS=A&DAOUTRX=", "전표가 없습니다"),
        ("/docs/?url=", "/easypay/prepare"),
        ("/docs/?configUrl=", "/easypay/prepare"),
    ];
    let texts: Vec<String> = TEXTS.into_iter().map(escaped).collect();
    let mut tried = 0;
    for (page, shown) in pages {
        // The documentation takes seconds to load.
        let step = if page.starts_with("/docs") { 7 } else { 1 };
        let all = texts.iter().map(String::as_str).chain(BYTES);
        for text in all.step_by(step) {
            shop.browser.open(&format!("{}{page}{text}#{text}", shop.base)).await;
            shop.browser.sees(shown).await;
            let script = "return window.ran ?? null";
            assert_eq!(shop.browser.run(script).await, Value::Null, "{page}{text}");
            if !page.starts_with("/docs") {
                shop.ran_nothing(text).await;
            }
            tried += 1;
        }
    }
    assert_eq!(tried, 6 * 28 + 2 * 4);
    shop.open_example().await;
    shop.close_after_refusals(&["404"]).await;
}

/// A window that a merchant opened with broken bytes says no, or shows them as text.
#[tokio::test]
async fn hostile_refusals_stay_texts_in_the_window() {
    let shop = Shop::open().await;
    for text in TEXTS {
        // Eight fields and the name of one. An unknown method is named in the refusal.
        let script = format!(
            "KiwoomPaySDK.f_setInit('DEV', 'FRAME'); KiwoomPaySDK.f_payTotalLink({})",
            json!({"CPID": text, "PAYMETHOD": text, "TYPE": text, "ORDERNO": text, "AMOUNT": text,
                "KIWOOM_ENC": text, "HOMEURL": text, text: text}),
        );
        shop.browser.run(&script).await;
        shop.go_into_window(Display::Frame).await;
        shop.browser.sees("결제할 수 없습니다").await;
        shop.ran_nothing(text).await;
        shop.browser.leave_frame().await;
        shop.browser.run("KiwoomPaySDK.f_close()").await;
    }
    shop.close().await;
}

fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
