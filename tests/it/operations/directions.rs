//! Which room of `src/` may import which: each only those below it, no circle reaches across two.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and the rooms that it may import. Commands may import all of them.
const MAY_IMPORT: &[(&str, &str)] = &[
    (
        "service",
        "console billing books easypay webhook events reconciliation api layers payments context access \
         config kiwoom storage http redact rules",
    ),
    ("console", "layers context access config http redact rules"),
    (
        "events",
        "billing easypay webhook api layers payments context access config kiwoom storage http \
         redact rules",
    ),
    ("billing", "api layers payments context access config kiwoom storage http redact rules"),
    ("books", "api layers payments context access config kiwoom storage http redact rules"),
    ("easypay", "api layers payments context access config kiwoom storage http redact rules"),
    ("webhook", "api layers payments context access config kiwoom storage http redact rules"),
    (
        "reconciliation",
        "api layers payments context access config kiwoom storage http redact tables rules",
    ),
    ("api", "payments context kiwoom storage http redact rules"),
    ("layers", "payments context access config kiwoom storage http redact rules"),
    ("payments", "context kiwoom storage redact rules"),
    ("context", "access config kiwoom storage rules"),
    ("access", "config storage http redact rules"),
    ("storage", "config http redact rules"),
    ("kiwoom", "http redact rules"),
    ("config", "redact rules"),
    ("http", "redact rules"),
    ("redact", "rules"),
    ("tables", "rules"),
    ("rules", ""),
];

fn sources(dir: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// Every `crate::room` in a source, whether in a `use`, in a path or in a grouped import.
fn rooms_named_in(text: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String {
        text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
    };
    let mut rooms = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => {
                let group = group.split(';').next().unwrap_or_default();
                rooms.extend(group.split([',', '{', '}']).map(|name| word(name.trim())));
            }
            None => rooms.extend([word(rest)]),
        }
    }
    rooms
}

#[test]
fn rooms_import_only_what_is_below_them() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut looked_at = BTreeSet::new();
    for path in sources(&src).into_iter().filter(|path| path.extension() == Some("rs".as_ref())) {
        let within = path.strip_prefix(&src).unwrap().with_extension("");
        let room = within.iter().next().unwrap().to_str().unwrap().to_owned();
        if ["lib", "main", "commands"].contains(&room.as_str()) {
            continue;
        }
        let row = MAY_IMPORT.iter().find(|row| row.0 == room);
        let (_, below) = row.unwrap_or_else(|| panic!("{room} is not in the table of directions"));
        let below: BTreeSet<_> = below.split_whitespace().collect();
        for named in rooms_named_in(&fs::read_to_string(&path).unwrap()) {
            let is_room = MAY_IMPORT.iter().any(|row| row.0 == named) || named == "commands";
            if is_room && named != room && !below.contains(named.as_str()) {
                wrong.push(format!("{} imports {named}", within.display()));
            }
        }
        looked_at.insert(room);
    }
    assert_eq!(looked_at.len(), MAY_IMPORT.len(), "a room of the table is gone: {looked_at:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
