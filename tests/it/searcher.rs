//! Looks for secrets in everything that a service leaves behind.

use std::path::Path;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// Texts by where they were found.
#[derive(Default)]
pub struct Searcher {
    texts: Vec<(String, String)>,
}

impl Searcher {
    pub fn add(&mut self, origin: impl Into<String>, text: impl Into<String>) {
        self.texts.push((origin.into(), text.into()));
    }

    /// Every file below `dir` whose name `wanted` accepts.
    pub fn add_files(&mut self, dir: &Path, wanted: &dyn Fn(&str) -> bool) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !wanted(&name) {
                continue;
            }
            if path.is_dir() {
                self.add_files(&path, wanted);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                self.add(path.display().to_string(), String::from_utf8_lossy(&bytes));
            }
        }
    }

    /// Every row of every table; bytes as hex.
    pub async fn add_database(&mut self, url: &str) {
        let mut db = PgConnection::connect(url).await.unwrap();
        let tables: Vec<String> = sqlx::query_scalar(
            "select table_name::text from information_schema.tables where table_schema = 'public'",
        )
        .fetch_all(&mut db)
        .await
        .unwrap();
        assert!(tables.len() > 5, "{tables:?}");
        for table in tables {
            let query = format!("select t::text from \"{table}\" t");
            let rows: Vec<String> =
                sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(&mut db).await.unwrap();
            self.add(format!("table {table}"), rows.join("\n"));
        }
    }

    /// Where `secret` stands: as it is, in groups, or as the hex of its bytes.
    pub fn find(&self, secret: &str) -> Vec<&str> {
        let hex = hex::encode(secret);
        let base64ish = |c: char| !matches!(c, ' ' | '-' | '_' | '.');
        let digits = secret.len() > 12 && secret.bytes().all(|b| b.is_ascii_digit());
        let found = self.texts.iter().filter(|(_, text)| {
            let squeezed = || text.chars().filter(|c| base64ish(*c)).collect::<String>();
            stands_alone(text, secret)
                || text.contains(&hex)
                || digits && squeezed().contains(secret)
        });
        found.map(|(origin, _)| origin.as_str()).collect()
    }
}

/// Six digits also occur in the fraction of a second and in ids: a short secret counts when it is a
/// word of its own.
fn stands_alone(text: &str, secret: &str) -> bool {
    let short = secret.len() < 8;
    let word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.match_indices(secret).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + secret.len()..].chars().next();
        !short || !word(before) && !word(after)
    })
}

#[test]
fn a_secret_is_found_in_each_form_in_which_it_could_leak() {
    let card = "5314928706173582";
    for leak in [
        "\"cardNumber\":\"5314928706173582\"",
        "5314-9287-0617-3582",
        "5314 9287 0617 3582",
        "\\x7b2235333134393238373036313733353832227d",
    ] {
        let mut searcher = Searcher::default();
        searcher.add("leak", leak);
        assert_eq!(searcher.find(card), ["leak"], "{leak}");
    }
    let mut searcher = Searcher::default();
    searcher.add("leak", r#"{"CARDAUTH":"770707"}"#);
    searcher.add("a moment", "2026-11-25T04:09:59.770707Z");
    searcher.add("masked", "531492******3582");
    assert_eq!(searcher.find("770707"), ["leak"]);
    assert!(searcher.find(card).is_empty());
}
