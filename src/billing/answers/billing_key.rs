//! The JSON of a billing key.

use serde::Serialize;
use utoipa::ToSchema;

use crate::billing::store::BillingKey;
use crate::http::description::words;
use crate::kiwoom::codes;
use kiwoom_clock::rfc3339_kst;

words!(
    /// The status of a billing key.
    BillingKeyStatus,
    ["active", "inactive", "deleted"]
);

/// A registered card.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BillingKeyBody {
    billing_key: String,
    customer_id: String,
    customer_name: String,
    card: CardBody,
    /// `active`, `inactive` (its card was ended for good) or `deleted`.
    #[schema(value_type = BillingKeyStatus)]
    status: &'static str,
    /// Only of an `inactive` one: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    inactive: Option<InactiveBody>,
    #[schema(format = DateTime)]
    created_at: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CardBody {
    company: String,
    company_code: String,
    /// First six and last four digits.
    number: String,
    /// Its last month, `2027-05`; left out when that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

/// The refusal that ended a card.
#[derive(Serialize, ToSchema)]
struct InactiveBody {
    /// RESULTCODE.
    code: String,
    message: String,
    #[schema(format = DateTime)]
    since: String,
}

impl From<BillingKey> for BillingKeyBody {
    fn from(key: BillingKey) -> Self {
        Self {
            status: key.status_name(),
            inactive: key.ended.since.map(|at| InactiveBody {
                code: key.ended.code.unwrap_or_default(),
                message: key.ended.message.unwrap_or_default(),
                since: rfc3339_kst(at),
            }),
            billing_key: key.id.to_string(),
            customer_id: key.customer_id,
            customer_name: key.customer_name,
            card: CardBody {
                company: codes::company(&key.card_company_code).to_owned(),
                company_code: key.card_company_code,
                number: key.card_number_masked,
                expires: key.card_expires.map(|day| day.format("%Y-%m").to_string()),
            },
            created_at: rfc3339_kst(key.created_at),
        }
    }
}
