//! The rules about money: some hold at every moment, the others when everything has come to rest.

use std::collections::{HashMap, HashSet};

use kiwoom_billing::payments::store::RefundState;
use kiwoom_billing::rules::payment_state::State;
use kiwoom_paid_time::{ChargeState, Status};

use super::paid_time;
use super::world::World;

/// What holds after every step.
pub fn always(world: &World) -> Result<(), String> {
    for (order, calls) in &world.gateway.calls {
        ensure(*calls <= 1, || format!("{calls} calls for one attempt, {order}"))?;
    }
    for (refund, calls) in &world.gateway.refund_calls {
        ensure(*calls <= 1, || format!("{calls} calls for one refund, {refund}"))?;
    }
    let mut charges = HashSet::new();
    for charged in &world.gateway.charges {
        // SUB{n}-c{charge}-{attempt}: the charge is what is before the attempt.
        let order = charged.order.as_str();
        let charge = order.rsplit_once('-').map_or(order, |(charge, _)| charge);
        ensure(charges.insert(charge), || format!("charged twice: {charge}"))?;
    }
    for (order, payment) in &world.payments {
        let (held, amount) = (payment.refunded + payment.refunding, payment.amount);
        ensure(held <= amount, || format!("{held} of {amount} given back or held, {order}"))?;
    }
    world.subs.iter().try_for_each(paid_time::always)
}

/// What holds at the end.
pub fn at_rest(world: &World) -> Result<(), String> {
    charges(world)?;
    refunds(world)?;
    for index in 0..world.subs.len() {
        days(world, index)?;
        paid_time::at_rest(world, &world.subs[index])?;
    }
    Ok(())
}

fn charges(world: &World) -> Result<(), String> {
    let pair = |c: &'_ super::rows::Charged| (c.order.clone(), c.transaction.clone());
    let held: HashMap<String, String> = world.gateway.charges.iter().map(pair).collect();
    for order in held.keys() {
        let ours = world.payments.get(order).map(|payment| payment.state);
        let known = matches!(ours, Some(State::Approved | State::Unknown));
        ensure(known, || format!("lost: {order} is charged, and to us {ours:?}"))?;
    }
    for (order, payment) in &world.payments {
        ensure(payment.state != State::Sending, || format!("{order} is still sending"))?;
        let phantom =
            payment.state == State::Approved && payment.transaction.as_ref() != held.get(order);
        ensure(!phantom, || format!("phantom: {order} is approved by us only"))?;
    }
    Ok(())
}

fn refunds(world: &World) -> Result<(), String> {
    for charged in &world.gateway.charges {
        let Some(payment) = world.payments.get(&charged.order) else { continue };
        let known = payment.refunded..=payment.refunded + payment.refunding;
        ensure(known.contains(&charged.given_back), || {
            format!("{} of {} given back, to us {known:?}", charged.given_back, charged.order)
        })?;
    }
    for refund in world.refunds.iter().flatten() {
        let open = refund.state == RefundState::Sending;
        ensure(!open, || format!("a refund of {} is still sending", refund.order))?;
    }
    Ok(())
}

/// The days of a subscription say of each charge what its attempts say; and one that is billed has a
/// next moment, in the future.
fn days(world: &World, index: usize) -> Result<(), String> {
    let sub = &world.subs[index];
    for charge in sub.loaded.paid.charges.iter().filter(|charge| charge.amount.won > 0) {
        let of_it = world.payments.values().filter(|p| p.sub == Some((index, charge.id)));
        let states: Vec<State> = of_it.map(|payment| payment.state).collect();
        let has = |state: State| states.contains(&state);
        let agrees = match charge.state {
            ChargeState::UnderWay => false,
            ChargeState::Unknown => has(State::Unknown),
            ChargeState::Approved => has(State::Approved),
            ChargeState::Retrying => states.iter().all(|state| *state == State::Declined),
            // What is paid late, for days that something else covers, waits for its refund.
            ChargeState::Declined => !has(State::Unknown) && !has(State::Sending),
        };
        ensure(agrees, || format!("subscription {index}: {charge:?}, attempts {states:?}"))?;
    }
    let next = sub.loaded.row.next_attempt_at;
    let billed = matches!(sub.loaded.paid.status, Status::Active | Status::PastDue);
    ensure(!billed || next.is_some_and(|at| at > world.now), || {
        format!("subscription {index} waits for nothing: {next:?}, {:?}", sub.loaded.paid)
    })
}

pub fn ensure(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}
