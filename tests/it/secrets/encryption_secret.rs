//! `BILLING_KEY_SECRET`: a wrong one is found at start, and it can be changed.

use std::os::unix::fs::PermissionsExt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use futures::future::join_all;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{FIRST, SECRET, printed};
use crate::support::app::one_off;
use crate::support::process::{ONCE, Process, World};

const SECOND: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";
const OLD: &str = "BILLING_KEY_SECRET_OLD";

impl World {
    /// All that is encrypted, as it is stored.
    async fn encrypted(&self) -> Vec<String> {
        let rows = "select t::text from billing_keys t union all select t::text from data_keys t
            order by 1";
        self.texts(rows).await
    }

    /// Brings a billing key into the form in which the earlier version stored it.
    async fn store_as_before(&self, key: &str, autokey: &str, secret: &str) {
        let (row, secret) = (key.trim_start_matches("bk_"), hex::decode(secret).unwrap());
        let cipher = Aes256Gcm::new_from_slice(&secret).unwrap();
        let nonce = [7; 12];
        let row_id = Uuid::parse_str(row).unwrap();
        let payload = Payload { msg: autokey.as_bytes(), aad: row_id.as_bytes() };
        let sealed = cipher.encrypt(&Nonce::from(nonce), payload).unwrap();
        let value = [&Sha256::digest(&secret)[..4], &nonce, &sealed].concat();
        let value = hex::encode(value);
        let sql = format!(
            "update billing_keys set data_key = null, autokey = '\\x{value}' where id = '{row}'"
        );
        self.execute(&sql).await;
    }
}

async fn stop(service: Process) {
    let ended = tokio::task::spawn_blocking(|| service.terminate()).await.unwrap();
    assert!(ended.success());
}

async fn pays(service: &Process, key: &str) {
    let paid = service.post("/billing/pay", &one_off(key)).await;
    assert_eq!(paid.data(200)["status"], "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_found_before_anything_is_done_with_it() {
    let world = World::start().await;
    let service = world.service("service", &[(SECRET, FIRST)]).await;
    let csv = world.dir.join("keys.csv");
    std::fs::write(
        &csv,
        "customerId,customerName,customerEmail,autokey,cardCompanyCode,cardNumber\n\
        user-1,Hong,,C2022SECRET,CVSF,411111******1111",
    )
    .unwrap();
    let csv = csv.display().to_string();
    let mut key = None;
    // Without a billing key there is nothing yet that could not be read, and all the same.
    for _ in 0..2 {
        let before = world.encrypted().await;
        for arguments in [&[][..], &["serve"], &["import", &csv], &["keys", "rotate"]] {
            let refused = world.run(arguments, &[(SECRET, SECOND)]).await;
            assert_eq!(refused.status.code(), Some(1), "{arguments:?}: {}", printed(&refused));
            let told = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(
                told.contains("BILLING_KEY_SECRET이 이 데이터베이스의 것이 아닙니다"),
                "{told}"
            );
            assert!(told.contains("BILLING_KEY_SECRET is not this database's"), "{told}");
            for secret in [FIRST, SECOND, "C2022SECRET"] {
                assert!(!printed(&refused).contains(secret));
            }
        }
        assert_eq!(world.encrypted().await, before);
        key = Some(service.register().await);
    }
    pays(&service, &key.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_processes_that_start_at_once_one_makes_the_data_keys() {
    let world = World::start().await;
    let names = ["a", "b", "c", "d"];
    let services = join_all(names.map(|name| world.service(name, &[]))).await;
    let made = world.texts("select purpose from data_keys order by purpose").await;
    assert_eq!(made, ["billing_keys", "request_bodies", "webhook_secrets"]);
    let key = services[0].register().await;
    for service in &services {
        pays(service, &key).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_is_changed_while_a_process_with_the_former_one_goes_on() {
    let world = World::start().await;
    let former = world.service("former", &[(SECRET, FIRST)]).await;
    let key = former.register().await;
    let body = one_off(&key);
    let first = former.try_post("/billing/pay", ONCE, &body).await.unwrap();

    let both = [(SECRET, SECOND), (OLD, FIRST)];
    let present = world.service("present", &both).await;
    let again = present.try_post("/billing/pay", ONCE, &body).await.unwrap();
    assert_eq!((again.status, again.text), (200, first.text), "bodies are known again");
    let other_key = former.register().await;
    for service in [&former, &present] {
        pays(service, &key).await;
        pays(service, &other_key).await;
    }
    // The former secret reads nothing any more, and the present one everything.
    let refused = world.run(&[], &[(SECRET, FIRST)]).await;
    assert_eq!(refused.status.code(), Some(1), "{}", printed(&refused));
    stop(present).await;
    let present = world.service("alone", &[(SECRET, SECOND)]).await;
    pays(&present, &other_key).await;

    // A data key that only the present secret reads: no card that is registered is lost.
    let rotated = world.run(&["keys", "rotate"], &[(SECRET, SECOND)]).await;
    assert!(rotated.status.success(), "{}", printed(&rotated));
    let late_key = former.register().await;
    former.post("/billing/pay", &one_off(&key)).await.fails(500, "internal_error");
    pays(&present, &late_key).await;
    pays(&present, &key).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_the_earlier_version_are_charged_and_gone_after_a_rotation() {
    let world = World::start().await;
    let service = world.service("service", &[(SECRET, FIRST)]).await;
    let key = service.register().await;
    world.store_as_before(&key, &world.last_autokey(), FIRST).await;
    pays(&service, &key).await;
    stop(service).await;

    let alone = world.run(&[], &[(SECRET, SECOND)]).await;
    assert_eq!(alone.status.code(), Some(1), "{}", printed(&alone));
    let told = String::from_utf8_lossy(&alone.stderr).into_owned();
    assert!(told.contains("빌링키 1개가") && told.contains("1 billing keys are still"), "{told}");

    let both = [(SECRET, SECOND), (OLD, FIRST)];
    let service = world.service("both", &both).await;
    assert!(service.output().contains("encrypted by an earlier version"), "{}", service.output());
    pays(&service, &key).await;
    // Not yet: the value is still the former secret's.
    let early = world.run(&[], &[(SECRET, SECOND)]).await;
    assert_eq!(early.status.code(), Some(1), "{}", printed(&early));
    let rotated = world.run(&["keys", "rotate"], &both).await;
    assert!(rotated.status.success(), "{}", printed(&rotated));
    let left = "select id::text from billing_keys where data_key is null";
    assert_eq!(world.texts(left).await, Vec::<String>::new());
    pays(&service, &key).await;
    let service = world.service("alone", &[(SECRET, SECOND)]).await;
    pays(&service, &key).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_comes_from_a_file_that_others_may_not_use() {
    let world = World::start().await;
    let path = world.dir.join("secret");
    std::fs::write(&path, format!("{FIRST}\n")).unwrap();
    let mode = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let file = path.display().to_string();
    let settings = [("BILLING_KEY_SECRET_FILE", file.as_str())];
    for (bits, shown) in [(0o644, "644"), (0o642, "642"), (0o601, "601")] {
        mode(bits);
        let refused = world.run(&[], &settings).await;
        assert_eq!(refused.status.code(), Some(2), "{}", printed(&refused));
        let told = printed(&refused);
        let named = format!(
            "  - BILLING_KEY_SECRET_FILE is wrong: it takes a file that only its \
            owner and group may use (its mode is {shown}: others may use it; chmod"
        );
        assert!(told.contains(&named) && !told.contains(FIRST), "{told}");
    }
    mode(0o640);
    let service = world.service("service", &settings).await;
    let key = service.register().await;
    stop(service).await;
    // The same secret, by either way.
    let service = world.service("again", &[(SECRET, FIRST)]).await;
    pays(&service, &key).await;

    let own = world.dir.join("billing_key_secret");
    std::fs::write(&own, FIRST).unwrap();
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = world.run(&[], &[]).await;
    assert_eq!(refused.status.code(), Some(1), "{}", printed(&refused));
    assert!(printed(&refused).contains("billing_key_secret: its mode is 644"));
}
