//! Looks for marks, in all their forms at once.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, BuildError};

use crate::self_check::forms;
use crate::self_check::marks::Mark;

/// Where something was left, and all of it.
pub struct Place {
    /// Its name in reports.
    pub name: String,
    /// What is there.
    pub bytes: Vec<u8>,
}

/// What was found: a mark by its number, and the form.
pub type Find = (usize, &'static str);

/// Looks for a list of marks.
pub struct Searcher {
    marks: Vec<Mark>,
    patterns: Vec<Find>,
    automaton: AhoCorasick,
}

impl Searcher {
    /// For these marks, by number.
    pub fn new(marks: Vec<Mark>) -> Result<Self, BuildError> {
        let mut patterns = Vec::new();
        let mut bytes = Vec::new();
        for (n, mark) in marks.iter().enumerate() {
            for (form, pattern) in forms::of(mark) {
                patterns.push((n, form));
                bytes.push(pattern);
            }
        }
        let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(&bytes)?;
        Ok(Self { marks, patterns, automaton })
    }

    /// The marks, by number.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// Every form of every mark that is in `bytes`.
    pub fn find(&self, bytes: &[u8]) -> BTreeSet<Find> {
        let found = self.automaton.find_overlapping_iter(bytes);
        let counts = found.filter(|hit| {
            let (mark, form) = self.patterns[hit.pattern().as_usize()];
            let is_plain = form == "plain" && self.marks[mark].is_short();
            !is_plain || stands_alone(bytes, hit.start(), hit.end())
        });
        counts.map(|hit| self.patterns[hit.pattern().as_usize()]).collect()
    }

    /// Whether it finds each form of each mark that it looks for.
    pub fn finds_all_forms(&self) -> bool {
        let marks = self.marks.iter().enumerate();
        let all = marks.flat_map(|(n, mark)| forms::of(mark).into_iter().map(move |f| (n, f)));
        all.into_iter().all(|(n, (form, bytes))| self.find(&bytes).contains(&(n, form)))
    }
}

/// Neither within a longer word or number nor the fraction of a second.
fn stands_alone(bytes: &[u8], start: usize, end: usize) -> bool {
    let before = start.checked_sub(1).and_then(|at| bytes.get(at));
    let word = |b: &u8| b.is_ascii_alphanumeric();
    !before.is_some_and(|b| word(b) || *b == b'.') && !bytes.get(end).is_some_and(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn searcher() -> Searcher {
        let mark = |value: &str| Mark { kind: "card number", value: value.to_owned() };
        Searcher::new(vec![mark("5314928706173582"), mark("770707")]).unwrap()
    }

    #[test]
    fn a_card_is_found_in_each_form_in_which_it_could_leak() {
        for (leak, form) in [
            ("\"cardNumber\":\"5314928706173582\"", "plain"),
            ("5314-9287-0617-3582", "in groups"),
            ("/billing/payment/5314%209287%200617%203582", "in groups"),
            ("2853716078294135", "reversed"),
            ("\\x7b2235333134393238373036313733353832227d", "hex"),
            ("NTMxNDkyODcwNjE3MzU4Mg==", "base64"),
            ("c6NTMxNDkyODcwNjE3MzU4Mg", "base64"),
            ("%35%33%31%34%39%32%38%37%30%36%31%37%33%35%38%32", "percent-encoded"),
            ("５３１４９２８７０６１７３５８２", "full width"),
            ("\u{0}5.3.1.4.9.2.8.7.0.6.1.7.3.5.8.2".replace('.', "\0").as_str(), "UTF-16"),
        ] {
            assert!(searcher().find(leak.as_bytes()).contains(&(0, form)), "{leak}");
        }
        let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest("5314928706173582"));
        assert!(searcher().find(hash.to_uppercase().as_bytes()).contains(&(0, "hashed")));
    }

    #[test]
    fn a_birth_date_is_found_where_it_is_no_part_of_a_number() {
        assert_eq!(searcher().find(br#"{"CARDAUTH":"770707"}"#).len(), 1);
        for other in ["2026-11-25T04:09:59.770707+09:00", "1770707", "531492******3582"] {
            assert!(searcher().find(other.as_bytes()).is_empty(), "{other}");
        }
    }
}
