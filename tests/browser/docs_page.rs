//! `/docs`: its examples, pressed as they stand.

use crate::shop::Shop;

/// In the order in which somebody would press them, with the status that each is answered with.
const TRIED: [(&str, &str); 12] = [
    ("registerBillingKey", "201"),
    ("createSubscription", "201"),
    ("createPayment", "200"),
    ("refundPayment", "200"),
    ("getSubscription", "200"),
    ("updateSubscription", "200"),
    ("listPayments", "200"),
    ("forecastCharges", "200"),
    ("getSummary", "200"),
    ("prepareOrder", "200"),
    ("getOrder", "200"),
    ("cancelSubscription", "200"),
];

/// What else changes something, in the order in which it can. What settles an unknown outcome, or a rise,
/// has nothing to settle here, and says so; a GET that is not here reads what is there.
const THEN: [(&str, &str); 27] = [
    ("extendSubscription", "200"),
    ("recordPriceConsent", "409"),
    ("recordPaidPeriod", "400"),
    ("pauseSubscription", "200"),
    ("resumeSubscription", "200"),
    ("resolvePayment", "409"),
    ("resolveRefund", "409"),
    ("redeliverEvents", "400"),
    ("redeliverEvent", "400"),
    ("createReconciliation", "200"),
    ("createWebhookEndpoint", "201"),
    ("getWebhookEndpoint", "200"),
    ("updateWebhookEndpoint", "200"),
    ("rotateWebhookSecret", "200"),
    ("createTestEvent", "201"),
    ("getEvent", "200"),
    ("deleteWebhookEndpoint", "200"),
    ("mergeCustomers", "404"),
    ("eraseCustomer", "409"),
    ("cancelOrder", "200"),
    ("resolveOrder", "200"),
    ("getPayment", "200"),
    ("getPaymentProof", "200"),
    ("listSubscriptions", "200"),
    ("listRefunds", "200"),
    ("listBillingKeys", "200"),
    ("activateBillingKey", "200"),
];

const PICTURES: [&str; 3] = ["createPayment", "listPayments", "createReconciliation"];

#[tokio::test]
async fn try_it_out_works_with_the_examples_as_they_stand() {
    let shop = open(1280).await;
    for (operation, status) in TRIED {
        open_block(&shop, operation).await;
        assert_eq!(pressed(&shop, operation).await, status, "{operation}");
        open_block(&shop, operation).await;
    }
    shop.close().await;
}

/// The whole page, as on a desk and on a phone. Prints each operation with its status.
#[tokio::test]
#[ignore = "a minute: scripts/nightly docs"]
async fn every_operation_is_tried_at_1280_and_390_pixels() {
    for width in [1280, 390] {
        let shop = open(width).await;
        assert_eq!(shop.browser.run("return innerWidth").await, width);
        shop.browser.fits("docs").await;
        shop.browser.picture(&format!("docs-{width}")).await;
        let mut wrong = Vec::new();
        for (operation, expected) in in_order(&shop).await {
            open_block(&shop, &operation).await;
            let status = pressed(&shop, &operation).await;
            println!("{width} {status} {operation}");
            if status != expected {
                wrong.push(format!("{operation}: {status} in place of {expected}"));
            }
            if PICTURES.contains(&operation.as_str()) {
                shop.browser.fits(&operation).await;
                shop.browser.screenshot(&format!("docs-{operation}-{width}")).await;
            }
            open_block(&shop, &operation).await;
        }
        assert_eq!(wrong, Vec::<String>::new(), "at {width} pixels");
        shop.close_after_refusals(&["400", "404", "409"]).await;
    }
}

async fn open(width: u32) -> Shop {
    let shop = Shop::open().await;
    shop.browser.screen(width, 900, false).await;
    shop.browser.open(&format!("{}/docs/", shop.base)).await;
    shop.browser.sees("/easypay/prepare").await;
    shop
}

/// All operations of the description that a caller makes, with the status that each is answered with.
async fn in_order(shop: &Shop) -> Vec<(String, String)> {
    let named = |(name, status): &(&str, &str)| ((*name).to_owned(), (*status).to_owned());
    let mut order: Vec<_> = TRIED.iter().chain(&THEN).map(named).collect();
    let described = shop.app.get("/openapi.json").await;
    let operations = described["paths"].as_object().unwrap().values();
    for (method, operation) in operations.flat_map(|item| item.as_object().unwrap()) {
        let id = operation["operationId"].as_str().unwrap();
        // What KiwoomPay alone calls has its own form.
        if order.iter().any(|(known, _)| known == id) || id.starts_with("receive") {
            continue;
        }
        // The last one: it takes the card of all the others away.
        let is_last = id == "deleteBillingKey";
        assert!(method == "get" || is_last, "{id}: when is it pressed?");
        order.push((id.to_owned(), "200".to_owned()));
    }
    order.sort_by_key(|(id, _)| id == "deleteBillingKey");
    order
}

/// The status of the answer, after "Try it out" and "Execute" were pressed; it stays on the screen.
async fn pressed(shop: &Shop, operation: &str) -> String {
    let block = block_of(operation);
    for button in [".try-out__btn", ".execute"] {
        let found = format!("document.querySelector('{block} {button}')");
        shop.browser.until(&found).await;
        shop.browser.run(&format!("{found}.click()")).await;
    }
    let answered = format!(
        "document.querySelector('{block} .live-responses-table .response .response-col_status')"
    );
    shop.browser.until(&format!("{answered}?.innerText.match(/[1-5]/)")).await;
    shop.browser.run(&format!("{answered}.scrollIntoView({{ block: 'center' }})")).await;
    // Ids that only the service can make were put in, and the page made nothing up.
    let url = format!("return document.querySelector('{block} .request-url').innerText");
    let url = shop.browser.run(&url).await.to_string();
    assert!(!url.contains("_example") && !url.contains("additionalProp"), "{operation}: {url}");
    let status = shop.browser.run(&format!("return {answered}.innerText.slice(0, 3)")).await;
    status.as_str().unwrap().to_owned()
}

/// Opens it, or closes it again.
async fn open_block(shop: &Shop, operation: &str) {
    let block = block_of(operation);
    let script = format!(
        "const block = document.querySelector('{block}');
        block.querySelector('.opblock-summary-control').click();"
    );
    shop.browser.run(&script).await;
}

fn block_of(operation: &str) -> String {
    format!("[id^=operations-][id$=-{operation}]")
}
