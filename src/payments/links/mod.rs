//! Payment page links: what a customer pays in the payment window at an address, either an order by itself
//! or what a subscription owes.
//!
//! ```text
//! open ──a window is shown──► opened ──KiwoomPay tells of the payment──► paid
//!   │                            └──its time is up, or it is cancelled──► unknown (of an order: expired)
//!   └──its time is up──► expired      └──it is cancelled──► canceled
//! ```
//!
//! An order's link follows its order. A subscription's link charges nothing before its first window is
//! shown; then it begins the charge under the subscription's lock (`claim.rs`), as an attempt of the
//! schedule would, and from then on nothing else can charge those days. A link that was never shown ends
//! without a trace in the books (`end.rs`); one that was shown leaves its attempt unknown until somebody
//! finds out.

mod claim;
mod end;
mod new;
mod store;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::postgres::PgConnection;

use crate::payments::store::paid_time::Loaded;
use crate::rules::ids::{PaymentId, PaymentLinkId, SubscriptionId};
use crate::rules::moments;
use crate::rules::money::Won;

pub use claim::{CannotOpen, Opening, open, own_order_no};
pub(super) use end::owed_no_longer;
pub use end::{NotCanceled, cancel, expire, next_expiry};
pub use new::{NotMade, Wanted, asked_now, make, make_for_event};
pub use store::{Buyer, Filter, buyer, find, insert, list, live, lock};

/// Where a link stands, as it is stored and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum State {
    /// It can be paid, and no window was shown yet.
    Open,
    /// A window was shown: money may be taken from now on.
    Opened,
    /// Paid.
    Paid,
    /// Its time was up.
    Expired,
    /// Cancelled, or what it asked for is owed no longer.
    Canceled,
    /// It ended after a window was shown, and whether money was taken is not known.
    Unknown,
}

/// A row of `payment_links`.
#[derive(Clone, Debug, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct Link {
    pub id: PaymentLinkId,
    pub subscription_id: Option<SubscriptionId>,
    pub charge_no: Option<i32>,
    pub payment_id: Option<PaymentId>,
    /// Of its payment, once there is one.
    #[sqlx(default)]
    pub order_no: Option<String>,
    pub state: State,
    pub amount: Won,
    pub tax_free_amount: i64,
    pub product_name: String,
    pub methods: Vec<String>,
    pub automatic: bool,
    pub retry_at: Option<DateTime<Utc>>,
    pub expires_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub opened_at: Option<DateTime<Utc>>,
    pub canceled_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
}

impl Link {
    /// A new one that asks for this amount in won and this tax-free part of it. It ends when it is made: for
    /// how long it lives is for the caller to say.
    pub fn new(
        id: PaymentLinkId,
        (amount, tax_free_amount): (Won, i64),
        product_name: &str,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            subscription_id: None,
            charge_no: None,
            payment_id: None,
            order_no: None,
            state: State::Open,
            amount,
            tax_free_amount,
            product_name: product_name.to_owned(),
            methods: Vec::new(),
            automatic: false,
            retry_at: None,
            expires_at: now,
            created_at: now,
            opened_at: None,
            canceled_at: None,
            ended_at: None,
        }
    }

    /// Whether a window can be shown at `now`.
    pub fn is_payable(&self, now: DateTime<Utc>) -> bool {
        matches!(self.state, State::Open | State::Opened) && now < self.expires_at
    }

    /// Whether nothing else may charge at `now` what it asks for. One that was made for an event gives way
    /// until its window is shown; then its own charge is in the way.
    fn holds(&self, now: DateTime<Utc>) -> bool {
        self.is_payable(now) && !self.automatic
    }
}

/// The link that keeps what the locked subscription owes from being charged otherwise at `now`.
pub async fn in_the_way(
    db: &mut PgConnection,
    s: &Loaded,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<PaymentLinkId>> {
    if moments::owed(&s.paid).is_none() {
        return Ok(None);
    }
    Ok(live(db, s.row.id).await?.filter(|link| link.holds(now)).map(|link| link.id))
}
