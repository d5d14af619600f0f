//! `kiwoom-billing import`: a merchant moves in with the AUTOKEYs of its old system.

use std::path::Path;
use std::process::Command;

use chrono::{Datelike, Duration, NaiveDate};
use kiwoom_clock::Clock;
use serde_json::{Value, json};

use crate::support::app::card;
use crate::support::postgres;
use crate::support::process::World;

const KEYS: &str =
    "customerId,customerName,customerEmail,autokey,cardCompanyCode,cardNumber,reference";
const SUBSCRIPTIONS: &str =
    "billingKey,customerId,planId,amount,productName,cycleDay,nextBillingDate,metadata";
const CARD: &str = "4111111111111111";
const CARD_TOO: &str = "5555555555554444";

/// How the program ended, and what it printed.
pub struct Told {
    code: Option<i32>,
    report: String,
    errors: String,
}

impl Told {
    /// The report's lines, after checking how it ended and that it gives nothing away.
    #[track_caller]
    pub fn lines(&self, code: i32, secrets: &[String]) -> Vec<&str> {
        assert_eq!(self.code, Some(code), "{}{}", self.report, self.errors);
        for secret in secrets.iter().map(String::as_str).chain([CARD, CARD_TOO]) {
            assert!(!self.report.contains(secret) && !self.errors.contains(secret), "{secret}");
        }
        self.report.lines().skip_while(|line| !line.starts_with("ignored: ")).skip(1).collect()
    }

    /// What it says it has read.
    #[track_caller]
    pub fn head(&self) -> Vec<&str> {
        let head: Vec<&str> = self.report.lines().take(3).collect();
        let begin = head.iter().zip(["read: ", "columns: ", "ignored: "]);
        assert!(begin.clone().count() == 3, "{}{}", self.report, self.errors);
        begin.map(|(line, begin)| line.strip_prefix(begin).expect("what was read")).collect()
    }
}

impl World {
    /// Imports a file with these lines.
    fn import(&self, arguments: &[&str], lines: &[String]) -> Told {
        let file = self.dir.join("import.csv");
        std::fs::write(&file, lines.join("\n")).unwrap();
        self.import_file(arguments, &file)
    }

    pub fn import_file(&self, arguments: &[&str], file: &Path) -> Told {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiwoom-billing"));
        command.arg("import").args(arguments).arg(file).env_clear().current_dir(&*self.dir);
        command.env("DATA_DIR", &*self.dir).env("DATABASE_URL", &self.database_url);
        command.env("KIWOOM_BASE_URL", format!("{}/sandbox", self.sandbox.base));
        let done = command.env("RUST_LOG", "trace,sqlx=trace").output().unwrap();
        // The log goes to stdout too; the report is what does not look like it.
        let report = String::from_utf8(done.stdout).unwrap();
        Told {
            code: done.status.code(),
            report: report.lines().filter(|l| !is_log(l)).collect::<Vec<_>>().join("\n"),
            errors: report + &String::from_utf8(done.stderr).unwrap(),
        }
    }

    /// Registers cards with a service on another database, the old system; the AUTOKEYs, as the
    /// sandbox has them.
    async fn old_autokeys(&self) -> Vec<String> {
        let database = postgres::new_database().await;
        let dir = self.dir.join("old").display().to_string();
        let old = self.service("old", &[("DATABASE_URL", &database), ("DATA_DIR", &dir)]).await;
        for (customer, number) in [("user-1", CARD), ("user-2", CARD_TOO)] {
            let mut body = card(number);
            body["customerId"] = json!(customer);
            old.post("/billing/register", &body).await.data(201);
        }
        let books = std::fs::read_to_string(self.dir.join("sandbox/ledger.jsonl")).unwrap();
        let keys = books.split(r#""autoKey":""#).skip(1);
        keys.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    }

    async fn rows(&self) -> (i64, i64) {
        let pool = sqlx::PgPool::connect(&self.database_url).await.unwrap();
        let counts =
            "select (select count(*) from billing_keys), (select count(*) from subscriptions)";
        let counts = sqlx::query_as(counts).fetch_one(&pool).await.unwrap();
        pool.close().await;
        counts
    }
}

fn lines(header: &str, lines: &[String]) -> Vec<String> {
    [&[header.to_owned()], lines].concat()
}

/// Lines of the log begin with an instant.
fn is_log(line: &str) -> bool {
    line.starts_with("20")
}

fn good_keys(autokeys: &[String]) -> Vec<String> {
    let rows = [
        format!("user-1,홍길동,,{},CVSF,411111******1111,OLD-1", autokeys[0]),
        format!("user-2,\"Kim, Co\",kim@example.com,{},CMCF,555555******4444,", autokeys[1]),
    ];
    lines(KEYS, &rows)
}

/// The id that `line 2: ok bk_… user-1` names.
pub fn id(line: &str) -> &str {
    line.split_once(": ok ").unwrap().1.split(' ').next().unwrap()
}

fn subscription(key: &str, customer: &str, plan: &str, date: NaiveDate) -> String {
    format!(r#"{key},{customer},{plan},9900,월간 구독,{},{date},"{{""seat"":3}}""#, date.day())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_subscriptions_move_in_and_are_charged_on_their_day_once() {
    let world = World::start().await;
    let autokeys = world.old_autokeys().await;
    let keys = good_keys(&autokeys);
    let service = world.service("service", &[("SCHEDULER_INTERVAL_SECS", "1")]).await;

    let dry = world.import(&["--dry-run"], &keys);
    let told = dry.lines(0, &autokeys);
    assert!(
        told[0].starts_with("line 2: ok bk_") && told[0].ends_with(" user-1 OLD-1"),
        "{told:?}"
    );
    assert_eq!(told[2], "2 lines, 2 good, 0 bad: dry run, nothing was imported");
    assert_eq!(world.rows().await, (0, 0));

    let done = world.import(&[], &keys);
    let in_dry_run = told[..2].to_vec();
    let told = done.lines(0, &autokeys);
    assert_eq!(told[..2], in_dry_run);
    assert_eq!(told[2], "2 lines, 2 good, 0 bad: imported");
    let (first, second) = (id(told[0]), id(told[1]));
    let again = world.import(&[], &keys);
    let again = again.lines(1, &autokeys);
    assert_eq!(again[0], format!("line 2: error already there: {first}"));
    assert_eq!(again[2], "2 lines, 0 good, 2 bad: nothing was imported");
    let shown = service.get("/billing/keys?customerId=user-2").await.data(200);
    assert_eq!(shown["items"][0]["billingKey"], second);

    let day = Clock::system().today() + Duration::days(10);
    let later = day + Duration::days(5);
    let rows =
        [subscription(first, "user-1", "gold", day), subscription(second, "user-2", "gold", later)];
    let subscriptions = lines(SUBSCRIPTIONS, &rows);
    let dry = world.import(&["--dry-run"], &subscriptions);
    let in_dry_run = dry.lines(0, &autokeys)[..2].to_vec();
    assert_eq!(world.rows().await, (2, 0));
    let done = world.import(&[], &subscriptions);
    let told = done.lines(0, &autokeys);
    assert_eq!(told[..2], in_dry_run);
    assert!(told[0].starts_with("line 2: ok sub_"), "{told:?}");
    let refused = world.import(&[], &subscriptions);
    assert!(refused.lines(1, &autokeys)[1].starts_with("line 3: error "), "{}", refused.report);
    assert_eq!(world.rows().await, (2, 2));
    let made = service.get(&format!("/billing/subscription/{}", id(told[0]))).await.data(200);
    assert_eq!((&made["status"], &made["metadata"]), (&json!("active"), &json!({"seat": 3})));
    assert_eq!(made["nextBillingDate"], day.to_string());

    move_clock(&world, &format!("{day}T09:59:00+09:00")).await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(world.ledger().await, Vec::<Value>::new());
    move_clock(&world, &format!("{day}T10:00:01+09:00")).await;
    world.until_charged(1).await;
    move_clock(&world, &format!("{day}T23:00:00+09:00")).await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let ledger = world.ledger().await;
    assert_eq!(ledger.len(), 1, "{ledger:?}");
    assert_eq!((&ledger[0]["amount"], &ledger[0]["userId"]), (&json!(9900), &json!("user-1")));
}

async fn move_clock(world: &World, instant: &str) {
    let reply = world.sandbox.post("/sandbox/clock", &json!({"now": instant})).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_line_and_nothing_is_imported_but_every_bad_line_is_told() {
    let world = World::start().await;
    let autokeys = world.old_autokeys().await;
    let mut keys = good_keys(&autokeys);
    keys.extend([
        format!("user-3,Lee,,{},CVSF,{CARD},", autokeys[0]),
        keys[1].clone(),
        "user-4,,nobody,,visa,411111******1111,".to_owned(),
        format!("user-5,Choi,,{0},CVSF,411111******1111,{0}", autokeys[0]),
        format!("{},{CARD}", autokeys[0]),
    ]);
    let told = world.import(&[], &keys);
    let told = told.lines(1, &autokeys);
    assert!(told[0].starts_with("line 2: ok ") && told[1].starts_with("line 3: ok "), "{told:?}");
    assert!(
        told[2].starts_with("line 4: error cardNumber (column F): Has to be masked already"),
        "{told:?}"
    );
    assert_eq!(told[3], format!("line 5: error already there: {}", id(told[0])));
    for field in [
        "customerName (column B): Required.",
        "customerEmail (column C):",
        "autokey (column D): Required.",
        "cardCompanyCode (column E):",
    ] {
        assert!(told[4].contains(field), "{told:?}");
    }
    assert_eq!(told[5], "line 7: error autokey (column D): Stands in another column too.");
    assert_eq!(told[6], "line 8: error Has 2 columns, not 7.");
    assert_eq!(told[7], "7 lines, 2 good, 5 bad: nothing was imported");
    assert_eq!(world.rows().await, (0, 0));

    let done = world.import(&[], &good_keys(&autokeys));
    let key = id(done.lines(0, &autokeys)[0]).to_owned();
    let day = Clock::system().today() + Duration::days(10);
    let good = subscription(&key, "user-1", "gold", day);
    let past = Clock::system().today() - Duration::days(1);
    let rows = [
        good.clone(),
        good,
        subscription(&key, "user-2", "gold", day),
        subscription(&key, "user-1", "past", past),
        format!("{key},user-1,off,9900,월간 구독,{},{day},", (day + Duration::days(1)).day()),
        format!("{key},user-1,,0,월간 구독,32,2026-2-1,[1]"),
        subscription("bk_none", "user-1", "none", past),
    ];
    let told = world.import(&[], &lines(SUBSCRIPTIONS, &rows));
    let told = told.lines(1, &autokeys);
    assert!(told[0].starts_with("line 2: ok sub_"), "{told:?}");
    let exists = "line 3: error This customer already has a live subscription to this plan.";
    assert_eq!(told[1], exists);
    assert_eq!(told[2], "line 4: error billingKey (column A): There is no such billing key.");
    assert!(
        told[3].starts_with("line 5: error nextBillingDate (column G): Has to be within"),
        "{told:?}"
    );
    assert!(
        told[4].starts_with("line 6: error nextBillingDate (column G): Is no day on which"),
        "{told:?}"
    );
    for field in ["planId (", "amount (", "cycleDay (", "nextBillingDate (", "metadata ("] {
        assert!(told[5].contains(field), "{told:?}");
    }
    assert!(told[6].contains("nextBillingDate (") && told[6].contains("billingKey ("), "{told:?}");
    assert_eq!(told[7], "7 lines, 1 good, 6 bad: nothing was imported");
    assert_eq!(world.rows().await, (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_kind_is_refused_as_a_whole() {
    let world = World::start().await;
    let secret = ["C2022SECRET".to_owned()];
    let text = format!("user-1,Hong,,{},CVSF,411111******1111", secret[0]);
    let header_alone = KEYS.as_bytes();
    let missing = KEYS.replace("cardNumber", "메모") + "\nx";
    let twice = format!("{KEYS},고객ID\nx");
    let cases = [
        (text.as_bytes(), "the first row has to name the columns"),
        (b"\xff\xff", "Neither UTF-8 nor CP949"),
        (b"\xd0\xcf\x11\xe0", "save it as XLSX"),
        (b"PK\x03\x04", "Cannot be read as XLSX"),
        (missing.as_bytes(), "columns are missing): cardNumber 카드번호\n"),
        (twice.as_bytes(), "columns A and H are both customerId"),
        (b"", "the file is empty"),
        (header_alone, "the file is empty"),
    ];
    let file = world.dir.join("other.csv");
    for (bytes, error) in cases {
        std::fs::write(&file, bytes).unwrap();
        let told = world.import_file(&[], &file);
        assert_eq!(told.lines(1, &secret), Vec::<&str>::new());
        assert!(told.errors.contains(error), "{error}: {}", told.errors);
    }
    let missing = world.import_file(&[], &world.dir.join("missing.csv"));
    assert_eq!(missing.lines(1, &secret), Vec::<&str>::new());
    assert!(
        missing.errors.contains("missing.csv: 읽을 수 없습니다 (cannot be read)"),
        "{}",
        missing.errors
    );

    // What a spreadsheet writes: a byte order mark and lines that end with CRLF.
    let header = KEYS.trim_end_matches(",reference");
    std::fs::write(&file, format!("\u{feff}{header}\r\n{text}\r\n")).unwrap();
    let told = world.import_file(&[], &file);
    let told = told.lines(0, &secret);
    assert!(told[0].starts_with("line 2: ok bk_") && told[0].ends_with(" user-1"), "{told:?}");
    assert_eq!(told[1], "1 lines, 1 good, 0 bad: imported");

    // With another secret the service could not read what is sealed now.
    std::fs::remove_file(world.dir.join("billing_key_secret")).unwrap();
    let told = world.import_file(&[], &file);
    assert_eq!(told.lines(1, &secret), Vec::<&str>::new());
    assert!(told.errors.contains("BILLING_KEY_SECRET is not this database's"), "{}", told.errors);
    assert_eq!(world.rows().await, (1, 0));
}
