//! Records what a list proves, each transaction by itself, through the functions that record a
//! notification. What was recorded stays when a later one fails: the list can be used again.

use crate::context::Context;
use crate::kiwoom::notification::kinds;
use crate::payments::cancellation::listed::{Listed, apply_listed};
use crate::payments::lost;
use crate::payments::settle::SettleError;
use crate::payments::store::{Payment, PaymentRef, find};
use crate::payments::told::{self, Taken};
use crate::payments::unexpected::{self, Money};
use crate::reconciliation::compare::{Difference, Told, Why};
use crate::reconciliation::lines::Line;
use crate::reconciliation::{Group, renewal};
use crate::rules::payment_state::State;

/// Settles what is provable, oldest first: a renewal is the next one only after those before it.
pub(super) async fn settle(
    ctx: &Context,
    lines: &[Line],
    differing: &mut [(Group, Vec<Difference>)],
    reason: &str,
) -> sqlx::Result<()> {
    differing.sort_by_key(|(group, _)| lines[group.start].at);
    for (group, differences) in differing {
        if !differences.iter().any(|difference| difference.is_provable) {
            continue;
        }
        if let Some(told) = Told::of(&lines[group.clone()]) {
            one(ctx, &told, differences, reason).await?;
        }
    }
    Ok(())
}

/// The payment first, then what was given back of it.
async fn one(
    ctx: &Context,
    told: &Told<'_>,
    differences: &mut [Difference],
    reason: &str,
) -> sqlx::Result<()> {
    let is_unpaid =
        |d: &Difference| d.payment.as_ref().is_none_or(|paid| paid.state != State::Approved);
    let (unpaid, canceled) =
        differences.split_at_mut(usize::from(differences.first().is_some_and(is_unpaid)));
    for difference in unpaid {
        match sale(ctx, told, difference, reason).await? {
            Ok(()) => difference.is_settled = true,
            Err(why) => {
                difference.why = Some(why);
                return Ok(());
            }
        }
    }
    let id = &*told.any.transaction_id;
    let paid = find(&ctx.pool, &PaymentRef::Transaction(id.to_owned())).await?;
    let Some(paid) = paid.filter(|_| !told.cancels.is_empty()) else { return Ok(()) };
    let applied = apply_listed(ctx, paid.id, id, &told.cancels, reason).await?;
    for difference in canceled {
        let same = |(canceled, is_in_books): (&Listed, &bool)| {
            *is_in_books && canceled.amount == difference.amount && canceled.at == difference.at
        };
        difference.is_settled = told.cancels.iter().zip(&applied).any(same);
        if difference.is_provable && !difference.is_settled {
            difference.why = Some(Why::Changed);
        }
    }
    Ok(())
}

/// Records that the money was taken.
async fn sale(
    ctx: &Context,
    told: &Told<'_>,
    difference: &Difference,
    reason: &str,
) -> sqlx::Result<Result<(), Why>> {
    let Some(line) = told.sale else { return Ok(Err(Why::NoPayment)) };
    let Some(payment) = &difference.payment else { return lost_renewal(ctx, told, reason).await };
    let payment = find(&ctx.pool, &PaymentRef::Id(payment.id)).await?;
    let is_open = |p: &Payment| {
        p.state != State::Approved || p.transaction_id.as_deref() == Some(&*line.transaction_id)
    };
    let Some(payment) = payment.filter(is_open) else { return Ok(Err(Why::Changed)) };
    let method = method(ctx, &payment, line).await?;
    let money = Money {
        transaction_id: &line.transaction_id,
        amount: line.amount,
        method: method.as_deref(),
        auth_number: None,
        cpid: line.cpid.as_deref(),
        approved_at: line.at,
    };
    Ok(match told::paid(ctx, &payment, &money, Some(reason)).await? {
        Taken::AsAsked | Taken::Unexpected => Ok(()),
        Taken::OtherAmount | Taken::Contradiction => Err(Why::Changed),
    })
}

async fn lost_renewal(
    ctx: &Context,
    told: &Told<'_>,
    reason: &str,
) -> sqlx::Result<Result<(), Why>> {
    let Some(listed) = renewal(ctx, told) else { return Ok(Err(Why::Changed)) };
    match Box::pin(lost::record(ctx, listed, reason)).await {
        Ok(recorded) => Ok(recorded.map(drop).map_err(Why::from)),
        Err(SettleError::NotFound | SettleError::Contradiction) => Ok(Err(Why::Changed)),
        Err(SettleError::Database(error)) => Err(error),
    }
}

/// The method that an order was paid with: the one that the list tells, when the order offered it, or
/// the only one that it offered. A list may call a method by another name.
async fn method(ctx: &Context, order: &Payment, line: &Line) -> sqlx::Result<Option<String>> {
    if !order.is_of_window() {
        return Ok(None);
    }
    let offered = unexpected::methods(&ctx.pool, order.id).await?;
    let is_offered = |method: &&str| {
        kinds::is_money(method) && offered.as_ref().is_none_or(|o| kinds::is_offered(o, method))
    };
    let told = line.method.as_deref().filter(is_offered);
    let only = match offered.as_deref() {
        Some([only]) => Some(only.as_str()),
        _ => None,
    };
    Ok(told.or(only).map(str::to_owned))
}
