//! A window of a link is shown: from then on money may be taken. The order, or the attempt of the charge
//! that the subscription owes, is committed before.

use sqlx::postgres::PgConnection;

use super::{Buyer, Link, State, store};
use crate::context::Context;
use crate::kiwoom::text::OrderNo;
use crate::payments::store::columns::payment_columns;
use crate::payments::store::paid_time::{self, Loaded};
use crate::payments::store::{InitiatedBy, Kind, Payment};
use crate::rules::ids::{PaymentId, PaymentLinkId, SubscriptionId};
use crate::rules::moments::{self, Work};
use crate::rules::money::Won;
use crate::rules::payment_state::State as PaymentState;

/// The window that is to be shown.
pub struct Opening<'a> {
    /// Who is to pay.
    pub buyer: &'a Buyer,
    /// What was shown on the page, in won.
    pub amount: Won,
    /// Its tax-free part in won.
    pub tax_free_amount: i64,
    /// PAYMETHOD that was chosen.
    pub method: &'a str,
    /// PAYMETHOD of each method that the link offers.
    pub methods: &'a [&'static str],
    /// The CPID that the window is opened with.
    pub cpid: &'a str,
    /// The customer knows that a window was shown before.
    pub again: bool,
}

/// Why no window is shown.
#[derive(Debug)]
pub enum CannotOpen {
    /// The link has ended, or what it asks for is not owed any more.
    Ended,
    /// Something else is due for the subscription first, or under way.
    NotNow,
    /// A window was shown before, and perhaps paid in: only a customer who says so gets another one.
    Shown,
    /// It asks for another amount by now.
    OtherAmount,
    /// The database.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for CannotOpen {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Link {
    /// The order number of a window of this link.
    pub fn window_no(&self) -> OrderNo {
        self.order_no.clone().map_or_else(|| own_order_no(self.id), OrderNo::made)
    }
}

/// The order number of a link whose caller names none.
pub fn own_order_no(id: PaymentLinkId) -> OrderNo {
    OrderNo::made(format!("LNK{}", id.0.simple()))
}

/// Commits that a window of the link is shown. The same order number each time: whatever becomes of
/// several windows, one payment is the link's, and any other money is unexpected.
pub async fn open(
    ctx: &Context,
    id: PaymentLinkId,
    opening: &Opening<'_>,
) -> Result<(), CannotOpen> {
    let now = ctx.clock.now();
    let mut tx = ctx.begin().await?;
    let found = store::find(&mut *tx, id).await?.ok_or(CannotOpen::Ended)?;
    // Everyone locks the subscription first, then the payment, then the link.
    let subscription = match found.subscription_id {
        Some(id) => Some(lock(ctx, &mut tx, id).await?),
        None => None,
    };
    let again = store::find(&mut *tx, id).await?.and_then(|link| link.payment_id);
    if let Some(payment) = again {
        show_again(ctx, &mut tx, payment, opening).await?;
    }
    let link = store::lock(&mut tx, id).await?.ok_or(CannotOpen::Ended)?;
    if !link.is_payable(now) || link.payment_id != again {
        return Err(CannotOpen::Ended);
    }
    if link.state == State::Opened && !opening.again {
        return Err(CannotOpen::Shown);
    }
    let link = match subscription {
        Some(subscription) if again.is_none() => {
            begin(ctx, &mut tx, subscription, link, opening).await?
        }
        _ if link.amount != opening.amount => return Err(CannotOpen::OtherAmount),
        _ => {
            store::opened(&mut tx, &link, now).await?;
            link
        }
    };
    tx.commit().await?;
    tracing::info!(id = %link.id, "a window of a payment page link is shown");
    Ok(())
}

async fn lock(
    ctx: &Context,
    db: &mut PgConnection,
    id: SubscriptionId,
) -> Result<Loaded, CannotOpen> {
    paid_time::lock(db, id, ctx.rules()).await?.ok_or(CannotOpen::Ended)
}

/// Begins the charge of what the locked subscription owes, as an attempt in the window.
async fn begin(
    ctx: &Context,
    db: &mut PgConnection,
    mut s: Loaded,
    link: Link,
    opening: &Opening<'_>,
) -> Result<Link, CannotOpen> {
    let now = ctx.clock.now();
    if matches!(s.work(ctx.rules(), now), Work::Due(_) | Work::Midnight(_)) {
        return Err(CannotOpen::NotNow);
    }
    let charge = moments::begin_owed(&mut s.paid, ctx.clock.today()).ok_or(CannotOpen::Ended)?;
    let charge_no = i32::try_from(charge).map_err(|_| CannotOpen::Ended)?;
    if link.charge_no.is_some_and(|own| own != charge_no) {
        return Err(CannotOpen::Ended);
    }
    let asked = s.paid.find_charge(charge).map(|charge| charge.amount).ok_or(CannotOpen::Ended)?;
    let amount = Won::new(asked.won).ok_or(CannotOpen::Ended)?;
    if (amount, asked.tax_free) != (opening.amount, opening.tax_free_amount) {
        return Err(CannotOpen::OtherAmount);
    }
    let period = s.paid.period_of(charge).ok_or(CannotOpen::Ended)?;
    let payment = Payment {
        id: PaymentId::new(),
        order_no: link.window_no().as_str().to_owned(),
        kind: Kind::Subscription,
        state: PaymentState::Ready,
        amount,
        tax_free_amount: asked.tax_free,
        refunded_amount: 0,
        refunding_amount: 0,
        product_name: link.product_name.clone(),
        customer_id: Some(s.row.customer_id.clone()),
        billing_key_id: None,
        subscription_id: Some(s.row.id),
        charge_no: Some(charge_no),
        period_start: Some(period.start),
        period_end: Some(period.end),
        initiated_by: InitiatedBy::Buyer,
        method: Some(opening.method.to_owned()),
        transaction_id: None,
        auth_number: None,
        failure_code: None,
        failure_message: None,
        merchant_setting: None,
        created_at: now,
        approved_at: None,
        settled_at: None,
        late: false,
        order_id: None,
        unexpected: None,
        cpid: Some(opening.cpid.to_owned()),
        earlier_cpids: None,
        overdue: false,
        credited: 0,
        credited_tax_free: 0,
    };
    let (payment_id, tax_free_amount) = (Some(payment.id), asked.tax_free);
    let charge_no = payment.charge_no;
    let link =
        Link { payment_id, charge_no, amount, tax_free_amount, state: State::Opened, ..link };
    // Before the subscription: with it ends what was open for what it owes no longer.
    insert(db, &payment, opening).await?;
    store::opened(db, &link, now).await?;
    s.plan(ctx.rules());
    paid_time::save(db, &mut s, now).await?;
    Ok(link)
}

async fn insert(
    db: &mut PgConnection,
    payment: &Payment,
    opening: &Opening<'_>,
) -> sqlx::Result<()> {
    let query = sqlx::query(
        "insert into payments (id, order_no, kind, state, amount, tax_free_amount, product_name,
            customer_id, customer_name, customer_email, subscription_id, charge_no, period_start,
            period_end, initiated_by, method, created_at, methods, cpid)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
    );
    let query = query.bind(payment.id).bind(&payment.order_no).bind(payment.kind);
    let query = query.bind(payment.state).bind(payment.amount).bind(payment.tax_free_amount);
    let query = query.bind(&payment.product_name).bind(&payment.customer_id);
    let query = query.bind(&opening.buyer.customer_name).bind(&opening.buyer.customer_email);
    let query = query.bind(payment.subscription_id).bind(payment.charge_no);
    let query = query.bind(payment.period_start).bind(payment.period_end);
    let query = query.bind(payment.initiated_by).bind(&payment.method).bind(payment.created_at);
    query.bind(opening.methods).bind(&payment.cpid).execute(db).await.map(drop)
}

/// Another window of what waits for its payment. An order whose last try has failed waits again.
async fn show_again(
    ctx: &Context,
    db: &mut PgConnection,
    id: PaymentId,
    opening: &Opening<'_>,
) -> Result<Payment, CannotOpen> {
    let query = sqlx::query_as(concat!(
        "update payments set state = 'ready', method = $2, cpid = $3,
            earlier_cpids = case when coalesce(cpid, $4) = $3 then earlier_cpids
                else array_append(earlier_cpids, coalesce(cpid, $4)) end,
            failure_code = null, failure_message = null, settled_at = null
         where id = $1 and (state = 'ready' or kind = 'checkout' and state = 'declined')
         returning ",
        payment_columns!()
    ));
    let query = query.bind(id).bind(opening.method).bind(opening.cpid);
    let shown = query.bind(ctx.kiwoom.cpid_of(None)).fetch_optional(db).await?;
    shown.ok_or(CannotOpen::Ended)
}
