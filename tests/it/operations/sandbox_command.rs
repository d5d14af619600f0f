//! `kiwoom-billing sandbox` for a program of a merchant's: where it is, what it takes, whom it notifies.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::RawQuery;
use axum::routing::get;
use kiwoom_sandbox::{AUTH_KEY, CPID};
use reqwest::Client;
use reqwest::redirect::Policy;
use serde_json::{Value, json};

use crate::support::process::{Folder, Process};

fn client() -> Client {
    Client::builder().no_proxy().redirect(Policy::none()).build().unwrap()
}

/// One call as a program makes it that knows of no EUC-KR.
async fn call(url: &str, token: &str, body: &Value) -> Value {
    let request = client().post(url).header("Authorization", AUTH_KEY).header("TOKEN", token);
    request.json(body).send().await.unwrap().json().await.unwrap()
}

/// Both steps at KiwoomPay's own paths.
async fn exchange(sandbox: &Process, method: &str, body: &Value) -> Value {
    let ready = json!({"CPID": CPID, "PAYMETHOD": method});
    let first = call(&format!("{}/pay/ready", sandbox.base), "", &ready).await;
    let (url, token) = (first["RETURNURL"].as_str(), first["TOKEN"].as_str());
    call(url.unwrap_or_else(|| panic!("{first}")), token.unwrap(), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_charged_for_and_notified_where_it_says() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = told.clone();
    let hook = get(async move |RawQuery(query): RawQuery| {
        heard.lock().unwrap().push(query.unwrap());
        "<html><body><RESULT>SUCCESS</RESULT></body></html>"
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/shop/noti", listener.local_addr().unwrap());
    let merchant = Router::new().route("/shop/noti", hook);
    tokio::spawn(async move { axum::serve(listener, merchant).await });

    let dir = Folder::new();
    let sandbox = Process::sandbox(&dir, &["--notify", &url]).await;
    let front = client().get(format!("{}/", sandbox.base)).send().await.unwrap();
    assert_eq!(
        (front.status().as_u16(), &front.headers()["location"]),
        (307, &"/sandbox".parse().unwrap())
    );
    assert!(sandbox.get("/sandbox").await.text.contains(&url));

    let card = json!({"CPID": CPID, "ORDERNO": "key-1", "BILLTYPE": "14", "IPADDRESS": "0.0.0.0",
        "USERID": "u1", "PRODUCTCODE": "card-keygen-issue", "CARDNO": "4111111111111111",
        "EXPIREDT": "203012", "CARDAUTH": "900101", "CARDPASSWORD": "12", "QUOTA": "00",
        "TAXFREECD": "00", "DIRECT_YN": "N"});
    let key = exchange(&sandbox, "CARD-KEYGEN", &card).await;
    let charge = json!({"CPID": CPID, "ORDERNO": "order-1", "PRODUCTTYPE": "1", "BILLTYPE": "14",
        "AMOUNT": 9900, "PRODUCTNAME": "월간 구독", "IPADDRESS": "0.0.0.0", "USERID": "u1",
        "QUOTA": "00", "TAXFREECD": "00", "AUTOKEY": key["AUTOKEY"]});
    let paid = exchange(&sandbox, "CARD-BATCH", &charge).await;
    assert_eq!(paid["ERRORMESSAGE"], "정상 처리 되었습니다.", "{paid}");
    let canceled = json!({"transactionId": paid["DAOUTRX"]});
    sandbox.post("/sandbox/admin/cancel", &canceled).await;
    let told = told.lock().unwrap().clone();
    assert!(told.len() == 1 && told[0].starts_with("PAYMETHOD=CARD_CANCEL&"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_strict_one_takes_only_what_the_manual_has() {
    let dir = Folder::new();
    let sandbox = Process::sandbox(&dir, &["--strict"]).await;
    let ready = json!({"CPID": CPID, "PAYMETHOD": "CARD-BATCH"});
    let request = client().post(format!("{}/sandbox/pay/ready", sandbox.base)).json(&ready);
    let answer = request.header("Authorization", AUTH_KEY).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json;charset=EUC-KR");
    assert!(answer.text().await.unwrap().contains("\"9001\""));
}
