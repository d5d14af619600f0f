//! Where step 2 goes, with the merchant's key and the card: to KiwoomPay or nowhere. And where a
//! browser is sent.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Reply, TestApp, card, one_off};
use crate::support::gateway::{Answer, Gateway, Nobody};
use crate::support::window::original;

const CARD: &str = "4111111111111111";

/// RETURNURLs that lead elsewhere, or to who knows where. `{G}` is the gateway that was set, `{N}`
/// the port of somebody else on this machine.
const ELSEWHERE: [&str; 57] = [
    // Somebody else.
    "http://127.0.0.1:{N}/pay/process",
    "https://127.0.0.1:{N}/pay/process",
    "http://localhost:{N}/pay/process",
    "http://LOCALHOST:{N}/pay/process",
    "http://localhost.:{N}/pay/process",
    "http://[::1]:{N}/pay/process",
    "http://[0:0:0:0:0:0:0:1]:{N}/",
    "http://[::ffff:127.0.0.1]:{N}/",
    "http://[::ffff:7f00:1]:{N}/",
    // 127.0.0.1, as a number, with fewer parts, in octal and hexadecimal, escaped, in other digits.
    "http://2130706433:{N}/",
    "http://127.1:{N}/",
    "http://0177.0.0.1:{N}/",
    "http://0x7f.0.0.1:{N}/",
    "http://0x7f000001:{N}/",
    "http://%31%32%37.0.0.1:{N}/",
    "http://%6cocalhost:{N}/",
    "http://127。0。0。1:{N}/",
    "http://ⓛocalhost:{N}/",
    "http://0.0.0.0:{N}/",
    // The gateway's own address, in front of another one.
    "http://{G}@127.0.0.1:{N}/",
    "http://{G}:x@127.0.0.1:{N}/",
    "http://{G}%40127.0.0.1:{N}/",
    "http://127.0.0.1:{N}#@{G}/",
    "http://127.0.0.1:{N}/@{G}/pay/process",
    "http://127.0.0.1:{N}?http://{G}/",
    "http://127.0.0.1:{N}\\@{G}/",
    "http://{G}\\@127.0.0.1:{N}/",
    "http://127.0.0.1:{N}\\.{G}/",
    "http:\\\\127.0.0.1:{N}\\",
    "http:/127.0.0.1:{N}/",
    "http:127.0.0.1:{N}/",
    "http:///127.0.0.1:{N}/",
    "//127.0.0.1:{N}/",
    "///127.0.0.1:{N}/",
    "\\\\127.0.0.1:{N}\\",
    "ht\ttp://127.0.0.1:{N}/",
    "http://127.0.0.1:\n{N}/",
    "\u{1}http://127.0.0.1:{N}/",
    "http://127.0.0.1:{N}/\r\nHost: x",
    // The gateway itself, but not as it is written: with user-info, another scheme, escaped.
    "http://user@{G}/pay/process",
    "http://user:pass@{G}/pay/process",
    "http://@{G}/pay/process",
    "http://:@{G}/pay/process",
    "https://{G}/pay/process",
    "ftp://{G}/pay/process",
    "http:\\\\{G}\\pay\\process",
    "http:/{G}/pay/process",
    // No address.
    "/pay/process",
    "pay/process",
    "",
    " ",
    "null",
    "about:blank",
    "data:application/json,{}",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "blob:http://{G}/x",
];

const STATUSES: [u16; 6] = [300, 301, 302, 303, 307, 308];

/// Calls that need the gateway, each of which would move something.
fn calls(key: &str, paid: &Value) -> [(&'static str, Value); 3] {
    let refund = json!({"paymentId": paid["id"], "amount": 100});
    [("/billing/pay", one_off(key)), ("/billing/refund", refund), ("/billing/register", card(CARD))]
}

async fn unmoved(app: &TestApp, what: &str, (path, body): (&str, &Value)) -> Reply {
    let reply = app.post(path, body).await;
    assert_eq!(reply.status, 502, "{what:?} {path}: {}", reply.text);
    reply.fails(502, "gateway_unavailable");
    reply
}

/// Rows of what could have been charged, given back or kept.
async fn rows(app: &TestApp) -> (i64, i64, i64, i64) {
    let counts = "select (select count(*) from payments), (select count(*) from refunds),
        (select count(*) from billing_keys),
        (select count(*) from payments where state = 'unknown')";
    sqlx::query_as(counts).fetch_one(&app.service.ctx.pool).await.unwrap()
}

async fn with_gateway() -> (TestApp, Gateway) {
    let gateway = Gateway::start().await;
    let settings = gateway.settings();
    let settings: Vec<_> = settings.iter().map(|(k, v)| (*k, v.as_str())).collect();
    (TestApp::with(&settings).await, gateway)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_url_that_leads_elsewhere_is_never_called_and_nothing_is_charged() {
    let (app, gateway) = with_gateway().await;
    let nobody = Nobody::comes().await;
    let key = app.register(CARD).await;
    let paid = app.pay(&key).await.data(200);
    let (before, sent) = (rows(&app).await, gateway.sent());
    let long = format!("http://{}/pay/process?{}", gateway.address, "x".repeat(70_000));
    let hostile = ELSEWHERE.iter().map(|url| (*url).to_owned()).chain([long]);
    let mut tried = 0;
    for url in hostile {
        let port = nobody.port.to_string();
        let url = url.replace("{G}", &gateway.address.to_string()).replace("{N}", &port);
        gateway.returns_to(&url);
        for (path, body) in calls(&key, &paid) {
            unmoved(&app, &url, (path, &body)).await;
            tried += 1;
        }
    }
    assert_eq!(tried, 3 * 58);
    assert_eq!((nobody.came(), gateway.sent(), rows(&app).await), (0, sent, before));
    assert_eq!(app.ready().await["unknownOutcomes"], 0);
    // The same calls, once the gateway says where it is.
    gateway.says("ready", None);
    let written = format!("HTTP://{}/pay/process?a=b#c", gateway.address);
    gateway.returns_to(&written);
    app.pay(&key).await.data(200);
    assert_eq!((nobody.came(), gateway.sent()), (0, sent + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_redirects_is_not_followed() {
    let (app, gateway) = with_gateway().await;
    let nobody = Nobody::comes().await;
    let key = app.register(CARD).await;
    let paid = app.pay(&key).await.data(200);
    let (before, sent) = (rows(&app).await, gateway.sent());
    let ways = |nobody: &Nobody| {
        let at = format!("127.0.0.1:{}/pay/process", nobody.port);
        [format!("http://{at}"), format!("//{at}"), format!("http://{}@{at}", gateway.address)]
    };
    let mut tried = 0;
    for status in STATUSES {
        for location in ways(&nobody) {
            for step in ["ready", "hash"] {
                gateway.says(step, Some(Answer::redirect(status, &location)));
            }
            let order = ("/easypay/prepare", original());
            let calls: Vec<_> = calls(&key, &paid).into_iter().chain([order]).collect();
            // Each is tried three times, with a pause: at once.
            let each = calls.iter().map(|(path, body)| unmoved(&app, &location, (path, body)));
            tried += join_all(each).await.len();
        }
    }
    assert_eq!(tried, 72);
    assert_eq!((nobody.came(), gateway.sent(), rows(&app).await), (0, sent, before));
    gateway.says("ready", None);
    // Step 2 has reached the gateway then: nobody knows what it did, and it is not sent again.
    for (n, status) in STATUSES.into_iter().enumerate() {
        let location = ways(&nobody)[n % 3].clone();
        gateway.says("process", Some(Answer::redirect(status, &location)));
        assert_eq!(app.pay(&key).await.data(202)["status"], "unknown");
    }
    assert_eq!((nobody.came(), gateway.sent()), (0, sent + STATUSES.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_to_go_back_to_is_a_plain_web_address() {
    let app = TestApp::start().await;
    let before = app.everything().await;
    let hostile = [
        "javascript:alert(1)",
        "JaVaScRiPt://shop.example/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "ftp://shop.example/",
        "blob:https://shop.example/x",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example\\",
        "/done",
        "shop.example/done",
        "https://shop.example@evil.example/",
        "https://shop.example:x@evil.example/",
        "https://evil.example\\@shop.example/",
        "https://shop.example\\.evil.example/",
        "https:\\\\evil.example",
        "https://shop.example /",
        "https://shop.example/\tx",
        "https://shop.example/\r\nSet-Cookie: a=b",
        "https://가게.example/",
        "https://shоp.example/",
        "https://shop.example/|x",
        "https://",
        "https://shop.example:99999/",
        "https://shop.example/\u{202e}gpj",
    ];
    for field in ["returnUrl", "failUrl", "closeUrl"] {
        for url in hostile {
            let mut order = original();
            order[field] = json!(url);
            let reply = app.post("/easypay/prepare", &order).await;
            assert_eq!(reply.status, 400, "{field} {url:?}: {}", reply.text);
            assert_eq!(reply.error(400)["details"][0]["field"], field);
        }
    }
    assert_eq!(app.everything().await, before);
}

/// None of what the caller writes decides where the service sends a browser.
#[tokio::test(flavor = "multi_thread")]
async fn no_header_and_no_path_makes_the_service_send_a_browser_elsewhere() {
    let app = TestApp::start().await;
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let client = client.build().unwrap();
    let headers =
        ["host", "x-forwarded-host", "x-forwarded-proto", "x-original-url", "referer", "origin"];
    let paths = [
        "/docs",
        "/docs?url=https://evil.example",
        "/docs//evil.example",
        "/docs/..//evil.example",
        "/docs/%2f%2fevil.example",
        "/docs/\\evil.example",
        "//evil.example/docs",
        "//evil.example/%2e%2e",
        "/easypay/return?result=https://evil.example&orderId=//evil.example",
        "/easypay/return?next=https://evil.example&returnUrl=//evil.example",
        "/easypay//evil.example",
        "/sandbox//evil.example",
        "/sandbox/",
        "/?url=https://evil.example",
    ];
    let mut tried = 0;
    for path in paths {
        for header in headers {
            let request = client.request(Method::GET, format!("{}{path}", app.base));
            let answer = request.header(header, "evil.example").send().await.unwrap();
            let location = answer.headers().get("location").map(|l| l.to_str().unwrap());
            assert!(location.is_none_or(|l| l == "/docs/"), "{path} {header}: {location:?}");
            let text = answer.text().await.unwrap();
            assert!(!text.contains("evil.example"), "{path} {header}: {text}");
            tried += 1;
        }
    }
    assert_eq!(tried, 84);
    for header in headers {
        let order = json!({"orderId": format!("O-{header}"), "amount": 100, "productName": "a",
            "customerName": "b"});
        let request = client.post(format!("{}/easypay/prepare", app.base)).json(&order);
        let answer = request.header(header, "evil.example").send().await.unwrap();
        let text = answer.text().await.unwrap();
        assert!(text.contains("HOMEURL") && !text.contains("evil.example"), "{header}: {text}");
    }
}
