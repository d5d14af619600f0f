//! A deleted billing key loses its AUTOKEY, and is known again all the same.

use serde_json::{Value, json};

use super::{FIRST, SECRET, card_of, printed};
use crate::support::process::World;

const SETTINGS: &[(&str, &str)] = &[(SECRET, FIRST)];
const LENGTHS: &str = "select octet_length(autokey)::text from billing_keys order by created_at";

impl World {
    async fn import_key(&self, customer: &str, autokey: &str) -> String {
        let file = self.dir.join("keys.csv");
        let header = "customerId,customerName,customerEmail,autokey,cardCompanyCode,cardNumber";
        let line = format!("{customer},Hong,,{autokey},CVSF,411111******1111");
        std::fs::write(&file, format!("{header}\n{line}")).unwrap();
        let done = self.run(&["import", &file.display().to_string()], SETTINGS).await;
        printed(&done)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_key_loses_its_autokey_and_an_import_knows_it_again() {
    let world = World::start().await;
    let service = world.service("service", SETTINGS).await;
    let mut keys = Vec::new();
    for customer in ["user-1", "user-2"] {
        let made = service.post("/billing/register", &card_of(customer)).await.data(201);
        keys.push((made["billingKey"].as_str().unwrap().to_owned(), world.last_autokey()));
    }
    let (gone, autokey) = &keys[0];
    service.delete(&format!("/billing/key/{gone}")).await.data(200);
    let lengths = world.texts(LENGTHS).await;
    assert!(lengths[0] == "4" && lengths[1] != "4", "{lengths:?}");

    let told = world.import_key("user-1", autokey).await;
    assert!(told.contains(&format!("already there: {gone}")), "{told}");
    // Another customer's is another one.
    let told = world.import_key("user-3", autokey).await;
    assert!(told.contains(": ok bk_"), "{told}");
    let one_off = |key: &str, customer: &str| -> Value {
        json!({"billingKey": key, "customerId": customer, "amount": 9900, "productName": "결제"})
    };
    let refused = service.post("/billing/pay", &one_off(gone, "user-1")).await;
    refused.fails(409, "billing_key_inactive");

    // A new data key is the deleted one's too: the one before can go.
    let done = world.run(&["keys", "rotate"], SETTINGS).await;
    assert!(done.status.success(), "{}", printed(&done));
    let left = "select count(*)::text from billing_keys where data_key is distinct from
        (select id from data_keys where purpose = 'billing_keys' and retired_at is null)";
    assert_eq!(world.texts(left).await, ["0"]);
    assert_eq!(world.texts(LENGTHS).await[0], "4");
    service.post("/billing/pay", &one_off(&keys[1].0, "user-2")).await.data(200);
    let told = world.import_key("user-1", autokey).await;
    assert!(told.contains(&format!("already there: {gone}")), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_version_kept_of_deleted_keys_is_forgotten_at_the_next_start() {
    let world = World::start().await;
    let service = world.service("service", SETTINGS).await;
    let made = service.post("/billing/register", &card_of("user-1")).await.data(201);
    let autokey = world.last_autokey();
    world.execute("update billing_keys set status = 'deleted', deleted_at = now()").await;
    drop(service);
    let _again = world.service("again", SETTINGS).await;
    for _ in 0..100 {
        if world.texts(LENGTHS).await == ["4"] {
            let told = world.import_key("user-1", &autokey).await;
            let there = format!("already there: {}", made["billingKey"].as_str().unwrap());
            assert!(told.contains(&there), "{told}");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the AUTOKEY is still there");
}
