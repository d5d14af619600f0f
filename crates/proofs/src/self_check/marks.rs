//! The secrets that a run plants: random, so that finding one means that it was leaked.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;

use kiwoom_sandbox::cards::passes_luhn;

/// A secret to look for.
#[derive(Clone, Debug)]
pub struct Mark {
    /// What it is; reports name it by this, never by its value.
    pub kind: &'static str,
    /// The secret itself.
    pub value: String,
}

impl Mark {
    /// Six digits also stand within longer numbers: a short secret counts when it is a word.
    pub fn is_short(&self) -> bool {
        self.value.len() < 8
    }
}

/// The secrets of one run.
#[derive(Clone)]
pub struct Marks {
    /// Registered well.
    pub card: String,
    /// Registered well, of a company.
    pub corporate_card: String,
    /// Sent where no card belongs.
    pub stray_card: String,
    /// Repeated by KiwoomPay in its messages.
    pub echoed_card: String,
    /// Of the holder of `card`, YYMMDD.
    pub birth_date: String,
    /// Of the holder of `corporate_card`.
    pub business_number: String,
    /// Sent for a PIN's two digits.
    pub long_password: String,
    /// The first of `API_KEYS`.
    pub api_key: String,
    /// A key that was never good.
    pub wrong_key: String,
    /// `BILLING_KEY_SECRET`.
    pub secret: String,
    /// `BILLING_KEY_SECRET_OLD`.
    pub old_secret: String,
    /// `MERCHANT_WEBHOOK_SECRET` without `whsec_`.
    pub webhook_secret: String,
    /// `MERCHANT_WEBHOOK_PREVIOUS_SECRET` without `whsec_`.
    pub previous_webhook_secret: String,
    /// In `DATABASE_URL`.
    pub database_password: String,
    /// In a file that is imported.
    pub imported_autokey: String,
    /// In a bad line of such a file.
    pub refused_autokey: String,
}

/// The two digits of the PIN in a good registration. Two digits are everywhere: they are looked for
/// with the names that stand before them.
pub const CARD_PASSWORD: &str = "97";
const PASSWORD_NAMES: [&str; 6] = [
    "cardPassword\":\"97",
    "cardPassword\\\":\\\"97",
    "cardPassword: \"97",
    "cardPassword=97",
    "CARDPASSWORD\\\":\\\"97",
    "CARDPASSWORD\": String(\"97",
];

impl Marks {
    /// New ones.
    pub fn make() -> Self {
        let rng = &mut Rng::new();
        Self {
            card: card(rng, "5314"),
            corporate_card: card(rng, "4972"),
            stray_card: card(rng, "5387"),
            echoed_card: card(rng, "4518"),
            birth_date: format!("77{:02}{:02}", rng.u8(1..=12), rng.u8(10..=28)),
            business_number: format!("60482{}", digits(rng, 5)),
            long_password: format!("97{}", digits(rng, 9)),
            api_key: format!("live-{}", word(rng, 24)),
            wrong_key: format!("wrong-{}", word(rng, 24)),
            secret: hex_digits(rng),
            old_secret: hex_digits(rng),
            webhook_secret: STANDARD.encode(word(rng, 24)),
            previous_webhook_secret: STANDARD.encode(word(rng, 24)),
            database_password: word(rng, 20),
            imported_autokey: format!("C{}", word(rng, 18)),
            refused_autokey: format!("C{}", word(rng, 18)),
        }
    }

    /// All of them, with those that the run was given on the way: the keys that it had made, and the
    /// AUTOKEYs that KiwoomPay gave out.
    pub fn all(&self, keys: &[String], autokeys: &[String]) -> Vec<Mark> {
        let mark = |kind, value: &str| Mark { kind, value: value.to_owned() };
        let mut all = vec![
            mark("card number", &self.card),
            mark("card number", &self.corporate_card),
            mark("card number where none belongs", &self.stray_card),
            mark("card number repeated by the gateway", &self.echoed_card),
            mark("birth date", &self.birth_date),
            mark("business number", &self.business_number),
            mark("card password", &self.long_password),
            mark("API_KEYS", &self.api_key),
            mark("wrong API key", &self.wrong_key),
            mark("BILLING_KEY_SECRET", &self.secret),
            mark("BILLING_KEY_SECRET_OLD", &self.old_secret),
            mark("MERCHANT_WEBHOOK_SECRET", &self.webhook_secret),
            mark("MERCHANT_WEBHOOK_PREVIOUS_SECRET", &self.previous_webhook_secret),
            mark("password of the database", &self.database_password),
            mark("gateway key", kiwoom_sandbox::AUTH_KEY),
            mark("AUTOKEY", &self.imported_autokey),
            mark("AUTOKEY", &self.refused_autokey),
        ];
        all.extend(PASSWORD_NAMES.map(|text| mark("card password", text)));
        all.extend(keys.iter().map(|key| mark("API key", key)));
        all.extend(autokeys.iter().map(|key| mark("AUTOKEY", key)));
        all
    }
}

/// 16 digits that pass Luhn's check and begin as an issuer's do.
fn card(rng: &mut Rng, start: &str) -> String {
    let head = format!("{start}{}", digits(rng, 11));
    let whole = (0..10).map(|check| format!("{head}{check}")).find(|card| passes_luhn(card));
    whole.unwrap_or(head)
}

fn digits(rng: &mut Rng, count: usize) -> String {
    (0..count).map(|_| rng.digit(10)).collect()
}

fn word(rng: &mut Rng, count: usize) -> String {
    (0..count).map(|_| rng.alphanumeric()).collect()
}

fn hex_digits(rng: &mut Rng) -> String {
    (0..64).map(|_| rng.digit(16)).collect()
}
