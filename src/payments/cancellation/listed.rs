//! Cancellations of one payment as a list of KiwoomPay's has them, all of a payment together, against
//! the refunds in the books.

use chrono::{DateTime, Duration, SubsecRound, Utc};
use sqlx::PgExecutor;

use super::matching::{Candidate, LONGEST_CALL, SKEW};
use super::{Known, Recorded, record};
use crate::context::Context;
use crate::payments::refund::{self, RefundOutcome};
use crate::payments::store::{self, RefundState};
use crate::rules::ids::{PaymentId, RefundId};
use crate::rules::payment_state::State;
use kiwoom_clock::kst;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Won.
    pub amount: i64,
    /// When; midnight in Korea when the list tells only the day.
    pub at: DateTime<Utc>,
    /// The list tells only the day.
    pub is_day: bool,
}

/// What the books have of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// A refund.
    Known,
    /// A refund that is under way.
    UnderWay,
    /// A refund whose outcome is unknown.
    Unknown,
    /// Nothing.
    Missing,
}

/// The refunds of these payments, whatever their state.
pub async fn refunds_of(
    db: impl PgExecutor<'_>,
    payments: &[PaymentId],
) -> sqlx::Result<Vec<(PaymentId, Known)>> {
    #[derive(sqlx::FromRow)]
    struct Row {
        payment_id: PaymentId,
        #[sqlx(flatten)]
        known: Known,
    }
    let query = sqlx::query_as(
        "select payment_id, id, amount, state, created_at, refunded_at,
            resolve_reason is not null as by_hand, confirmed_by
         from refunds where payment_id = any($1) order by id",
    );
    let rows: Vec<Row> = query.bind(payments).fetch_all(db).await?;
    Ok(rows.into_iter().map(|row| (row.payment_id, row.known)).collect())
}

/// What the books have of each, and the refunds of the books that the list does not have.
pub fn compare(known: &[Known], listed: &[Listed]) -> (Vec<Against>, Vec<RefundId>) {
    let partners = partners(known, listed);
    let against = partners.iter().map(|partner| match partner.map(|n| known[n].refund.state) {
        None => Against::Missing,
        Some(RefundState::Refunded) => Against::Known,
        Some(RefundState::Sending) => Against::UnderWay,
        Some(RefundState::Unknown | RefundState::Declined) => Against::Unknown,
    });
    let alone = known
        .iter()
        .enumerate()
        .filter(|(n, k)| k.refund.state == RefundState::Refunded && !partners.contains(&Some(*n)));
    (against.collect(), alone.map(|(_, k)| k.id).collect())
}

/// For each the refund that it is, by its place. Each refund is one of them: first those that were made
/// about then, then the nearest in time. One whose outcome is unknown has to be as near as a notification
/// of it would be; one whose time is a guess may be any of its amount, when no other is.
fn partners(known: &[Known], listed: &[Listed]) -> Vec<Option<usize>> {
    let mut pairs = Vec::new();
    for (l, told) in listed.iter().enumerate() {
        for (k, known) in known.iter().enumerate() {
            pairs.extend(distance(&known.refund, told).map(|distance| (distance, l, k)));
        }
    }
    pairs.sort_unstable();
    let mut partners = vec![None; listed.len()];
    for (_, l, k) in pairs {
        if partners[l].is_none() && !partners.contains(&Some(k)) {
            partners[l] = Some(k);
        }
    }
    partners
}

/// How far the refund is from what is told, the nearest first; `None` when it is not the same one.
fn distance(refund: &Candidate, told: &Listed) -> Option<(u8, i64)> {
    if refund.amount != told.amount || refund.state == RefundState::Declined {
        return None;
    }
    let is_refunded = refund.state == RefundState::Refunded;
    let at = refund.refunded_at.unwrap_or(refund.created_at).trunc_subsecs(0);
    let apart: Duration = (told.at - at).abs();
    let same_day = kst(at).date_naive() == kst(told.at).date_naive();
    if !told.is_day && is_refunded && apart <= SKEW {
        return Some((0, apart.num_seconds()));
    }
    if !told.is_day && apart <= LONGEST_CALL {
        return Some((1, apart.num_seconds()));
    }
    if is_refunded && same_day {
        return Some((2, apart.num_seconds()));
    }
    (is_refunded && refund.by_hand).then_some((3, apart.num_seconds()))
}

/// Whether what the list has and the books have not is proven: a list that tells only the day does not
/// say whether it is a refund of ours whose outcome is unknown.
pub fn is_proven(known: &[Known], listed: &Listed) -> bool {
    let is_open = |k: &Known| matches!(k.refund.state, RefundState::Sending | RefundState::Unknown);
    !listed.is_day || !known.iter().any(is_open)
}

/// Puts those that the books do not have into the books, in one transaction. `reason` is the
/// operator's: with it their time counts as a guess, so that a notification that comes after all finds
/// them whatever its date. Of each, whether it is in the books now.
pub async fn apply_listed(
    ctx: &Context,
    id: PaymentId,
    transaction_id: &str,
    listed: &[Listed],
    reason: &str,
) -> sqlx::Result<Vec<bool>> {
    let mut tx = ctx.begin().await?;
    let payment = store::lock(&mut tx, id).await?;
    let is_own = |p: &store::Payment| {
        p.state == State::Approved && p.transaction_id.as_deref() == Some(transaction_id)
    };
    let Some(mut payment) = payment.filter(is_own) else { return Ok(vec![false; listed.len()]) };
    let known: Vec<Known> =
        refunds_of(&mut *tx, &[id]).await?.into_iter().map(|(_, known)| known).collect();
    let mut applied = Vec::new();
    for (told, partner) in listed.iter().zip(partners(&known, listed)) {
        applied.push(match partner.map(|n| &known[n]) {
            Some(own) if own.refund.state == RefundState::Refunded => true,
            Some(own) => {
                let transaction_id = Some(transaction_id.to_owned());
                let outcome = RefundOutcome::Refunded { transaction_id, refunded_at: told.at };
                refund::finish(&mut tx, own.id, &outcome, Some(reason)).await?;
                true
            }
            None if is_proven(&known, told) && (1..=payment.left()).contains(&told.amount) => {
                let canceled = Recorded {
                    transaction_id,
                    amount: told.amount,
                    at: told.at,
                    confirmed_by: None,
                    resolve_reason: Some(reason),
                };
                record(ctx, &mut tx, &payment, &canceled).await?;
                payment = store::lock(&mut tx, id).await?.ok_or(sqlx::Error::RowNotFound)?;
                true
            }
            None => false,
        });
    }
    tx.commit().await?;
    Ok(applied)
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn at(hour: u32, minute: u32) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 29, hour, minute, 0).unwrap()
    }

    fn known(amount: i64, state: RefundState, at: DateTime<Utc>) -> Known {
        let refunded_at = (state == RefundState::Refunded).then_some(at);
        let refund = Candidate { amount, state, created_at: at, refunded_at, by_hand: false };
        Known { id: RefundId::new(), refund, confirmed_by: None }
    }

    fn listed(amount: i64, at: DateTime<Utc>) -> Listed {
        Listed { amount, at, is_day: false }
    }

    #[test]
    fn each_cancellation_is_one_refund_the_nearest_first() {
        use Against::{Known as Same, Missing, Unknown as Open};
        use RefundState::{Declined, Refunded, Unknown};
        let ours = [
            known(1000, Refunded, at(1, 0)),
            known(1000, Unknown, at(2, 0)),
            known(500, Declined, at(1, 0)),
        ];
        // The second one was made in the merchant pages two minutes after ours.
        let told = [listed(1000, at(1, 2)), listed(1000, at(1, 0)), listed(500, at(1, 0))];
        let (against, alone) = compare(&ours[..1], &told);
        assert_eq!((against, alone.len()), (vec![Missing, Same, Missing], 0));
        let (against, _) = compare(&ours, &[listed(1000, at(2, 1)), listed(1000, at(1, 0))]);
        assert_eq!(against, [Open, Same]);
        // Clocks that differ: the one that was made is listed, the unknown one is not.
        let soon_after = [known(1000, Unknown, at(1, 0)), known(1000, Refunded, at(1, 1))];
        let (against, alone) = compare(&soon_after, &[listed(1000, at(1, 0))]);
        assert_eq!((against, alone.len()), (vec![Same], 0));
        // Hours apart on the same day: as one that is known, not as one that is unknown.
        assert_eq!(compare(&ours[..1], &[listed(1000, at(9, 0))]).0, [Same]);
        assert_eq!(compare(&ours[1..2], &[listed(1000, at(9, 0))]).0, [Missing]);
        // Another day is another cancellation; the refund then stands alone.
        let (against, alone) = compare(&ours[..1], &[listed(1000, at(1, 0) + Duration::days(1))]);
        assert_eq!((against, alone), (vec![Missing], vec![ours[0].id]));
        let by_hand = Candidate { by_hand: true, ..known(1000, Refunded, at(1, 0)).refund };
        let by_hand = [Known { id: RefundId::new(), refund: by_hand, confirmed_by: None }];
        assert_eq!(compare(&by_hand, &[listed(1000, at(1, 0) + Duration::days(9))]).0, [Same]);
    }

    #[test]
    fn a_day_alone_does_not_settle_a_refund_whose_outcome_is_unknown() {
        let unknown = [known(1000, RefundState::Unknown, at(1, 0))];
        let day = Listed { is_day: true, ..listed(1000, at(0, 0)) };
        assert_eq!(compare(&unknown, &[day]).0, [Against::Missing]);
        assert!(!is_proven(&unknown, &day));
        assert!(is_proven(&[], &day) && is_proven(&unknown, &listed(1000, at(0, 0))));
    }
}
