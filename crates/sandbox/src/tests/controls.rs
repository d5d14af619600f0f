//! The ledger's file, the clock and the page.

use std::io::Write;

use serde_json::json;

use crate::tests::TestSandbox;
use crate::tests::api::cancel;

const APPROVED: &str = "4111111111111111";

#[tokio::test]
async fn the_ledger_survives_a_crash_in_the_middle_of_a_line() {
    let folder = std::env::temp_dir().join(format!("sandbox-{}", uuid::Uuid::new_v4()));
    let path = folder.join("sandbox/ledger.jsonl");
    let before = {
        let at = TestSandbox::serve(Some(&folder), None).await;
        let short = at.gateway().register("4000000000009995").await;
        at.gateway().charge(&short, "declined").await.expect("an answer");
        let auto_key = at.gateway().register(APPROVED).await;
        let charged = at.gateway().charge(&auto_key, "o-1").await.expect("an answer");
        let body = cancel("CARD-BATCH", &charged["DAOUTRX"], "900");
        at.gateway().exchange(&body).await.expect("an answer");
        (at.transactions().await, short)
    };
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).expect("the file");
    file.write_all(br#"{"event":"approved","transac"#).expect("written");

    let at = TestSandbox::serve(Some(&folder), None).await;
    assert_eq!(at.transactions().await, before.0);
    // The card short at first has been declined once, so now it pays.
    let answer = at.gateway().charge(&before.1, "o-2").await.expect("an answer");
    assert_eq!(answer["RESULTCODE"], "0000");
    let at = TestSandbox::serve(Some(&folder), None).await;
    assert_eq!(at.transactions().await.len(), 2);

    let text = std::fs::read_to_string(&path).expect("the file");
    assert!(!text.contains(APPROVED) && !text.contains("900101"), "{text}");
    assert!(text.contains("411111******1111"));
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[tokio::test]
async fn the_clock_moves_forward_only() {
    let at = TestSandbox::start().await;
    let before = at.get("/clock").await["now"].as_str().expect("text").to_owned();
    assert!(before.ends_with("+09:00"));
    let (status, answer) = at.post("/clock", json!({ "advanceDays": 31 })).await;
    assert_eq!(status, 200);
    let date = |text: &str| chrono::DateTime::parse_from_rfc3339(text).expect("an instant");
    let moved = date(answer["now"].as_str().expect("text")) - date(&before);
    assert_eq!(moved.num_days(), 31);
    for wrong in [json!({ "advanceDays": -1 }), json!({ "now": before }), json!("x")] {
        let (status, answer) = at.post("/clock", wrong).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!("invalid_request")));
    }
    let form = at.http.post(format!("{}/clock", at.base)).body("advanceDays=1");
    let form = form.header("Content-Type", "application/x-www-form-urlencoded");
    let answer = form.send().await.expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["location"]),
        (303, &"/sandbox".parse().expect("a header"))
    );
}

#[tokio::test]
async fn the_page_shows_what_happened_and_escapes_it() {
    let at = TestSandbox::start().await;
    let auto_key = at.gateway().register(APPROVED).await;
    at.gateway().charge(&auto_key, "<script>alert(1)</script>").await.expect("an answer");
    at.fault(json!({ "kind": "decline", "message": "<b>" })).await;
    let page = at.get("").await;
    let page = page.as_str().expect("a page");
    assert!(page.contains("4000000000009995") && page.contains("9,900원"));
    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script>alert"));
    assert!(!page.contains("<b>") && !page.contains(" style=") && !page.contains("onclick"));
    // Alone it has no service to ask.
    assert!(!page.contains("service.js") && !page.contains("/console"));
    for asset in ["/sandbox.css", "/sandbox.js", "/service.js"] {
        let answer = at.http.get(format!("{}{asset}", at.base)).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
    }
}

#[tokio::test]
async fn a_form_without_scripts_sets_a_fault_and_clears_all() {
    let at = TestSandbox::start().await;
    let post = async |path: &str, body: &'static str| {
        let request = at.http.post(format!("{}{path}", at.base)).body(body);
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        request.send().await.expect("an answer")
    };
    // Every field is there, those that are left empty and those that do not matter to the kind too.
    let form = "on=CARD-BATCH&kind=decline&times=+2&orderNo=&code=2001&message=%EC%9E%94%EC%95%A1+0\
        &authNo=&delayMs=3000&status=500&url=";
    let answer = post("/faults", form).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["location"]),
        (303, &"/sandbox".parse().expect("a header"))
    );
    let waiting = json!([{ "on": "CARD-BATCH", "kind": "decline", "times": 2, "code": "2001",
        "message": "잔액 0" }]);
    assert_eq!(at.get("/faults").await["faults"], waiting);
    for (wrong, named) in [
        ("on=ANY&kind=", "kind"),
        ("kind=status&status=99", "status"),
        ("kind=slow&times=many", "times"),
        ("kind=delay_after&delayMs=1.5", "delayMs"),
    ] {
        let answer = post("/faults", wrong).await;
        assert_eq!(answer.status(), 400, "{wrong}");
        assert!(answer.text().await.expect("text").contains(named), "{wrong}");
    }
    assert_eq!(at.get("/faults").await["faults"], waiting);
    let answer = post("/faults/clear", "").await;
    assert_eq!(answer.status(), 303);
    assert_eq!(at.get("/faults").await["faults"], json!([]));
}
