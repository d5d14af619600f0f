//! `kiwoom-billing keys rotate`: every billing key is encrypted again while money moves.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection};

use super::{FIRST, SECRET, card_of, printed};
use crate::support::process::{Process, World};

const ROTATE: &[&str] = &["keys", "rotate"];
const KEYS: usize = 600;
/// Of these no charge is made while the rotation is held up at them.
const HELD: usize = 150;
const RENEWED: usize = 5;
const CURRENT: &str = "(select id from data_keys where purpose = 'billing_keys'
    and retired_at is null)";

impl World {
    async fn count(&self, sql: &str) -> i64 {
        let mut db = self.owner().await;
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut db).await.unwrap()
    }

    async fn old_rows(&self) -> i64 {
        let sql = "select count(*) from billing_keys where data_key is distinct from ";
        self.count(&format!("{sql}{CURRENT}")).await
    }

    async fn until_old_rows(&self, wanted: i64) {
        for _ in 0..3000 {
            if self.old_rows().await == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} rows are left", self.old_rows().await);
    }

    async fn rotate(&self) -> String {
        let done = self.run(ROTATE, &[(SECRET, FIRST)]).await;
        assert!(done.status.success(), "{}", printed(&done));
        printed(&done)
    }

    /// Imports keys of as many customers for one card; them and their customers.
    async fn import_keys(&self, autokey: &str) -> Vec<(String, String)> {
        let header = "customerId,customerName,customerEmail,autokey,cardCompanyCode,cardNumber";
        let line = |n| format!("\nuser-{n},Hong,,{autokey},CVSF,411111******1111");
        let file = self.dir.join("keys.csv");
        std::fs::write(&file, header.to_owned() + &(0..KEYS).map(line).collect::<String>())
            .unwrap();
        let file = file.display().to_string();
        let done = self.run(&["import", &file], &[(SECRET, FIRST)]).await;
        assert!(done.status.success(), "{}", printed(&done));
        let report = String::from_utf8(done.stdout).unwrap();
        let keys = report.lines().filter_map(|line| line.split_once(": ok ")?.1.split_once(' '));
        keys.map(|(key, customer)| (key.to_owned(), customer.to_owned())).collect()
    }
}

fn charge(key: &str, customer: &str) -> Value {
    json!({"billingKey": key, "customerId": customer, "amount": 9900, "productName": "결제"})
}

/// What callers do all the while, and how many charges came of it.
struct Load {
    ended: AtomicBool,
    charges: AtomicUsize,
    registered: Mutex<Vec<(String, String)>>,
}

impl Load {
    async fn charges(&self, service: &Process, keys: &[(String, String)]) {
        let mut turn = keys.iter().cycle();
        while !self.ended.load(Ordering::SeqCst) {
            let (key, customer) = turn.next().unwrap();
            let paid = service.post("/billing/pay", &charge(key, customer)).await;
            assert_eq!(paid.data(200)["status"], "approved");
            self.charges.fetch_add(1, Ordering::SeqCst);
        }
    }

    async fn registrations(&self, service: &Process, name: &str) {
        for n in 0.. {
            if self.ended.load(Ordering::SeqCst) {
                return;
            }
            let customer = format!("{name}-{n}");
            let made = service.post("/billing/register", &card_of(&customer)).await.data(201);
            let key = made["billingKey"].as_str().unwrap().to_owned();
            self.registered.lock().unwrap().push((key, customer));
        }
    }
}

/// A rotation killed in the middle, and the one that goes on with it.
async fn rotate_with_a_kill(world: &World, held: &[(String, String)]) {
    let ids: Vec<_> = held.iter().map(|(key, _)| format!("'{}'", &key[3..])).collect();
    let mut db = world.owner().await;
    let mut tx = db.begin().await.unwrap();
    let lock = format!("select from billing_keys where id in ({}) for update", ids.join(", "));
    sqlx::query(AssertSqlSafe(lock)).execute(&mut *tx).await.unwrap();
    let mut command = world.command(ROTATE, &[(SECRET, FIRST)]);
    let mut first = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let held = i64::try_from(held.len()).unwrap();
    world.until_old_rows(held).await;
    let second = world.run(ROTATE, &[(SECRET, FIRST)]).await;
    assert_eq!(second.status.code(), Some(1), "{}", printed(&second));
    assert!(printed(&second).contains("another rotation is running"), "{}", printed(&second));
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(world.old_rows().await, held);
    tx.rollback().await.unwrap();

    // The server lets go of the first one's lock when it has seen the socket closed.
    let locked = "select count(*) from pg_locks where locktype = 'advisory'
        and classid::bigint << 32 | objid::bigint = 125823019480165
        and database = (select oid from pg_database where datname = current_database())";
    while world.count(locked).await > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let told = world.rotate().await;
    assert!(told.contains("went on with a rotation that was cut short"), "{told}");
    assert!(told.contains(&format!("(billing keys encrypted again): {held}")), "{told}");
    assert!(told.contains("(billing keys of older data keys left): 0"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_and_no_old_value_is_left_when_keys_are_rotated_under_load() {
    let world = World::start().await;
    let settings = [(SECRET, FIRST), ("SCHEDULER_INTERVAL_SECS", "1")];
    let one = Arc::new(world.service("one", &settings).await);
    let two = Arc::new(world.service("two", &settings).await);
    one.register().await;
    let autokey = world.last_autokey();
    let keys = world.import_keys(&autokey).await;
    assert_eq!(keys.len(), KEYS);
    for (key, customer) in &keys[..RENEWED] {
        let mut body = charge(key, customer);
        body["planId"] = json!("monthly");
        body["cycleDay"] = json!(15);
        one.post("/billing/subscribe", &body).await.data(201);
    }
    let load = Load {
        ended: AtomicBool::new(false),
        charges: AtomicUsize::new(0),
        registered: Mutex::default(),
    };
    let (held, charged) = keys.split_at(HELD);
    let (some, others) = charged.split_at(charged.len() / 2);
    let rotations = async {
        rotate_with_a_kill(&world, &held[RENEWED..]).await;
        world.advance_days(31).await;
        world.rotate().await;
        load.ended.store(true, Ordering::SeqCst);
    };
    tokio::join!(
        load.charges(&one, some),
        load.charges(&two, others),
        load.registrations(&one, "one"),
        load.registrations(&two, "two"),
        rotations,
    );
    assert_eq!(world.old_rows().await, 0);
    let made = load.charges.load(Ordering::SeqCst);
    let registered = load.registered.into_inner().unwrap();
    assert!(made > 20 && registered.len() > 10, "{made} charges, {registered:?}");
    world.until_charged(made + RENEWED).await;
    assert_eq!(world.ledger().await.len(), made + RENEWED);

    // Every key can be charged, by a process that was there and by a new one.
    let new = Arc::new(world.service("new", &settings).await);
    let all: Vec<_> = keys.into_iter().chain(registered).collect();
    for some in all.chunks(16) {
        let pays = some.iter().enumerate().map(|(n, (key, customer))| {
            let service = if n % 2 == 0 { &one } else { &new };
            async move { service.post("/billing/pay", &charge(key, customer)).await }
        });
        for paid in join_all(pays).await {
            assert_eq!(paid.data(200)["status"], "approved");
        }
    }
    let plain = format!(
        "select count(*) from billing_keys where position('{autokey}'::bytea in autokey) > 0"
    );
    assert_eq!(world.count(&plain).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_makes_no_events_and_forgets_data_keys_a_day_after_their_last_use() {
    let world = World::start().await;
    let service = world.service("service", &[(SECRET, FIRST)]).await;
    let key = service.register().await;
    let deleted = service.register().await;
    service.delete(&format!("/billing/key/{deleted}")).await.data(200);
    let events = "select e::text from events e order by seq";
    let value = "select autokey::text from billing_keys order by id";
    let (events_before, values) = (world.texts(events).await, world.texts(value).await);
    assert_eq!(events_before.len(), 3);
    let told = world.rotate().await;
    assert!(told.contains("(billing keys encrypted again): 1"), "{told}");
    let rotated = world.texts(value).await;
    assert!(values.iter().all(|value| !rotated.contains(value)), "deleted ones too");
    let billing = "select count(*) from data_keys where purpose = 'billing_keys'";
    for data_keys in [3, 4] {
        world.rotate().await;
        assert_eq!(world.count(billing).await, data_keys);
    }
    world.execute("update data_keys set retired_at = retired_at - interval '25 hours'").await;
    let told = world.rotate().await;
    assert!(told.contains("(data keys deleted): 3"), "{told}");
    assert_eq!(world.count(billing).await, 2);

    // The service, which has met none of the new keys, reads and writes with the last one.
    service.post("/billing/pay", &charge(&key, "user123")).await.data(200);
    service.register().await;
    assert_eq!(world.old_rows().await, 0);
    let published = |event: &String| event.contains("payment.") || event.contains("registered");
    let later = world.texts(events).await;
    assert!(later[events_before.len()..].iter().all(published), "{later:?}");
    let audit = service.get("/audit?limit=100").await.data(200).to_string();
    assert!(!audit.contains("dataKey") && !audit.contains("autokey"), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_billing_key_that_cannot_be_read_is_named_and_the_others_are_rotated() {
    let world = World::start().await;
    let service = world.service("service", &[(SECRET, FIRST)]).await;
    let (bad, good) = (service.register().await, service.register().await);
    let id = &bad[3..];
    let values = format!("select autokey::text from billing_keys where id = '{id}'");
    world
        .execute(&format!(
            "update billing_keys set autokey = set_byte(autokey, 20, 255 - get_byte(autokey, 20))
             where id = '{id}'"
        ))
        .await;
    let before = world.texts(&values).await;
    let done = world.run(ROTATE, &[(SECRET, FIRST)]).await;
    assert_eq!(done.status.code(), Some(1), "{}", printed(&done));
    assert!(String::from_utf8_lossy(&done.stderr).contains(&bad), "{}", printed(&done));
    assert_eq!(world.texts(&values).await, before);
    assert_eq!(world.old_rows().await, 1);
    service.post("/billing/pay", &charge(&good, "user123")).await.data(200);
    let refused = service.post("/billing/pay", &charge(&bad, "user123")).await;
    refused.fails(500, "internal_error");
    assert_eq!(world.ledger().await.len(), 1);
}

/// A registration stands between encrypting and its commit when a rotation begins: the new data key
/// comes after it, so that no value of the old one can come after that.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_begins_when_registrations_under_way_are_stored() {
    let world = World::start().await;
    let service = world.service("service", &[(SECRET, FIRST)]).await;
    service.register().await;
    let mut db = world.owner().await;
    let mut tx = db.begin().await.unwrap();
    sqlx::query("lock table billing_keys in share mode").execute(&mut *tx).await.unwrap();
    let until_waiting = async |what: &str| {
        let waiting = format!(
            "select count(*) from pg_stat_activity where datname = current_database()
                and cardinality(pg_blocking_pids(pid)) > 0 and query like '{what}%'"
        );
        while world.count(&waiting).await == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let body = card_of("user-late");
    let registration = service.post("/billing/register", &body);
    let rotation = async {
        until_waiting("insert into billing_keys").await;
        world.rotate().await
    };
    let watch = async {
        until_waiting("with retired as").await;
        let data_keys = "select count(*) from data_keys where purpose = 'billing_keys'";
        assert_eq!(world.count(data_keys).await, 1);
        tx.rollback().await.unwrap();
    };
    let (registered, told, ()) = tokio::join!(registration, rotation, watch);
    let late = registered.data(201)["billingKey"].as_str().unwrap().to_owned();
    assert!(told.contains("(billing keys encrypted again): 2"), "{told}");
    assert_eq!(world.old_rows().await, 0);
    service.post("/billing/pay", &charge(&late, "user-late")).await.data(200);
}
