//! A charge that a subscription has begun, from the card to the outcome: one way for the schedule, the
//! callers, changes at once and first charges.
//!
//! ```text
//! prepare: card, turn, token, transaction → lock → the model begins the charge → charge: intent, call
//! ```

use chrono::NaiveDate;
use sqlx::postgres::{PgConnection, PgTransaction};

use crate::billing::cards::decrypt;
use crate::billing::renewals::leases;
use crate::billing::renewals::not_charged::{By, NotCharged};
use crate::billing::store::{self, BillingKey};
use crate::context::Context;
use crate::kiwoom::text::OrderNo;
use crate::payments::charge::{self, Card, Draft, OfSubscription, Ready};
use crate::payments::store::paid_time::{self, Loaded};
use crate::payments::store::{Payment, attempts, earlier_attempts};
use crate::rules::ids::{BillingKeyId, PaymentId, SubscriptionId};
use crate::rules::money::Won;
use crate::rules::renewal_no::RenewalNo;

/// What came of charging a subscription.
pub enum Begun {
    /// A charge was made.
    Charged(Payment),
    /// No money was needed.
    Nothing(Box<Loaded>),
}

/// A charge that KiwoomPay is ready for, with the transaction of its intent. Nothing is written yet;
/// one that is dropped was never made.
pub struct Prepared {
    ready: charge::InTransaction,
    card: Card,
    by: By,
}

/// The card, a turn, KiwoomPay's token, and the transaction in which a charge to it will be begun.
pub async fn prepare(ctx: &Context, key: BillingKeyId, by: By) -> Result<Prepared, NotCharged> {
    prepare_with(ctx, store::find_key(&ctx.pool, key).await?, by).await
}

/// The same with a key that was looked for.
pub(super) async fn prepare_with(
    ctx: &Context,
    key: Option<BillingKey>,
    by: By,
) -> Result<Prepared, NotCharged> {
    let key = key.ok_or(NotCharged::NoKey)?;
    let card = decrypt(ctx, chargeable(key)?).await.map_err(NotCharged::Unreadable)?;
    let ready = Ready::new(ctx, by.into(), &card).await?.begin(ctx).await?;
    Ok(Prepared { ready, card, by })
}

/// The key, when its card was not ended for good.
pub(super) fn chargeable(key: BillingKey) -> Result<BillingKey, NotCharged> {
    if key.is_active() { Ok(key) } else { Err(NotCharged::KeyInactive(Box::new(key))) }
}

/// The subscription with its row locked; for the schedule only while it has it to itself, and as it is
/// `known` unless somebody has written it since.
pub(super) async fn lock_row(
    ctx: &Context,
    db: &mut PgConnection,
    (id, known): (SubscriptionId, Option<Loaded>),
    by: By,
) -> Result<Loaded, NotCharged> {
    let rules = ctx.rules();
    let (locked, otherwise) = match by {
        By::Merchant => (store::lock_subscription(db, id, rules).await?, NotCharged::NotFound),
        By::Schedule(lease) => {
            (leases::lock(db, lease, known, rules).await?, NotCharged::LeaseLost)
        }
    };
    locked.ok_or(otherwise)
}

/// The same to charge it, which the failover guard has to allow the schedule.
pub(super) async fn lock(
    ctx: &Context,
    db: &mut PgConnection,
    known: (SubscriptionId, Option<Loaded>),
    by: By,
) -> Result<Loaded, NotCharged> {
    let locked = lock_row(ctx, db, known, by).await?;
    let may = matches!(by, By::Merchant) || ctx.guard.may_commit(db).await?;
    may.then_some(locked).ok_or(NotCharged::Paused)
}

impl Prepared {
    /// The transaction of the intent.
    pub fn transaction(&mut self) -> &mut PgTransaction<'static> {
        &mut self.ready.transaction
    }

    /// The subscription with its row locked until the intent is committed.
    pub async fn lock(&mut self, ctx: &Context, id: SubscriptionId) -> Result<Loaded, NotCharged> {
        lock(ctx, &mut self.ready.transaction, (id, None), self.by).await
    }

    /// The same of one that was read before.
    pub(super) async fn lock_known(
        &mut self,
        ctx: &Context,
        known: Loaded,
    ) -> Result<Loaded, NotCharged> {
        let known = (known.row.id, Some(known));
        lock(ctx, &mut self.ready.transaction, known, self.by).await
    }

    /// Makes the charge that the model of `subscription` has begun: writes both as the intent, calls
    /// once, and records what came of it. After an error nothing is left of it.
    pub async fn charge(
        self,
        ctx: &Context,
        mut subscription: Loaded,
        charge: u32,
        payment: PaymentId,
    ) -> Result<Payment, NotCharged> {
        let Self { mut ready, card, by } = self;
        let tx = &mut ready.transaction;
        if subscription.row.billing_key_id != card.id {
            return Err(NotCharged::OtherKey);
        }
        subscription.plan(ctx.rules());
        let intent = subscription.intent();
        paid_time::save(tx, &mut subscription, ctx.clock.now()).await?;
        let written = Box::new(subscription);
        let Loaded { row, paid, .. } = &*written;
        let begun = paid.find_charge(charge).zip(paid.period_of(charge));
        let (asked, period) = begun.ok_or(NotCharged::NotDue)?;
        let amount = Won::new(asked.amount.won).ok_or(NotCharged::NotDue)?;
        let charge_no = i32::try_from(charge).unwrap_or(i32::MAX);
        let earlier = earlier_attempts(tx, row.id, charge_no, period.start).await?;
        let mut of_charge = earlier.iter().rev().filter(|one| one.charge_no == Some(charge_no));
        // A retry is called what the first attempt was called. One that was refused for the merchant's
        // set-up asked no customer for anything.
        let first = of_charge.find(|attempt| attempt.merchant_setting.is_none());
        let key = card.id;
        let draft = Draft {
            id: payment,
            order_no: next_order_no(row.id, period.start, &earlier),
            amount,
            tax_free_amount: asked.amount.tax_free,
            product_name: first.map_or(&row.product_name, |first| &first.product_name).clone(),
            card,
            initiated_by: by.into(),
            of: Some(OfSubscription { written, charge_no, period, intent }),
            answer: None,
        };
        match Box::pin(ready.charge(ctx, draft)).await {
            Err(charge::NotCharged::OtherKey) => {
                let key = store::find_key(&ctx.pool, key).await?;
                chargeable(key.ok_or(NotCharged::NoKey)?)?;
                Err(NotCharged::OtherKey)
            }
            charged => Ok(charged?),
        }
    }

    /// Nothing has to be charged after all: stores what the model has become.
    pub async fn save(self, ctx: &Context, mut subscription: Loaded) -> Result<Loaded, NotCharged> {
        let mut tx = self.ready.transaction;
        subscription.plan(ctx.rules());
        paid_time::save(&mut tx, &mut subscription, ctx.clock.now()).await?;
        tx.commit().await?;
        Ok(subscription)
    }
}

/// The order number of the next attempt for days from `first` on, whichever charge it is made for.
pub(crate) async fn order_no(
    db: &mut PgConnection,
    id: SubscriptionId,
    first: NaiveDate,
) -> sqlx::Result<OrderNo> {
    Ok(next_order_no(id, first, &attempts(db, id, first).await?))
}

/// The same, after the `earlier` attempts, of which some may be for other days.
fn next_order_no(id: SubscriptionId, first: NaiveDate, earlier: &[Payment]) -> OrderNo {
    let earlier = earlier.iter().filter(|payment| payment.period_start == Some(first));
    let number = |payment: &Payment| RenewalNo::parse(payment.told_order_no()).map(|no| no.attempt);
    let attempt = earlier.filter_map(number).max().unwrap_or(0) + 1;
    OrderNo::made(RenewalNo { subscription: id, period_start: first, attempt }.to_string())
}
