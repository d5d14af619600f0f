//! The rules about money: some hold at every moment, the others when everything has come to rest.

use std::collections::{BTreeSet, HashMap, HashSet};

use kiwoom_billing::payments::store::RefundState;
use kiwoom_billing::rules::payment_state::State;
use kiwoom_billing::rules::subscription_state::Status;

use super::rows::AMOUNT;
use super::world::World;

/// What holds after every step.
pub fn always(world: &World) -> Result<(), String> {
    for (order, calls) in &world.gateway.calls {
        ensure(*calls <= 1, || format!("{calls} calls for one attempt, {order}"))?;
    }
    for (refund, calls) in &world.gateway.refund_calls {
        ensure(*calls <= 1, || format!("{calls} calls for one refund, {refund}"))?;
    }
    let mut periods = HashSet::new();
    for (order, ..) in &world.gateway.charges {
        // SUB{n}-{first day}-{attempt}: the period is what is before the attempt.
        let period = order.rsplit_once('-').map_or(order.as_str(), |(period, _)| period);
        ensure(periods.insert(period), || format!("charged twice: {period}"))?;
    }
    for (order, payment) in &world.payments {
        let held = payment.refunded + payment.refunding;
        ensure(held <= AMOUNT, || format!("{held} of {AMOUNT} given back or held, {order}"))?;
    }
    Ok(())
}

/// What holds at the end.
pub fn at_rest(world: &World) -> Result<(), String> {
    charges(world)?;
    refunds(world)?;
    (0..world.subs.len()).try_for_each(|sub| schedule(world, sub))
}

fn charges(world: &World) -> Result<(), String> {
    let held: HashMap<&str, &str> =
        world.gateway.charges.iter().map(|(order, id, _)| (order.as_str(), id.as_str())).collect();
    for order in held.keys() {
        let ours = world.payments.get(*order).map(|payment| payment.state);
        let known = matches!(ours, Some(State::Approved | State::Unknown));
        ensure(known, || format!("lost: {order} is charged, and to us {ours:?}"))?;
    }
    for (order, payment) in &world.payments {
        ensure(payment.state != State::Sending, || format!("{order} is still sending"))?;
        let phantom = payment.state == State::Approved
            && payment.transaction.as_deref() != held.get(order.as_str()).copied();
        ensure(!phantom, || format!("phantom: {order} is approved by us only"))?;
    }
    Ok(())
}

fn refunds(world: &World) -> Result<(), String> {
    for (order, _, given_back) in &world.gateway.charges {
        let Some(payment) = world.payments.get(order) else { continue };
        let known = payment.refunded..=payment.refunded + payment.refunding;
        ensure(known.contains(given_back), || {
            format!("{given_back} of {order} given back, to us {known:?}")
        })?;
    }
    for refund in world.refunds.iter().flatten() {
        let open = refund.state == RefundState::Sending;
        ensure(!open, || format!("a refund of {} is still sending", refund.order))?;
    }
    Ok(())
}

/// A subscription that is billed has a next moment, in the future, and no period is left out.
fn schedule(world: &World, index: usize) -> Result<(), String> {
    let sub = &world.subs[index];
    let state = &sub.state;
    if !matches!(state.status, Status::Active | Status::PastDue) {
        return Ok(());
    }
    ensure(state.next_attempt_at.is_some_and(|at| at > world.now), || {
        format!("subscription {index} waits for nothing: {state:?}")
    })?;
    if sub.passed_over || sub.was_unpaid || sub.canceled {
        return Ok(());
    }
    let attempted: BTreeSet<_> = world
        .payments
        .values()
        .filter_map(|payment| payment.sub.filter(|(of, _)| *of == index))
        .map(|(_, period)| period.start)
        .collect();
    let mut expected = sub.first_due;
    while expected < state.next_billing_date {
        ensure(attempted.contains(&expected), || {
            format!("subscription {index} has no attempt for {expected}: {state:?}")
        })?;
        expected = state.cadence.next(expected);
    }
    Ok(())
}

fn ensure(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}
