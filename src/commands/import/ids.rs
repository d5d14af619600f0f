//! Ids of what is imported: made of what a row is about, so that a dry run names those of the run, and
//! a file in which another row was corrected does too.

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnection;

use crate::billing::subscriptions::subscribe::SubscribeRequest;
use crate::rules::ids::{BillingKeyId, SubscriptionId};
use crate::storage::vault::Vault;

/// The id of a customer's AUTOKEY.
pub(super) async fn of_key(
    db: &mut PgConnection,
    vault: &Vault,
    customer_id: &str,
    autokey: &SecretString,
) -> sqlx::Result<BillingKeyId> {
    let parts = ["key", customer_id, autokey.expose_secret()];
    let taken = "select exists (select from billing_keys where id = $1)";
    unused(db, vault, &parts, taken).await.map(BillingKeyId::made_of)
}

/// The id of a customer's subscription to a plan.
pub(super) async fn of_subscription(
    db: &mut PgConnection,
    vault: &Vault,
    request: &SubscribeRequest,
) -> sqlx::Result<SubscriptionId> {
    let (customer, plan) = (request.customer_id.as_str(), request.plan_id.0.as_str());
    let parts = ["subscription", customer, plan, &request.billing_key.to_string()];
    let taken = "select exists (select from subscriptions where id = $1)";
    unused(db, vault, &parts, taken).await.map(SubscriptionId::made_of)
}

/// Earlier ones of the same parts, such as subscriptions that have ended, keep theirs.
async fn unused(
    db: &mut PgConnection,
    vault: &Vault,
    parts: &[&str],
    taken: &'static str,
) -> sqlx::Result<[u8; 10]> {
    let mut earlier = 0;
    loop {
        let bytes = vault.id_bytes(&[parts, &[&earlier.to_string()]].concat());
        let id = BillingKeyId::made_of(bytes).0;
        if !sqlx::query_scalar::<_, bool>(taken).bind(id).fetch_one(&mut *db).await? {
            return Ok(bytes);
        }
        earlier += 1;
    }
}
