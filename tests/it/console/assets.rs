//! The files that pages load: what was released, under its licence, and nothing from elsewhere.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::{KEYED, Visitor};
use crate::access::OF_SETTINGS;
use crate::support::app::TestApp;

/// Released files of others as they are in the package of the registry, with their SHA-256.
const VENDORED: [(&str, &str); 5] = [
    ("htmx-2.0.11.min.js", "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"),
    ("htmx-LICENSE", "d3d2456f76414f2456104660ebd65aff1c04cd7966b942bdabd63f3cdb316a38"),
    (
        "uPlot-1.6.32.iife.min.js",
        "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    ),
    ("uPlot-1.6.32.min.css", "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"),
    ("uPlot-LICENSE", "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd"),
];
/// Our own.
const OWN: [&str; 2] = ["charts.js", "console.js"];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console/assets")
}

#[test]
fn what_others_wrote_is_as_they_released_it_with_its_licence() {
    for (name, hash) in VENDORED {
        let content = std::fs::read(folder().join(name)).unwrap();
        assert_eq!(hex::encode(Sha256::digest(&content)), hash, "{name}");
    }
    let axe = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/axe-core-4.14.1.min.js");
    let axe = hex::encode(Sha256::digest(std::fs::read(axe).unwrap()));
    assert_eq!(axe, "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c");
    let licence = |name: &str| std::fs::read_to_string(folder().join(name)).unwrap();
    assert!(licence("htmx-LICENSE").contains("Zero-Clause BSD"));
    assert!(licence("uPlot-LICENSE").contains("The MIT License"));
    let mut known: Vec<&str> = VENDORED.iter().map(|(name, _)| *name).chain(OWN).collect();
    known.sort_unstable();
    let entries = std::fs::read_dir(folder()).unwrap();
    let mut found: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, known, "every file is listed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_loads_files_of_this_service_alone_by_their_hash_and_they_may_be_kept() {
    let app = TestApp::with(&KEYED).await;
    let mut visitor = Visitor::signed_in(&app, OF_SETTINGS).await;
    let page = visitor.page("/console/status").await;
    let mut loaded = Vec::new();
    for part in page.split(['"', '\'']).filter(|part| part.starts_with("/assets/")) {
        let reply = app.get(part).await;
        assert_eq!(reply.status, 200, "{part}");
        let (_, hash, name) = {
            let mut parts = part.trim_start_matches('/').split('/');
            (parts.next(), parts.next().unwrap(), parts.next().unwrap())
        };
        let content = hex::encode(Sha256::digest(reply.text.as_bytes()));
        assert!(content.starts_with(hash) && hash.len() == 16, "{part}: {content}");
        assert_eq!(reply.headers["cache-control"], "public, max-age=31536000, immutable");
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
        loaded.push(name.to_owned());
        let other = part.replace(hash, "0123456789abcdef");
        app.get(&other).await.fails(404, "not_found");
    }
    loaded.sort_unstable();
    assert_eq!(loaded, ["console.js", "htmx.js", "look.css"]);
    for elsewhere in ["http://", "https://", "src=\"//", "url("] {
        let outside: Vec<_> = page.match_indices(elsewhere).collect();
        // The service's own address is among its settings.
        assert!(outside.is_empty() || elsewhere.starts_with("http"), "{elsewhere}");
    }
    let style = kiwoom_look::CSS;
    assert!(!style.contains("url(") && !style.contains("@import"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_front_door_leads_to_what_is_there() {
    let app = TestApp::start().await;
    let page = app.get("/").await;
    assert_eq!(page.status, 200);
    let there = ["/console", "/docs/", "/sandbox", "/easypay/sdk-example", "/health/ready"];
    for path in there {
        assert!(page.text.contains(&format!("href=\"{path}\"")), "{path}: {}", page.text);
        assert_eq!(app.get(path).await.status, 200, "{path}");
    }
    assert!(app.get("/sandbox").await.text.contains("href=\"/console/events\""));
    let app =
        TestApp::with(&[("CONSOLE_ENABLED", "false"), ("SDK_EXAMPLE_ENABLED", "false")]).await;
    let page = app.get("/").await.text;
    for path in ["/console", "/easypay/sdk-example"] {
        assert!(!page.contains(&format!("href=\"{path}\"")), "{page}");
        app.get(path).await.fails(404, "not_found");
    }
    let sandbox = app.get("/sandbox").await.text;
    assert!(sandbox.contains("id=\"events\"") && !sandbox.contains("/console"), "{sandbox}");
}
