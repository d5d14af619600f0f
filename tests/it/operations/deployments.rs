//! What `ops/` and the files of Compose hand to the service is what it asks for in production, and what
//! ends it waits until it has ended. `scripts/check-ops.sh` holds the files to their own schemas.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use kiwoom_billing::config::Config;

use crate::support::process::Folder;

const UNIT: &str = include_str!("../../../ops/systemd/kiwoom-billing.service");
const EXAMPLE: &str = include_str!("../../../ops/systemd/settings.example");
const MANIFEST: &str = include_str!("../../../ops/kubernetes/kiwoom-billing.yaml");
const MIGRATE: &str = include_str!("../../../ops/kubernetes/migrate.yaml");
const COMPOSE: &str = include_str!("../../../compose.yaml");
const PRODUCTION: &str = include_str!("../../../compose.production.yaml");
const DOCUMENT: &str = include_str!("../../../docs/deployment.md");
const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

type Settings = BTreeMap<String, String>;

fn pair(line: &str, between: &str) -> Option<(String, String)> {
    let (name, value) = line.trim().split_once(between)?;
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    is_name.then(|| (name.to_owned(), value.trim_matches('"').to_owned()))
}

fn of_systemd() -> Settings {
    let own = UNIT
        .lines()
        .filter_map(|line| line.strip_prefix("Environment="))
        .flat_map(str::split_whitespace);
    own.chain(EXAMPLE.lines()).filter_map(|line| pair(line, "=")).collect()
}

/// Of the `ConfigMap`, and the names of what comes out of Secrets.
fn of_kubernetes() -> Settings {
    let (map, rest) = MANIFEST.split_once("\n---\n").unwrap();
    let secret = rest.lines().filter_map(|line| line.trim().strip_prefix("- name: "));
    let secret = secret.filter_map(|name| pair(&format!("{name}="), "="));
    map.lines().filter_map(|line| pair(line, ": ")).chain(secret).collect()
}

/// Of the service in both files, without what Compose puts in, and of the document's example.
fn of_compose() -> Settings {
    let service = |text: &'static str| {
        let block = text.split("\n  kiwoom-billing:\n").nth(1).unwrap();
        block.split("\n\n").next().unwrap().lines().filter_map(|line| pair(line, ": "))
    };
    let example = DOCUMENT.split("cat > kiwoom-billing.env").nth(1).unwrap();
    let example = example.split("END\n").nth(1).unwrap().lines().filter_map(|line| pair(line, "="));
    let with_default = |(name, value): (String, String)| match value.split_once(":-") {
        Some((_, default)) => (name, default.trim_end_matches('}').to_owned()),
        None => (name, value),
    };
    service(COMPOSE).chain(service(PRODUCTION)).chain(example).map(with_default).collect()
}

/// The settings with what only an operator knows, read.
fn read(name: &str, mut settings: Settings) -> Config {
    let known = include_str!("../../../.env.example");
    for setting in settings.keys() {
        assert!(known.contains(&format!("\n# {setting}=")), "{name}: {setting} is no setting");
    }
    let dir = Folder::new();
    let secret = dir.join("secret");
    std::fs::write(&secret, HEX).unwrap();
    std::fs::set_permissions(&secret, Permissions::from_mode(0o440)).unwrap();
    for (setting, value) in [
        ("BILLING_KEY_SECRET_FILE", secret.display().to_string()),
        ("BILLING_KEY_SECRET", HEX.to_owned()),
        ("DATABASE_URL", "postgres://kiwoom_service:x@db.example.com/kiwoom_billing".to_owned()),
        ("KIWOOM_CPID", "CPID1234".to_owned()),
        ("KIWOOM_PROD_AUTH_KEY", HEX.to_owned()),
    ] {
        settings.entry(setting.to_owned()).and_modify(|given| *given = value);
    }
    let config = Config::from_lookup(|name| settings.get(name).cloned());
    config.unwrap_or_else(|problems| panic!("{name}: {problems:?}"))
}

/// The seconds after a word.
#[track_caller]
fn seconds(text: &str, word: &str) -> Duration {
    let after = text.split(word).nth(1).unwrap();
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    Duration::from_secs(digits.parse().unwrap())
}

#[test]
fn each_gives_the_service_what_production_asks_for_and_the_time_that_a_stop_takes() {
    for (name, settings, waits) in [
        ("systemd", of_systemd(), seconds(UNIT, "TimeoutStopSec=")),
        ("Kubernetes", of_kubernetes(), seconds(MANIFEST, "terminationGracePeriodSeconds: ")),
        ("Compose", of_compose(), seconds(COMPOSE, "stop_grace_period: ")),
    ] {
        let config = read(name, settings);
        assert!(config.is_production(), "{name}");
        assert!(!config.trusted_proxies.is_empty(), "{name}");
        let stop = config.shutdown_drain + config.kiwoom.timeout + Duration::from_secs(5);
        assert!(waits >= stop, "{name}: {waits:?} for {stop:?}");
    }
}

#[test]
fn the_owner_s_password_is_for_the_migration_alone() {
    let owner = "{name: kiwoom-billing-owner, key: database-url}";
    assert!(MIGRATE.contains(owner) && !MANIFEST.contains("{name: kiwoom-billing-owner"));
    let service = PRODUCTION.split("\n  migrate:\n").next().unwrap();
    for password in ["OWNER_", "POSTGRES_PASSWORD"] {
        assert!(!service.split("services:").nth(1).unwrap().contains(password), "{password}");
    }
    // What Compose itself reads is not handed on.
    assert!(!COMPOSE.contains("path: .env\n") && !PRODUCTION.contains("path: .env\n"));
}

#[test]
fn production_has_no_default_password() {
    for line in PRODUCTION.lines().filter(|line| !line.trim().starts_with('#')) {
        for given in line.split("${").skip(1) {
            let given = given.split('}').next().unwrap();
            let is_empty = given.ends_with(":-") || given.contains(":?");
            assert!(is_empty || given.starts_with("TRUSTED_PROXIES"), "{line}");
        }
        assert!(!line.contains("://"), "{line}");
    }
}

#[test]
fn the_manifests_run_this_version() {
    let image = concat!("image: kiwoom-billing:", env!("CARGO_PKG_VERSION"), "\n");
    assert!(MANIFEST.contains(image) && MIGRATE.contains(image), "{image}");
}
