//! A new link to what a subscription owes.

use chrono::{DateTime, Duration, Utc};
use sqlx::postgres::PgConnection;

use super::{Link, store};
use crate::context::Context;
use crate::payments::store::paid_time::{self, Loaded};
use crate::rules::ids::{PaymentLinkId, SubscriptionId};
use crate::rules::moments::{self, Owed};
use crate::rules::money::Won;

/// How long a link lives when nobody says.
const LIFE: Duration = Duration::days(7);

/// What a link is to be.
pub struct Wanted {
    /// Its id.
    pub id: PaymentLinkId,
    /// Until when it lives; `None`: as long as may be, at most seven days.
    pub until: Option<DateTime<Utc>>,
    /// The methods that it offers.
    pub methods: Vec<String>,
}

impl Wanted {
    /// Until when it lives, when it may live until `last` at most.
    pub fn until(&self, last: Option<DateTime<Utc>>, now: DateTime<Utc>) -> DateTime<Utc> {
        self.until.or(last.map(|last| last.min(now + LIFE))).unwrap_or(now + LIFE)
    }
}

/// Why no link was made.
#[derive(Debug)]
pub enum NotMade {
    /// The subscription owes nothing that a link could ask for.
    NothingOwed,
    /// It has this one.
    Live(PaymentLinkId),
    /// It may live until then at most.
    TooLong(DateTime<Utc>),
    /// The database.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for NotMade {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// Makes a link to what the locked subscription owes. The retry that is planned waits while it lives.
pub async fn make(
    ctx: &Context,
    db: &mut PgConnection,
    s: &mut Loaded,
    wanted: Wanted,
) -> Result<Link, NotMade> {
    let now = ctx.clock.now();
    if let Some(live) = store::live(db, s.row.id).await? {
        return Err(NotMade::Live(live.id));
    }
    let last = moments::last_moment_to_pay(&s.paid, ctx.rules());
    let until = wanted.until(last, now);
    if let Some(last) = last.filter(|last| until > *last || *last <= now) {
        return Err(NotMade::TooLong(last));
    }
    let (retry_at, methods) = (s.row.retries.retry_at, wanted.methods);
    let link = asked_of(ctx, s, wanted.id).ok_or(NotMade::NothingOwed)?;
    let link = Link { retry_at, expires_at: until, methods, ..link };
    s.row.retries.retry_at = None;
    s.plan(ctx.rules());
    paid_time::save(db, s, now).await?;
    let is_made = store::insert(db, &link).await?;
    is_made.then_some(link).ok_or(NotMade::Database(sqlx::Error::RowNotFound))
}

/// The link for an event that tells of what is owed: the one that there is, or a new one that gives way to
/// all that charges otherwise, and so ends with the next retry. `None` when nothing is owed.
pub async fn make_for_event(
    ctx: &Context,
    db: &mut PgConnection,
    id: SubscriptionId,
    methods: Vec<String>,
) -> sqlx::Result<Option<Link>> {
    let now = ctx.clock.now();
    if let Some(live) = store::live(db, id).await? {
        return Ok(Some(live).filter(|link| link.is_payable(now)));
    }
    let Some(s) = paid_time::find(db, id, ctx.rules()).await? else { return Ok(None) };
    let until = match moments::owed(&s.paid) {
        Some(Owed::Retry(_)) => s.row.retries.retry_at,
        Some(Owed::ComeBack) => Some(now + LIFE),
        None => None,
    };
    let Some(until) = until.filter(|until| *until > now) else { return Ok(None) };
    let Some(link) = asked_of(ctx, &s, PaymentLinkId::new()) else { return Ok(None) };
    let link = Link { expires_at: until, methods, automatic: true, ..link };
    Ok(store::insert(db, &link).await?.then_some(link))
}

/// What a link that was not shown yet asks for now: won, and its tax-free part. `None` when it asks for
/// nothing any more.
pub async fn asked_now(ctx: &Context, link: &Link) -> sqlx::Result<Option<(Won, i64)>> {
    let subscription = link.subscription_id.filter(|_| link.payment_id.is_none());
    let Some(id) = subscription else { return Ok(Some((link.amount, link.tax_free_amount))) };
    let mut db = ctx.pool.acquire().await?;
    let found = paid_time::find(&mut db, id, ctx.rules()).await?;
    let asked = found.and_then(|s| asked_of(ctx, &s, link.id));
    let same = asked.filter(|asked| asked.charge_no == link.charge_no);
    Ok(same.map(|asked| (asked.amount, asked.tax_free_amount)))
}

/// What a link would ask of the subscription now. `None` when nothing is owed, or days that were left are
/// to be given back without a charge.
fn asked_of(ctx: &Context, s: &Loaded, id: PaymentLinkId) -> Option<Link> {
    let now = ctx.clock.now();
    let mut paid = s.paid.clone();
    let charge = moments::begin_owed(&mut paid, ctx.clock.today())?;
    let asked = paid.find_charge(charge)?.amount;
    let charge_no = match moments::owed(&s.paid)? {
        Owed::Retry(charge) => i32::try_from(charge).ok(),
        Owed::ComeBack => None,
    };
    let amount = (Won::new(asked.won)?, asked.tax_free);
    let link = Link::new(id, amount, &s.row.product_name, now);
    Some(Link { subscription_id: Some(s.row.id), charge_no, ..link })
}
