//! What a run did and found. Secrets are named by their kind and form, never shown.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::self_check::routes::Operation;
use crate::self_check::search::{Place, Searcher};

/// See the module.
pub struct Report {
    counts: BTreeMap<&'static str, usize>,
    operations: Vec<String>,
    lines: Vec<String>,
    problems: Vec<String>,
    marks: usize,
    hits: usize,
    since: Instant,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            counts: BTreeMap::new(),
            operations: Vec::new(),
            lines: Vec::new(),
            problems: Vec::new(),
            marks: 0,
            hits: 0,
            since: Instant::now(),
        }
    }
}

impl Report {
    /// Each of these has to be called, and to succeed once.
    pub fn demand(&mut self, operations: &[Operation]) {
        self.operations = operations.iter().map(Operation::name).collect();
        self.require("the service describes its routes", !operations.is_empty());
    }

    /// Counts what was done.
    pub fn count(&mut self, what: &'static str, count: usize) {
        *self.counts.entry(what).or_default() += count;
    }

    /// Says how long the part took that ends here.
    pub fn took(&mut self, part: &str) {
        println!("  {part}: {} s", self.since.elapsed().as_secs());
        self.since = Instant::now();
    }

    /// Something without which the run proves nothing.
    pub fn require(&mut self, what: &str, holds: bool) {
        if !holds {
            self.problems.push(format!("not so: {what}"));
        }
    }

    /// What the operations were answered with.
    pub fn answers(&mut self, seen: &BTreeMap<String, BTreeMap<u16, u64>>) {
        let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
        for (status, count) in seen.values().flatten() {
            *statuses.entry(*status).or_default() += count;
        }
        for operation in &self.operations {
            let answers = seen.get(operation);
            if !answers.is_some_and(|s| s.keys().any(|status| (200..300).contains(status))) {
                self.problems.push(format!("{operation} was never answered with success"));
            }
        }
        let statuses: Vec<String> = statuses.iter().map(|(s, n)| format!("{s}: {n}")).collect();
        self.lines.push(format!("operations of the description: {}", self.operations.len()));
        self.lines.push(format!("answers by status: {}", statuses.join(", ")));
    }

    /// Looks into a place.
    pub fn searched(&mut self, searcher: &Searcher, place: &Place) {
        let found = searcher.find(&place.bytes);
        let kinds: BTreeSet<(&str, &str)> =
            found.iter().map(|(mark, form)| (searcher.marks()[*mark].kind, *form)).collect();
        for (kind, form) in kinds {
            self.problems.push(format!("LEAK: {kind}, {form}, in {}", place.name));
        }
        self.hits += found.len();
        self.marks = searcher.marks().len();
        let (name, bytes, hits) = (&place.name, place.bytes.len(), found.len());
        self.lines.push(format!("{name:<32} {bytes:>12} bytes  {hits} hits"));
    }

    /// Each mark was planted there and has to be found.
    pub fn control(&mut self, searcher: &Searcher, place: &Place) {
        let found: BTreeSet<usize> =
            searcher.find(&place.bytes).into_iter().map(|(mark, _)| mark).collect();
        let missed = (0..searcher.marks().len()).filter(|mark| !found.contains(mark));
        let missed: BTreeSet<&str> = missed.map(|mark| searcher.marks()[mark].kind).collect();
        for kind in missed {
            self.problems.push(format!("planted in {} and not found: {kind}", place.name));
        }
        self.count("places in which every planted mark was looked for", 1);
    }

    /// Whether anything was found or not done.
    pub fn failed(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Prints all of it; whether nothing was found and everything was done.
    pub fn print(&self) -> bool {
        for (what, count) in &self.counts {
            println!("  {what}: {count}");
        }
        for line in &self.lines {
            println!("  {line}");
        }
        for problem in &self.problems {
            println!("  {problem}");
        }
        println!("  not searched: the sandbox's books and log, which are KiwoomPay's side");
        println!("  not exercised: a panic in a service, which no request can cause");
        let verdict = if self.problems.is_empty() { "clean" } else { "FAILED" };
        println!("verdict: {verdict}, {} hits of {} secrets", self.hits, self.marks);
        self.problems.is_empty()
    }
}
