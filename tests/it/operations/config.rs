//! Settings: what stops the start, what it says, and what it never says.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use kiwoom_billing::config::{Config, Problem};

const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn read(settings: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
    let settings: HashMap<_, _> = settings.iter().copied().collect();
    Config::from_lookup(|name| settings.get(name).map(ToString::to_string))
}

fn problems(settings: &[(&str, &str)]) -> Vec<String> {
    let problems = read(settings).expect_err("a wrong setting");
    problems.iter().map(ToString::to_string).collect()
}

fn production() -> Vec<(&'static str, &'static str)> {
    vec![
        ("APP_ENV", "production"),
        ("PUBLIC_URL", "https://pay.example.com"),
        ("KIWOOM_CPID", "CPID1234"),
        ("KIWOOM_PROD_AUTH_KEY", HEX),
        ("DATABASE_URL", "postgres://u:p@db/x"),
        ("API_KEYS", "0123456789abcdef01234567"),
        ("BILLING_KEY_SECRET", HEX),
    ]
}

const MISSING: [&str; 5] = [
    "KIWOOM_CPID is missing: it takes the merchant id from KiwoomPay, at most 20 letters and digits",
    "KIWOOM_PROD_AUTH_KEY is missing: it takes the authentication key (연동키): 64 hexadecimal digits",
    "PUBLIC_URL is missing: it takes https://<your host>, where browsers and KiwoomPay reach the \
     service (https in production)",
    "DATABASE_URL is missing: it takes postgres://user:password@host:5432/database",
    "BILLING_KEY_SECRET is missing: it takes 64 hexadecimal digits, as `openssl rand -hex 32` prints \
     them",
];

#[test]
fn production_with_nothing_set_names_everything_that_is_missing_at_once() {
    for name in ["APP_ENV", "NODE_ENV"] {
        assert_eq!(problems(&[(name, "production")]), MISSING);
        let empty = [(name, "production"), ("KIWOOM_CPID", " "), ("API_KEYS", "")];
        assert_eq!(problems(&empty), MISSING);
    }
    // The test API's key is none for the real one.
    let test_key = [("APP_ENV", "production"), ("KIWOOM_TEST_AUTH_KEY", HEX)];
    assert_eq!(problems(&test_key), MISSING);
    let complete = read(&production()).expect("all that production needs");
    assert!(complete.is_production());
    assert!(!complete.sdk_example_enabled);
    assert_eq!(complete.host.to_string(), "0.0.0.0");
    assert!(
        !read(&[("APP_ENV", "development"), ("NODE_ENV", "production")]).unwrap().is_production()
    );
}

#[test]
fn the_public_address_of_production_is_https() {
    const ACCEPTED: &str = "PUBLIC_URL is wrong: it takes https://<your host>, where browsers and \
        KiwoomPay reach the service (https in production)";
    for plain in ["http://pay.example.com", "http://127.0.0.1:3000"] {
        let settings = [production(), vec![("PUBLIC_URL", plain)]].concat();
        assert_eq!(problems(&settings), [ACCEPTED], "{plain}");
        assert!(read(&[("PUBLIC_URL", plain)]).is_ok(), "{plain} in development");
    }
    let url = read(&production()).unwrap().public_url.unwrap();
    assert_eq!(url.as_str(), "https://pay.example.com/");
}

#[test]
fn the_process_ends_with_2_and_says_so_on_standard_error() {
    let out = Command::new(env!("CARGO_BIN_EXE_kiwoom-billing"))
        .env_clear()
        .env("APP_ENV", "production")
        .env("PORT", "s3cret-port")
        .current_dir(std::env::temp_dir())
        .output()
        .expect("the program");
    assert_eq!(out.status.code(), Some(2));
    let port = "PORT is wrong: it takes a port from 0 to 65535";
    let mut expected = vec!["설정을 수정해 주세요 (the settings need a correction):".to_owned()];
    let lines = MISSING[..2].iter().chain([&port]).chain(&MISSING[2..]);
    expected.extend(lines.map(|line| format!("  - {line}")));
    let stderr = String::from_utf8(out.stderr).unwrap();
    assert_eq!(stderr.lines().collect::<Vec<_>>(), expected);
    assert_eq!(String::from_utf8(out.stdout).unwrap(), "");
}

#[test]
fn each_wrong_value_is_named_with_what_is_accepted_and_never_shown() {
    const SWITCH: &str = "true or false";
    const URL: &str = "an http or https URL";
    const KEYS: &str = "keys of at least 24 visible ASCII characters, separated by commas";
    const AUTH_KEY: &str = "the authentication key (연동키): 64 hexadecimal digits";
    const SECRET: &str = "64 hexadecimal digits, as `openssl rand -hex 32` prints them";
    const NETS: &str = "IP addresses or networks (10.0.0.0/8), comma-separated";
    const DAYS: &str = "increasing days from 1 to 27, comma-separated, or none";
    let cases = [
        ("APP_ENV", "s3cret", "development (test API) or production (real API)"),
        ("NODE_ENV", "s3cret", "development (test API) or production (real API)"),
        ("HOST", "s3cret", "an IP address"),
        ("PORT", "65536", "a port from 0 to 65535"),
        ("PUBLIC_URL", "s3cret", URL),
        ("PUBLIC_URL", "ftp://s3cret", URL),
        ("DATABASE_URL", "mysql://s3cret", "postgres://user:password@host:5432/database"),
        ("DATABASE_MAX_CONNECTIONS", "1", "a whole number from 2 to 1000"),
        ("DATABASE_MAX_CONNECTIONS", "1e2", "a whole number from 2 to 1000"),
        ("API_KEYS", "s3cret", KEYS),
        ("API_KEYS", "0123456789abcdef01234567,s3cret", KEYS),
        ("BILLING_KEY_SECRET", "s3cret", SECRET),
        ("BILLING_KEY_SECRET_OLD", "s3cret", SECRET),
        (
            "KIWOOM_CPID",
            "s3cret-s3cret",
            "the merchant id from KiwoomPay, at most 20 letters and digits",
        ),
        ("KIWOOM_TEST_AUTH_KEY", "s3cret", AUTH_KEY),
        ("KIWOOM_BILL_TYPE", "15", "one of 1, 2, 13, 14, 18"),
        ("KIWOOM_TIMEOUT_SECS", "0", "a whole number from 1 to 300"),
        ("KIWOOM_RATE_PER_SEC", "-1", "a whole number from 0 to 1000"),
        ("KIWOOM_DAILY_LIST_URL", "s3cret", URL),
        ("KIWOOM_DAILY_LIST_METHODS", "CC,s3cret!", "METHOD words, comma-separated, such as CC,B"),
        ("KAKAOPAY_ENABLED", "s3cret", SWITCH),
        ("NAVERPAY_ENABLED", "2", SWITCH),
        ("SAMSUNGPAY_ENABLED", "on", SWITCH),
        ("PAYCO_ENABLED", "켜기", SWITCH),
        ("ORDER_EXPIRES_MINUTES", "0", "a whole number from 1 to 43200"),
        ("WEBHOOK_ALLOWED_IPS", "s3cret", NETS),
        ("WEBHOOK_ALLOWED_IPS", "10.0.0.0/33", NETS),
        ("TRUSTED_PROXIES", "10.0.0.1,,10.0.0.2", NETS),
        ("SCHEDULER_ENABLED", "s3cret", SWITCH),
        ("SCHEDULER_INTERVAL_SECS", "3601", "a whole number from 1 to 3600"),
        ("CHARGE_HOUR", "24", "a whole number from 0 to 23"),
        ("RETRY_DAYS", "3,1", DAYS),
        ("RETRY_DAYS", "0", DAYS),
        ("RETRY_DAYS", "28", DAYS),
        ("RETRY_DAYS", "1,1", DAYS),
        ("RENEWAL_NOTICE_DAYS", "61", "a whole number from 0 to 60"),
        ("PRICE_RISE_FALLBACK", "s3cret", "keep_price or end"),
        ("MERCHANT_WEBHOOK_URL", "s3cret", URL),
        ("MERCHANT_WEBHOOK_SECRET", "s3cret", "whsec_ and at least 24 bytes in base64"),
        ("SDK_EXAMPLE_ENABLED", "s3cret", SWITCH),
        ("LOG_FORMAT", "s3cret", "pretty or json"),
        ("RUST_LOG", "info=s3cret=debug", "error, warn, info, debug, trace, or a filter of these"),
    ];
    for (name, value, accepted) in cases {
        let found = read(&[(name, value)]).expect_err(name);
        let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(shown, [format!("{name} is wrong: it takes {accepted}")]);
        assert!(!format!("{found:?}").contains("s3cret"), "{found:?}");
    }
    let everything: Vec<_> =
        cases.iter().filter(|case| case.0 != "NODE_ENV").map(|case| (case.0, case.1)).collect();
    let named: BTreeSet<_> = everything.iter().map(|(name, _)| *name).collect();
    let found: BTreeSet<_> =
        read(&everything).expect_err("all wrong").iter().map(|p| p.name).collect();
    assert_eq!(found, named);
}

#[test]
fn the_methods_of_the_window_are_switches_and_their_field_is_no_other_one() {
    for name in ["CARD_ENABLED", "BANK_ENABLED", "CARD_NUMBER_LUHN"] {
        let accepted = format!("{name} is wrong: it takes true or false");
        assert_eq!(problems(&[(name, "s3cret")]), [accepted]);
    }
    let field = "KIWOOM_METHODS_FIELD is wrong: it takes another spelling of SVCCDIN: at most 30 \
        letters and digits";
    for wrong in ["AMOUNT", "SVC s3cret", "SVC|DIN"] {
        assert_eq!(problems(&[("KIWOOM_METHODS_FIELD", wrong)]), [field], "{wrong}");
    }
    let read = |settings: &[(&str, &str)]| read(settings).unwrap().easypay.methods_field;
    assert_eq!(read(&[]), "SVCCDIN");
    assert_eq!(read(&[("KIWOOM_METHODS_FIELD", "svcCdIn")]), "svcCdIn");
}

#[test]
fn limits_are_whole_numbers_and_those_of_registrations_are_off_with_a_sandbox() {
    for (name, value) in [
        ("AUTH_FAILURES_PER_MINUTE", "-1"),
        ("REGISTER_CUSTOMER_PER_HOUR", "ten"),
        ("REGISTER_ADDRESS_PER_HOUR", "1.5"),
        ("REGISTER_KEY_PER_HOUR", "1000001"),
    ] {
        let accepted = format!("{name} is wrong: it takes a whole number from 0 to 1000000");
        assert_eq!(problems(&[(name, value)]), [accepted]);
    }
    let limits = |settings: &[(&str, &str)]| {
        let limits = read(settings).unwrap().limits;
        let by_customer = limits.register_customer_per_hour;
        let by_address = limits.register_address_per_hour;
        let by_key = limits.register_key_per_hour;
        (limits.auth_failures_per_minute, by_customer, by_address, by_key)
    };
    assert_eq!(limits(&[]), (30, 0, 0, 0));
    assert_eq!(limits(&[("KIWOOM_BASE_URL", "http://127.0.0.1:4000/sandbox")]), (30, 0, 0, 0));
    assert_eq!(limits(&production()), (30, 10, 600, 600));
    assert_eq!(limits(&[("REGISTER_KEY_PER_HOUR", "7")]), (30, 0, 0, 7));
}

#[test]
fn the_gateway_s_address_is_https_but_to_this_machine_in_development() {
    const ACCEPTED: &str = "KIWOOM_BASE_URL is wrong: it takes an https URL (http only to this \
        machine and only in development)";
    let at = |url: &'static str| [("KIWOOM_BASE_URL", url)];
    for url in ["http://127.0.0.1:4000/sandbox", "http://localhost:4000", "http://[::1]:4000"] {
        assert!(read(&at(url)).is_ok(), "{url}");
        let settings = [production(), at(url).to_vec()].concat();
        assert_eq!(problems(&settings), [ACCEPTED], "{url}");
    }
    for url in [
        "http://example.com",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "https://user:s3cret@api.kiwoompay.co.kr",
        "https://api.kiwoompay.co.kr?x=1",
    ] {
        assert_eq!(problems(&at(url)), [ACCEPTED], "{url}");
        let settings = [production(), at(url).to_vec()].concat();
        assert_eq!(problems(&settings), [ACCEPTED], "{url}");
    }
    let https = [production(), at("https://proxy.example.com/kiwoom").to_vec()].concat();
    assert!(read(&https).is_ok());
    let lonely = problems(&at("https://proxy.example.com"));
    let expected =
        "KIWOOM_BASE_URL is wrong: it takes a gateway only together with KIWOOM_CPID and key";
    assert_eq!(lonely, [expected]);
}

#[test]
fn every_wrong_line_of_the_codes_file_is_named_by_its_number_and_never_shown() {
    const LINE: &str = "KIWOOM_CODES_FILE is wrong: it takes a file with lines such as `1031 = later` \
        (later, never, our_mistake or unknown)";
    let path = std::env::temp_dir().join(format!("kb-{}", uuid::Uuid::now_v7().simple()));
    let file = [("KIWOOM_CODES_FILE", path.to_str().unwrap())];
    let unreadable = format!("{LINE}; it cannot be read (No such file or directory (os error 2))");
    assert_eq!(problems(&file), [unreadable]);
    let text = "# our list\n1031 = later\n1032 = maybe\n\ns3cret\n0000 = never\n1031 = never\n\
        1 = later = never\n= later\n\"a = never\n";
    std::fs::write(&path, text).unwrap();
    let none = |line: usize| format!("{LINE}; line {line} is none of them");
    let twice = format!("{LINE}; line 7 repeats a code");
    assert_eq!(problems(&file), [none(3), none(5), none(6), twice, none(8), none(9)]);
    std::fs::write(&path, "\u{feff}FAIL,FAIL = our_mistake\r\n\r\n 20xx=never \r\n-1 = unknown")
        .unwrap();
    let codes = read(&file).unwrap().kiwoom.codes;
    std::fs::remove_file(&path).unwrap();
    let names: Vec<_> = codes.iter().map(|row| row.0.as_str()).collect();
    assert_eq!(names, ["FAIL,FAIL", "20xx", "-1"]);
}

const SIGNING: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PREVIOUS: &str = "whsec_cHJldmlvdXMtc2VjcmV0LW9mLTI0LWJ5dGVzLS0=";

#[test]
fn deliveries_need_a_secret_and_https_in_production() {
    let url = |url: &'static str| ("MERCHANT_WEBHOOK_URL", url);
    let secret = ("MERCHANT_WEBHOOK_SECRET", SIGNING);
    assert!(read(&[url("http://127.0.0.1:9000/events"), secret]).is_ok());
    let lonely = problems(&[url("https://shop.example.com/events")]);
    let wrong = problems(&[("MERCHANT_WEBHOOK_PREVIOUS_SECRET", "s3cret")]);
    let accepted = "is wrong: it takes whsec_ and at least 24 bytes in base64";
    assert_eq!(wrong, [format!("MERCHANT_WEBHOOK_PREVIOUS_SECRET {accepted}")]);
    let missing =
        "MERCHANT_WEBHOOK_SECRET is missing: it takes whsec_ and at least 24 bytes in base64";
    assert_eq!(lonely, [missing]);
    let plain = [production(), vec![url("http://shop.example.com/events"), secret]].concat();
    assert_eq!(problems(&plain), ["MERCHANT_WEBHOOK_URL is wrong: it takes an https URL"]);
}

#[test]
fn the_types_that_are_delivered_are_named_or_all_of_an_object() {
    let types = |names: &'static str| {
        let url = ("MERCHANT_WEBHOOK_URL", "http://127.0.0.1:9000/events");
        let names = ("MERCHANT_WEBHOOK_EVENTS", names);
        read(&[url, ("MERCHANT_WEBHOOK_SECRET", SIGNING), names])
    };
    let found = |names| types(names).unwrap().merchant_webhook.unwrap().types;
    assert_eq!(found(""), None, "all of them");
    assert_eq!(found("payment.approved"), Some(vec!["payment.approved"]));
    let refunds = found("order.paid, refund.*").unwrap();
    assert_eq!(refunds[0], "order.paid");
    assert!(refunds.len() == 7 && refunds[1..].iter().all(|name| name.starts_with("refund.")));
    for wrong in ["s3cret", "payment.approved,,order.paid", "*", "payment*", "pay.*", "payment."] {
        let problems = types(wrong).expect_err(wrong);
        let text = problems[0].to_string();
        assert_eq!(problems.len(), 1, "{text}");
        assert!(text.starts_with("MERCHANT_WEBHOOK_EVENTS is wrong: it takes types of events"));
        assert!(text.contains("payment.approved, ") && !text.contains("s3cret"), "{text}");
    }
}

#[test]
fn the_daily_list_needs_its_password_and_https() {
    const LIST: &str = "https://agent.kiwoompay.co.kr/DailyTransactionDownLoad.jsp";
    let url = |url: &'static str| ("KIWOOM_DAILY_LIST_URL", url);
    let password = ("KIWOOM_DAILY_LIST_PASSWORD", "s3cret");
    assert!(read(&[]).unwrap().daily_list.is_none(), "off by default");
    let missing =
        "KIWOOM_DAILY_LIST_PASSWORD is missing: it takes the password of the merchant pages";
    assert_eq!(problems(&[url(LIST)]), [missing]);
    let both = [production(), vec![url(LIST), password]].concat();
    assert_eq!(read(&both).unwrap().daily_list.unwrap().methods, ["CC"]);
    let plain = [production(), vec![url("http://127.0.0.1/list"), password]].concat();
    let accepted = "KIWOOM_DAILY_LIST_URL is wrong: it takes an https URL (http only to this machine \
        and only in development)";
    assert_eq!(problems(&plain), [accepted]);
    assert!(read(&[url("http://127.0.0.1/list"), password]).is_ok());
}

#[test]
fn settings_do_not_print_their_secrets() {
    let mut settings = production();
    settings.push(("KIWOOM_DAILY_LIST_URL", "https://agent.kiwoompay.co.kr/list"));
    settings.push(("KIWOOM_DAILY_LIST_PASSWORD", "password-of-the-pages"));
    settings.push(("BILLING_KEY_SECRET_OLD", HEX));
    settings.push(("MERCHANT_WEBHOOK_URL", "https://shop.example.com/events"));
    settings.push(("MERCHANT_WEBHOOK_SECRET", SIGNING));
    settings.push(("MERCHANT_WEBHOOK_PREVIOUS_SECRET", PREVIOUS));
    let shown = format!("{:?}", read(&settings).unwrap());
    for secret in
        [HEX, "u:p@db", "0123456789abcdef01234567", SIGNING, PREVIOUS, "password-of-the-pages"]
    {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn a_secret_is_set_once_and_its_file_is_named_without_what_it_holds() {
    let path = std::env::temp_dir().join(format!("kb-{}", uuid::Uuid::now_v7().simple()));
    let file = path.to_str().unwrap();
    for name in ["BILLING_KEY_SECRET", "BILLING_KEY_SECRET_OLD"] {
        let file_name = format!("{name}_FILE");
        let set = |value: &str| problems(&[(&file_name, file), (name, value)]);
        let wrong = format!("{file_name} is wrong: it takes");
        assert_eq!(set(HEX), [format!("{wrong} a path only when {name} is not set")]);
        let missing = "a file that only its owner and group may use (No such file or directory \
            (os error 2))";
        assert_eq!(set(""), [format!("{wrong} {missing}")]);
        std::fs::write(&path, "s3cret").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let digits = "a file with 64 hexadecimal digits, as `openssl rand -hex 32` prints them";
        assert_eq!(set(""), [format!("{wrong} {digits}")]);
        std::fs::write(&path, format!("{HEX}\r\n")).unwrap();
        assert!(read(&[(&file_name, file)]).is_ok());
        std::fs::remove_file(&path).unwrap();
    }
    let production: Vec<_> = production().into_iter().filter(|s| s.1 != HEX).collect();
    assert_eq!(problems(&production).len(), 2, "the gateway's key, and this one");
}

/// The lines of `.env.example` that set something, with the text after `=`.
fn example() -> Vec<(&'static str, &'static str)> {
    let lines = include_str!("../../../.env.example").lines();
    let settings = lines.filter_map(|line| line.strip_prefix("# ")?.split_once('='));
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    settings.filter(|(name, _)| is_name(name)).collect()
}

#[test]
fn env_example_has_every_variable_that_is_read_and_no_other() {
    let asked = RefCell::new(BTreeSet::new());
    for settings in [vec![], production(), vec![("NODE_ENV", "production")]] {
        let settings: HashMap<_, _> = settings.into_iter().collect();
        let lookup = |name: &str| {
            asked.borrow_mut().insert(name.to_owned());
            settings.get(name).map(ToString::to_string)
        };
        drop(Config::from_lookup(lookup));
    }
    let listed: Vec<_> = example().iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), asked.into_inner());
    // In the order of the fields, as far as their documentation names the variables.
    let source = include_str!("../../../src/config/mod.rs");
    let fields = source.split("pub struct KiwoomConfig").next().unwrap();
    let places: Vec<_> =
        listed.iter().filter_map(|name| fields.find(&format!("`{name}`"))).collect();
    assert!(places.len() > 20 && places.is_sorted(), "{listed:?}");
}

#[test]
fn env_example_shows_the_defaults() {
    let gateway = [("KIWOOM_CPID", "CTEST"), ("KIWOOM_TEST_AUTH_KEY", HEX)];
    let default = format!("{:?}", read(&gateway).unwrap());
    for setting in example().into_iter().filter(|(_, value)| !value.is_empty()) {
        let same = read(&[&gateway[..], &[setting]].concat()).unwrap();
        assert_eq!(format!("{same:?}"), default, "{setting:?}");
    }
}
