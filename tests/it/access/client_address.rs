//! Whose address counts: over HTTP, with every way to write a list of addresses, from a peer that
//! is a proxy of ours and from one that is not.

use reqwest::Method;

use crate::support::app::TestApp;
use crate::support::production::{Durable, MERCHANT, production};
use crate::support::window::{answered, paid};

/// Header lines as they come, and whether KiwoomPay is let in when the peer is a proxy of ours (so
/// are 10.0.0.0/8 and `fd00::/8`). `K` is an address of KiwoomPay's, `X` a stranger's, `P` a
/// proxy's.
const LISTS: [(&[(&str, &str)], bool); 64] = [
    (&[], false),
    (&[("x-forwarded-for", "")], false),
    (&[("x-forwarded-for", " ")], false),
    (&[("x-forwarded-for", ",")], false),
    (&[("x-forwarded-for", ", ,")], false),
    (&[("x-forwarded-for", "K")], true),
    (&[("X-FORWARDED-FOR", "K")], true),
    (&[("x-forwarded-for", "  K  ")], true),
    (&[("x-forwarded-for", "\tK\t")], true),
    (&[("x-forwarded-for", "K,")], true),
    (&[("x-forwarded-for", ",K")], true),
    (&[("x-forwarded-for", "X")], false),
    (&[("x-forwarded-for", "P")], false),
    (&[("x-forwarded-for", "P,P")], false),
    // The right-most that is no proxy of ours counts; what stands before it is anybody's.
    (&[("x-forwarded-for", "K,P")], true),
    (&[("x-forwarded-for", "K, P, P")], true),
    (&[("x-forwarded-for", "K , P ,P ")], true),
    (&[("x-forwarded-for", "X,K")], true),
    (&[("x-forwarded-for", "X, K, P")], true),
    (&[("x-forwarded-for", "unknown, K")], true),
    (&[("x-forwarded-for", "'; drop table payments; --, K")], true),
    (&[("x-forwarded-for", "K,X")], false),
    (&[("x-forwarded-for", "K,K,X")], false),
    (&[("x-forwarded-for", "K,X,P")], false),
    (&[("x-forwarded-for", "K,P,X")], false),
    (&[("x-forwarded-for", "127.0.0.1, X")], false),
    (&[("x-forwarded-for", "X, 127.0.0.1")], false),
    (&[("x-forwarded-for", "K, 127.0.0.1")], true),
    // Several lines are one list.
    (&[("x-forwarded-for", "K"), ("x-forwarded-for", "P")], true),
    (&[("x-forwarded-for", "X"), ("x-forwarded-for", "K")], true),
    (&[("x-forwarded-for", "K"), ("x-forwarded-for", "X")], false),
    (&[("x-forwarded-for", "K"), ("x-forwarded-for", "")], true),
    (&[("x-forwarded-for", "X"), ("x-forwarded-for", "")], false),
    (&[("x-forwarded-for", "K"), ("X-Forwarded-For", "X, P")], false),
    // Other ways to write the same address.
    (&[("x-forwarded-for", "K:443")], true),
    (&[("x-forwarded-for", "::ffff:K")], true),
    (&[("x-forwarded-for", "[::ffff:K]")], true),
    (&[("x-forwarded-for", "[::ffff:K]:443")], true),
    (&[("x-forwarded-for", "::FFFF:1b66:d5c8")], true),
    (&[("x-forwarded-for", "K, fd00::7")], true),
    (&[("x-forwarded-for", "K, [fd00::7]:8443")], true),
    (&[("x-forwarded-for", "K, ::ffff:10.0.0.9")], true),
    (&[("x-forwarded-for", "K, [::ffff:10.0.0.9]:1")], true),
    (&[("x-forwarded-for", "K, 2001:db8::1")], false),
    (&[("x-forwarded-for", "K, [2001:db8::1]")], false),
    (&[("x-forwarded-for", "::K")], false),
    (&[("x-forwarded-for", "64:ff9b::K")], false),
    // What is no address lets nobody in, and is not skipped.
    (&[("x-forwarded-for", "K, unknown")], false),
    (&[("x-forwarded-for", "K, _hidden")], false),
    (&[("x-forwarded-for", "K K")], false),
    (&[("x-forwarded-for", "K;K")], false),
    (&[("x-forwarded-for", "[K]")], false),
    (&[("x-forwarded-for", "[[::ffff:K]]")], false),
    (&[("x-forwarded-for", "K]")], false),
    (&[("x-forwarded-for", "K:")], false),
    (&[("x-forwarded-for", "K:99999")], false),
    (&[("x-forwarded-for", "\"K\"")], false),
    (&[("x-forwarded-for", "for=K")], false),
    (&[("x-forwarded-for", "027.102.213.200")], false),
    (&[("x-forwarded-for", "27.102.213.200.")], false),
    (&[("x-forwarded-for", "461789640")], false),
    (&[("x-forwarded-for", "K"), ("x-forwarded-for", "\u{ff}\u{fe}")], false),
    // No other header is read.
    (
        &[
            ("forwarded", "for=K;proto=https"),
            ("x-real-ip", "K"),
            ("client-ip", "K"),
            ("true-client-ip", "K"),
            ("cf-connecting-ip", "K"),
            ("x-client-ip", "K"),
            ("x-cluster-client-ip", "K"),
            ("x-forwarded", "K"),
            ("x-forwarded-host", "K"),
            ("via", "1.1 K"),
        ],
        false,
    ),
    (&[("x-forwarded-for", "X"), ("forwarded", "for=K"), ("x-real-ip", "K")], false),
];

fn written(list: &str) -> String {
    let addresses = [("K", "27.102.213.200"), ("X", "8.8.8.8"), ("P", "10.0.0.9")];
    addresses.iter().fold(list.to_owned(), |text, (name, address)| text.replace(name, address))
}

/// A service in production with these proxies: it lets KiwoomPay in and this machine not.
async fn behind(database: &str, proxies: &str) -> TestApp {
    let mut settings = production(database);
    settings.push(("TRUSTED_PROXIES", proxies));
    TestApp::with(&settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_proxy_of_ours_says_whose_request_it_is() {
    let durable = Durable::start().await;
    let ours = behind(&durable.database, "127.0.0.1, 10.0.0.0/8, fd00::/8").await;
    let not_ours = behind(&durable.database, "10.0.0.0/8, fd00::/8").await;
    let told = paid("O-1", "t1", 9900).replace(kiwoom_sandbox::CPID, MERCHANT);
    let (mut tried, mut strangers) = (0, 0);
    for (lines, is_let_in) in LISTS {
        for (app, is_let_in) in [(&ours, is_let_in), (&not_ours, false)] {
            for path in ["/webhook/kiwoom", "/webhook/noti"] {
                let mut request = app.request(Method::GET, &format!("{path}?{told}"));
                for (name, list) in lines {
                    // Bytes of no charset, as one character each.
                    let bytes: Vec<u8> = written(list).chars().map(|c| c as u8).collect();
                    request = request.header(*name, bytes.as_slice());
                }
                let reply = app.send(request).await;
                // The order is nobody's, which only who is let in is told.
                let expected = if is_let_in { 404 } else { 403 };
                assert_eq!(reply.status, expected, "{lines:?} {path} {is_let_in}");
                answered(&reply, expected);
                tried += 1;
            }
        }
        strangers += if is_let_in { 2 } else { 4 };
    }
    assert_eq!(tried, 4 * LISTS.len());
    let health = ours.webhook_health().await;
    let rejected = health["rejected24h"].as_i64().unwrap();
    let known = i64::try_from(tried - strangers).unwrap();
    let strangers = i64::try_from(strangers).unwrap();
    assert!((strangers..=strangers + known).contains(&rejected), "{rejected} of {strangers}");
    durable.stop().await;
}
