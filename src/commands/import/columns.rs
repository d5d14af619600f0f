//! Which column of a file is what: told by the names in its first row, in English or Korean and in any
//! order.

use std::fmt::Write;

use unicode_normalization::UnicodeNormalization;

use crate::commands::import::sheet::SheetError;
use crate::redact::cards::mask_cards;
use crate::tables::letters;

/// How much of a name is shown, in characters.
const SHOWN: usize = 40;

/// What the rows of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Billing keys.
    Keys,
    /// Subscriptions.
    Subscriptions,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// Text, and ids that look like numbers.
    Text,
    /// A whole number.
    Number,
    /// A day.
    Day,
    /// JSON.
    Json,
}

/// A column that is known: its field, what it holds, whether it has to be there, and the other names
/// that it goes by, the Korean one first.
#[derive(Debug)]
pub(super) struct Column {
    pub field: &'static str,
    pub holds: Holds,
    pub is_needed: bool,
    names: &'static [&'static str],
}

const fn needed(field: &'static str, holds: Holds, names: &'static [&'static str]) -> Column {
    Column { field, holds, is_needed: true, names }
}

const fn optional(field: &'static str, holds: Holds, names: &'static [&'static str]) -> Column {
    Column { field, holds, is_needed: false, names }
}

const KEYS: [Column; 7] = [
    needed("customerId", Holds::Text, CUSTOMER_ID),
    needed("customerName", Holds::Text, &["고객명", "고객이름", "이름", "성명", "회원명"]),
    needed("autokey", Holds::Text, &["자동결제키"]),
    needed("cardCompanyCode", Holds::Text, &["카드사코드", "카드코드", "cardcode"]),
    needed("cardNumber", Holds::Text, &["카드번호", "cardno"]),
    optional("customerEmail", Holds::Text, &["이메일", "고객이메일", "이메일주소", "email"]),
    optional("reference", Holds::Text, &["관리번호"]),
];

const SUBSCRIPTIONS: [Column; 8] = [
    needed("billingKey", Holds::Text, &["빌링키"]),
    needed("customerId", Holds::Text, CUSTOMER_ID),
    needed("planId", Holds::Text, &["요금제ID", "요금제", "플랜ID", "플랜"]),
    needed("amount", Holds::Number, &["금액", "결제금액", "청구금액"]),
    needed("productName", Holds::Text, &["상품명"]),
    needed("cycleDay", Holds::Number, &["결제일", "청구일"]),
    needed("nextBillingDate", Holds::Day, &["다음결제일", "다음청구일"]),
    optional("metadata", Holds::Json, &["메타데이터"]),
];

const CUSTOMER_ID: &[&str] = &["고객ID", "고객아이디", "고객번호", "회원ID", "회원번호", "userid"];

/// What stands where in a file.
pub(super) struct Columns {
    pub kind: Kind,
    known: Vec<Known>,
    ignored: Vec<(usize, String)>,
}

/// A column of the file that is known.
pub(super) struct Known {
    pub at: usize,
    pub column: &'static Column,
    heading: String,
}

impl Kind {
    fn columns(self) -> &'static [Column] {
        match self {
            Self::Keys => &KEYS,
            Self::Subscriptions => &SUBSCRIPTIONS,
        }
    }

    /// As the report calls them.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keys => "billing keys",
            Self::Subscriptions => "subscriptions",
        }
    }

    /// All its columns with their Korean names; those that may be left out in brackets.
    pub fn described(self) -> String {
        let columns = self.columns().iter().map(|column| {
            let both = format!("{} {}", column.field, column.names[0]);
            if column.is_needed { both } else { format!("[{both}]") }
        });
        format!("{}: {}", self.name(), columns.collect::<Vec<_>>().join(", "))
    }
}

impl Column {
    fn is_called(&self, heading: &str) -> bool {
        let heading = plain(heading);
        [&[self.field], self.names].concat().iter().any(|name| plain(name) == heading)
    }
}

impl Columns {
    /// Reads the names of the columns. Until they are known, nothing of them is said: a file without
    /// names begins with an AUTOKEY.
    pub fn of(headings: &[String]) -> Result<Self, SheetError> {
        let is_named = |kind: Kind, field: &str| {
            let mut column = kind.columns().iter().filter(|column| column.field == field);
            column.any(|column| headings.iter().any(|heading| column.is_called(heading)))
        };
        let is_keys = is_named(Kind::Keys, "autokey");
        let kind = match (is_keys, is_named(Kind::Subscriptions, "billingKey")) {
            (true, false) => Kind::Keys,
            (false, true) => Kind::Subscriptions,
            _ => return Err(SheetError::Header),
        };
        let mut columns = Self { kind, known: Vec::new(), ignored: Vec::new() };
        for (at, heading) in headings.iter().enumerate() {
            columns.place(at, heading)?;
        }
        let is_there =
            |column: &&Column| columns.known.iter().any(|known| known.column.field == column.field);
        let missing: Vec<String> = kind
            .columns()
            .iter()
            .filter(|column| column.is_needed && !is_there(column))
            .map(|column| format!("{} {}", column.field, column.names[0]))
            .collect();
        if missing.is_empty() { Ok(columns) } else { Err(SheetError::Missing(kind, missing)) }
    }

    fn place(&mut self, at: usize, heading: &str) -> Result<(), SheetError> {
        let shown = shown(heading);
        let Some(column) = self.kind.columns().iter().find(|column| column.is_called(heading))
        else {
            self.ignored.push((at, shown));
            return Ok(());
        };
        if let Some(first) = self.known.iter().find(|known| known.column.field == column.field) {
            return Err(SheetError::Twice(letters(first.at), letters(at), column.field));
        }
        self.known.push(Known { at, column, heading: shown });
        Ok(())
    }

    /// Those that are read.
    pub fn known(&self) -> &[Known] {
        &self.known
    }

    /// How many the first row names.
    pub fn count(&self) -> usize {
        self.known.len() + self.ignored.len()
    }

    /// A field as its column is called in the file, and where it stands.
    pub fn label(&self, field: &str) -> String {
        let Some(known) = self.known.iter().find(|known| known.column.field == field) else {
            return field.to_owned();
        };
        let letters = letters(known.at);
        if known.heading == field {
            format!("{field} (column {letters})")
        } else {
            format!("{} (column {letters}, {field})", known.heading)
        }
    }

    /// What of the file is read as what, and what is not read: two lines.
    pub fn told(&self) -> String {
        let mut told = "columns:".to_owned();
        for known in &self.known {
            let _ = write!(told, " {} {}", letters(known.at), known.heading);
            if known.heading != known.column.field {
                let _ = write!(told, " = {}", known.column.field);
            }
            told.push(',');
        }
        told.pop();
        let ignored =
            self.ignored.iter().map(|(at, heading)| format!("{} {heading}", letters(*at)));
        let ignored = ignored.collect::<Vec<_>>().join(", ");
        let ignored = if ignored.is_empty() { "none" } else { &ignored };
        format!("{told}\nignored: {ignored}")
    }
}

/// A name as it is compared: `Customer ID`, `customer_id` and `customerId` are one.
fn plain(name: &str) -> String {
    let letters = name.nfkc().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// A name as it is shown.
fn shown(heading: &str) -> String {
    let text: String = mask_cards(heading.trim()).nfc().take(SHOWN).collect();
    if text.is_empty() { "(no name)".to_owned() } else { text.escape_debug().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headings: &str) -> Result<Columns, SheetError> {
        Columns::of(&headings.split(',').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn columns_are_known_by_either_name_in_any_order() {
        let columns = of("메모,Card No,고객 ID,이름,AUTOKEY,카드사 코드,").unwrap();
        assert_eq!(
            columns.told(),
            "columns: B Card No = cardNumber, C 고객 ID = customerId, D 이름 = customerName, \
             E AUTOKEY = autokey, F 카드사 코드 = cardCompanyCode\nignored: A 메모, G (no name)"
        );
        assert_eq!(columns.label("cardNumber"), "Card No (column B, cardNumber)");
        let plain = "billing_key,customer-id,PLAN ID,금액,product name,결제일,다음 결제일";
        let columns = of(plain).unwrap();
        assert!(columns.kind == Kind::Subscriptions && columns.told().ends_with("ignored: none"));
        // As a Mac writes Hangul.
        let apart: String = plain.nfd().collect();
        assert_eq!(of(&apart).unwrap().told(), columns.told());
    }

    #[test]
    fn what_is_missing_or_stands_twice_is_named_and_no_heading_of_an_unknown_file() {
        let error = |headings: &str| of(headings).err().unwrap().to_string();
        assert!(
            error("autokey,고객ID,이름")
                .contains("cardCompanyCode 카드사코드, cardNumber 카드번호")
        );
        let twice = "autokey,고객ID,이름,카드사코드,카드번호,customerId";
        assert!(error(twice).contains("columns B and F are both customerId"), "{}", error(twice));
        for other in ["C2022SECRET,user-1", "autokey,billingKey", ""] {
            assert!(matches!(of(other), Err(SheetError::Header)), "{other}");
        }
    }
}
