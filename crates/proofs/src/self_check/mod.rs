//! `kiwoom-proofs self-check --leaks`: sends marked secrets through everything that the service
//! takes, lets everything happen to it, and then looks for them in all that it has left.
//!
//! The routes are those of the service's own description: a new one is covered by itself. At the end
//! every mark is planted in every place that was searched, and has to be found there: a search that
//! finds nothing because it is broken fails.

mod caller;
mod forms;
mod incidents;
mod marks;
mod notices;
mod places;
mod receiver;
mod report;
mod routes;
mod search;
mod stage;
mod story;
mod variants;

use std::path::Path;

use clap::Args;
use reqwest::Method;

use crate::process::Failure;
use marks::Marks;
use report::Report;
use routes::{Known, Operation};
use search::Searcher;
use stage::Stage;
use story::Story;

/// What to check.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Send marked secrets through every route, error, event and log level, and look for them in
    /// answers, logs, metrics, deliveries, files and the database
    #[arg(long, required = true)]
    pub leaks: bool,
}

/// Runs the program `service` and prints what was done and found. `Ok(false)` when a secret was left
/// somewhere, or something could not be exercised.
pub async fn run(service: &Path) -> Result<bool, Failure> {
    println!("self-check --leaks");
    let marks = Marks::make();
    let mut stage = Stage::start(service, &marks).await?;
    let mut report = Report::default();
    let keys = push(&mut stage, &marks, &mut report).await?;
    search(&mut stage, &marks, &keys, &mut report).await?;
    let clean = report.print();
    stage.stop(clean).await;
    Ok(clean)
}

/// Sends everything. Returns the secrets of the API keys that were made.
async fn push(
    stage: &mut Stage,
    marks: &Marks,
    report: &mut Report,
) -> Result<Vec<String>, Failure> {
    let doc = stage.callers[0].good(Method::GET, "/openapi.json", None).await.json;
    let operations = routes::operations(&doc);
    report.demand(&operations);
    let last = stage.callers.len() - 1;
    let lane = |n: usize| (last - n < 2).then_some(last - n);
    let merchants = stage.callers.iter().zip(&stage.sandbox_urls).enumerate();
    let told = merchants.map(|(n, (caller, sandbox_url))| {
        let story = Story { caller, marks, sandbox_url };
        let operations = &operations;
        async move { story.tell(operations, lane(n)).await }
    });
    let mut known = Vec::new();
    for (own, faults, notifications) in futures::future::try_join_all(told).await? {
        known.push(own);
        report.count("faults of the gateway", faults);
        report.count("notifications by hand", notifications);
    }
    report.took("good requests and faults");
    let merchants = stage.callers.iter().zip(&known);
    let sent = merchants.map(|(caller, known)| marked(caller, &operations, known, marks));
    let counts: Vec<usize> = futures::future::join_all(sent).await;
    report.count("marked requests", counts.iter().sum());
    report.took("marked requests");
    incidents::month(stage, marks).await?;
    let keys = incidents::keys(stage).await?;
    incidents::imports(stage, marks).await?;
    report.count("starts with wrong settings", incidents::settings(stage, marks).await?);
    report.took("commands");
    incidents::outage(stage, &operations, &known[0], marks).await?;
    for caller in &stage.callers {
        let shown = caller.good(Method::GET, "/metrics", None).await.text;
        stage.metrics.extend(shown.bytes());
    }
    report.require("a core file would be empty", stage.writes_no_core());
    report.require("SIGTERM ends the services", stage.terminate().await?);
    report.took("outage and stop");
    report.answers(&stage.callers[0].answers().seen);
    Ok(keys)
}

async fn marked(
    caller: &caller::Caller,
    operations: &[Operation],
    known: &Known,
    marks: &Marks,
) -> usize {
    let mut count = 0;
    for operation in operations {
        for ask in variants::of(operation, known, marks) {
            caller.ask(ask).await;
            count += 1;
        }
    }
    count
}

/// Looks for everything, and then for what it plants itself.
async fn search(
    stage: &mut Stage,
    marks: &Marks,
    keys: &[String],
    report: &mut Report,
) -> Result<(), Failure> {
    let autokeys = stage.autokeys()?;
    report.require("KiwoomPay gave out AUTOKEYs", autokeys.len() > stage.callers.len());
    let searcher = Searcher::new(marks.all(keys, &autokeys))?;
    report.require("each form of each mark is found", searcher.finds_all_forms());
    let answers = stage.callers[0].answers().bytes.clone();
    for place in stage.places().await? {
        report.searched(&searcher, &place);
        if place.name == "traces" {
            let text = String::from_utf8_lossy(&place.bytes);
            report.require("the collector was given spans", text.contains("POST /billing/pay"));
        }
        if place.name.starts_with("log, trace") {
            let text = String::from_utf8_lossy(&place.bytes);
            report.require("the lowest level is logged", text.contains("log started"));
            let library = |line: &&str| {
                let low = line.contains("TRACE") || line.contains("DEBUG");
                low && ["hyper", "reqwest", "sqlx"].iter().any(|name| line.contains(name))
            };
            report.require("libraries are held back", !text.lines().any(|l| library(&l)));
        }
    }
    report.took("search");
    let values: Vec<&str> = searcher.marks().iter().map(|mark| mark.value.as_str()).collect();
    stage.plant(&values.join("\n")).await?;
    for place in stage.places().await? {
        report.control(&searcher, &place);
    }
    report.took("search for what was planted");
    if report.failed() {
        // The one place that is in memory only, beside the others.
        std::fs::write(stage.dir.join("answers"), answers)?;
    }
    Ok(())
}
