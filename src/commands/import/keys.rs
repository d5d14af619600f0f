//! A row with a billing key.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use sqlx::postgres::PgConnection;

use crate::billing::store::{self, BillingKey, Ended, KeyStatus};
use crate::commands::import::{Importer, Refusal, ids};
use crate::http::extract::{Fields, FromField, FromFields, text};
use crate::kiwoom::card::CardNumber;
use crate::kiwoom::text::{CustomerId, CustomerName, Email};
use crate::rules::ids::BillingKeyId;
use crate::rules::text::Text;
use crate::storage::vault::{Vault, VaultError};

/// What a row says.
struct KeyRow {
    customer_id: CustomerId,
    customer_name: CustomerName,
    customer_email: Option<Email>,
    autokey: Autokey,
    card_company_code: CompanyCode,
    card_number: MaskedNumber,
    reference: Option<Reference>,
}

impl FromFields for KeyRow {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let customer_id = f.required("customerId");
        let customer_name = f.required("customerName");
        let customer_email = f.optional("customerEmail");
        let autokey = f.required("autokey");
        let card_company_code = f.required("cardCompanyCode");
        let card_number = f.required("cardNumber");
        Some(Self {
            reference: f.optional("reference"),
            customer_email,
            customer_id: customer_id?,
            customer_name: customer_name?,
            autokey: autokey?,
            card_company_code: card_company_code?,
            card_number: card_number?,
        })
    }
}

/// AUTOKEY: at most 20 characters (protocol section 2.1).
struct Autokey(SecretString);

impl FromField for Autokey {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let text = not_a_card(value, 20)?;
        if text.bytes().all(|b| b.is_ascii_graphic() && b != b'|') {
            return Ok(Self(text.into()));
        }
        Err(Text::new("사용할 수 없는 문자가 있습니다.", "Has a character that no AUTOKEY has."))
    }
}

/// CARDCODE, such as `CCLG`.
struct CompanyCode(String);

impl FromField for CompanyCode {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || {
            let ko = "카드사 코드(영문 대문자와 숫자 4자)여야 합니다.";
            Text::new(ko, "Has to be a card company's code: 4 capital letters or digits.")
        };
        let text = text(value, 4)?;
        let good = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        if text.len() == 4 && text.bytes().all(good) { Ok(Self(text)) } else { Err(wrong()) }
    }
}

/// A card number of 13 to 19 digits of which only the first six and the last four are told.
struct MaskedNumber(String);

impl FromField for MaskedNumber {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || {
            let ko = "마스킹된 카드번호여야 합니다. 앞 6자리와 뒤 4자리 사이는 *로 표시합니다.";
            let en = "Has to be masked already: the first six and the last four of 13 to 19 digits, \
                * between.";
            Text::new(ko, en)
        };
        let text = value.as_str().ok_or_else(wrong)?;
        let told = |place: usize| place < 6 || place + 4 >= text.len();
        let good =
            |(place, b): (usize, u8)| if told(place) { b.is_ascii_digit() } else { b == b'*' };
        let masked = (13..=19).contains(&text.len()) && text.bytes().enumerate().all(good);
        if masked { Ok(Self(text.to_owned())) } else { Err(wrong()) }
    }
}

/// The merchant's own word for the key: repeated in the report, and not kept.
struct Reference(String);

impl FromField for Reference {
    fn from_field(value: &Value) -> Result<Self, Text> {
        not_a_card(value, 100).map(Self)
    }
}

/// Text, but for a card number that slipped into the wrong column.
fn not_a_card(value: &Value, max: usize) -> Result<String, Text> {
    if CardNumber::from_field(value).is_ok_and(|number| number.mistake().is_none()) {
        return Err(Text::new("카드번호를 사용할 수 없습니다.", "May not be a card number."));
    }
    text(value, max)
}

/// Writes the key of one row: its id, the customer's and the reference.
pub(super) async fn take(
    importer: &Importer,
    db: &mut PgConnection,
    cells: Map<String, Value>,
) -> Result<String, Refusal> {
    let row: KeyRow = Fields::read(cells)?;
    let reference = row.reference.as_ref().map(|r| r.0.as_str());
    if [Some(row.customer_id.as_str()), reference].contains(&Some(row.autokey.0.expose_secret())) {
        return Err(Refusal::of("autokey", "Stands in another column too."));
    }
    if let Some(id) = known(db, &importer.vault, &row).await? {
        return Err(Refusal::of("", format!("already there: {id}")));
    }
    let id = ids::of_key(db, &importer.vault, row.customer_id.as_str(), &row.autokey.0).await?;
    let key = BillingKey {
        id,
        customer_id: row.customer_id.as_str().to_owned(),
        customer_name: row.customer_name.as_str().to_owned(),
        customer_email: row.customer_email.map(|e| e.as_str().to_owned()),
        sealed: importer.vault.seal(db, id.0, &row.autokey.0).await?,
        card_company_code: row.card_company_code.0,
        card_number_masked: row.card_number.0,
        status: KeyStatus::Active,
        created_at: importer.clock.now(),
        card_expires: None,
        cpid: Some(importer.contract.cpid.clone()),
        ended: Ended::default(),
    };
    store::insert_key(db, &key).await?;
    let told = [Some(key.customer_id.as_str()), reference];
    Ok(format!("{id} {}", told.into_iter().flatten().collect::<Vec<_>>().join(" ")))
}

/// The customer's key with this AUTOKEY. A deleted one counts: it is never charged again.
async fn known(
    db: &mut PgConnection,
    vault: &Vault,
    row: &KeyRow,
) -> Result<Option<BillingKeyId>, Refusal> {
    let customer_id = row.customer_id.as_str();
    let mac = vault.autokey_mac(customer_id, &row.autokey.0);
    if let Some(id) = store::find_forgotten(db, &mac).await? {
        return Ok(Some(id));
    }
    let keys = store::find_keys_by_card(db, customer_id, &row.card_number.0).await?;
    for key in keys.into_iter().filter(|key| !key.sealed.is_forgotten()) {
        let autokey = vault.open(&mut *db, key.id.0, &key.sealed).await?;
        if autokey.expose_secret() == row.autokey.0.expose_secret() {
            return Ok(Some(key.id));
        }
    }
    Ok(None)
}

impl From<VaultError> for Refusal {
    fn from(error: VaultError) -> Self {
        Self::Import(format!("a billing key cannot be read or encrypted: {error}").into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_card_number_is_taken_masked_only_and_in_no_other_column() {
        for good in ["411111******1111", "411111***1111", "411111*********1111"] {
            assert!(MaskedNumber::from_field(&json!(good)).is_ok(), "{good}");
        }
        let full = "4111111111111111";
        let bad = [full, "", "411111**1111", "4111111*****1111", "411111******111*", "가나다라마*"];
        for bad in bad {
            assert!(MaskedNumber::from_field(&json!(bad)).is_err(), "{bad}");
        }
        assert!(Reference::from_field(&json!("4111 1111-1111 1111")).is_err());
        assert!(Autokey::from_field(&json!(full)).is_err());
        assert!(Autokey::from_field(&json!("C20229S2A4020")).is_ok());
        assert!(Autokey::from_field(&json!("C2022|9S2A4020")).is_err());
        assert!(CompanyCode::from_field(&json!("CCLG")).is_ok());
        assert!(CompanyCode::from_field(&json!("신한")).is_err());
    }
}
