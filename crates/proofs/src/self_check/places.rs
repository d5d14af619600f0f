//! The places where services leave something, and what a run puts there to be found.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::process::Failure;
use crate::self_check::search::Place;
use crate::self_check::stage::{LEVELS, Stage};

impl Stage {
    /// Everything that the services have left. The sandbox is KiwoomPay's side: it has card numbers
    /// by its nature, and its files are not searched.
    pub async fn places(&self) -> Result<Vec<Place>, Failure> {
        let place = |name: &str, bytes| Place { name: name.to_owned(), bytes };
        sqlx::query("checkpoint").execute(&self.admin).await?;
        let data: String = sqlx::query_scalar("show data_directory").fetch_one(&self.admin).await?;
        let private = self.private.as_ref().ok_or("PostgreSQL is away")?;
        let answers = self.callers.first().ok_or("no caller")?.answers().bytes.clone();
        let data = Path::new(&data);
        let mut dump = Vec::new();
        for (level, _, format) in LEVELS {
            dump.extend(private.dump(&format!("{level}-{format}")).await?);
        }
        let mut places = vec![
            place("answers", answers),
            place("output of commands", self.printed.clone()),
            place("metrics", self.metrics.clone()),
            place("deliveries to the merchant", self.receiver.told()),
            place("traces", self.receiver.traces()),
            place("pg_dump", dump),
            place("data files of PostgreSQL", files(&data.join("base"))?),
            place("write-ahead log", files(&data.join("pg_wal"))?),
            place("log of PostgreSQL", std::fs::read(self.dir.join("postgres.log"))?),
            place("DATA_DIR", files(&self.dir.join("data"))?),
        ];
        for (level, _, format) in LEVELS {
            let log = self.dir.join(format!("service-{level}-{format}.log"));
            places.push(place(&format!("log, {level}, {format}"), std::fs::read(log)?));
        }
        Ok(places)
    }

    /// Puts a text into every place: what a search finds that works.
    pub async fn plant(&mut self, text: &str) -> Result<(), Failure> {
        let pool = self.pools.last().ok_or("no database")?;
        for sql in [
            "create table planted (id int generated always as identity, text text, bytes bytea)",
            "alter table planted alter text set storage external",
        ] {
            sqlx::query(sql).execute(pool).await?;
        }
        for line in text.lines() {
            let insert = sqlx::query("insert into planted (text, bytes) values ($1, $2)");
            insert.bind(line).bind(line.as_bytes()).execute(pool).await?;
        }
        // A statement with a mistake: PostgreSQL repeats it in its log.
        let wrong = format!("select planted from nowhere /* {} */", text.replace("*/", "* /"));
        drop(sqlx::query(AssertSqlSafe(wrong)).execute(pool).await);
        self.printed.extend(text.bytes());
        self.metrics.extend(text.bytes());
        if let Some(caller) = self.callers.first() {
            caller.answers().bytes.extend(text.bytes());
        }
        let client = reqwest::Client::builder().no_proxy().build()?;
        for url in [&self.receiver.url, &format!("{}/v1/traces", self.receiver.collector)] {
            client.post(url).body(text.to_owned()).send().await?;
        }
        std::fs::write(self.dir.join("data/planted"), text)?;
        for (level, _, format) in LEVELS {
            let log = self.dir.join(format!("service-{level}-{format}.log"));
            let old = std::fs::read(&log)?;
            std::fs::write(log, [&old, text.as_bytes()].concat())?;
        }
        Ok(())
    }

    /// The AUTOKEYs that KiwoomPay gave out, from its own books.
    pub fn autokeys(&self) -> Result<Vec<String>, Failure> {
        let mut books = String::new();
        for entry in std::fs::read_dir(self.dir.join("data"))? {
            let ledger = entry?.path().join("sandbox/ledger.jsonl");
            books += &std::fs::read_to_string(ledger)?;
        }
        let events = books.lines().filter_map(|line| serde_json::from_str(line).ok());
        let key = |event: Value| event["autoKey"].as_str().map(str::to_owned);
        Ok(events.filter_map(key).collect::<BTreeSet<_>>().into_iter().collect())
    }
}

/// The bytes of all files below a folder, but for the sandbox's.
fn files(dir: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "sandbox") {
                bytes.extend(files(&path)?);
            }
        } else {
            match std::fs::read(&path) {
                Ok(file) => bytes.extend(file),
                // PostgreSQL has removed it meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(bytes)
}
