//! The seven rules, as checks of a history after each of its steps.

use super::world::{Sabotage, World};
use super::*;

/// The first rule that is broken.
pub fn hold(world: &World) -> Result<(), String> {
    no_day_is_paid_twice(world)?;
    no_day_is_given_away(world)?;
    money_adds_up(world)?;
    prices_are_shares(world)?;
    cycles_are_counted(world)
}

/// Days in all segments that charge `id` pays for, used or kept.
pub fn days_of(sub: &Subscription, id: u32) -> i64 {
    let rows = sub.segments.iter().chain(&sub.kept);
    rows.filter(|s| s.charge == Some(id)).map(|s| s.period.days()).sum()
}

fn check(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}

fn no_day_is_paid_twice(world: &World) -> Result<(), String> {
    for pair in world.sub.segments.windows(2) {
        check(pair[0].period.end <= pair[1].period.start, || {
            format!("rule 1: {:?} and {:?} overlap", pair[0], pair[1])
        })?;
    }
    let empty = world.sub.segments.iter().find(|s| s.period.days() < 1);
    check(empty.is_none(), || format!("rule 1: no days in {empty:?}"))
}

fn no_day_is_given_away(world: &World) -> Result<(), String> {
    let sub = &world.sub;
    for pair in sub.segments.windows(2) {
        check(pair[0].period.end == pair[1].period.start, || {
            format!("rule 2: a gap before {:?}", pair[1])
        })?;
    }
    for none in sub.segments.iter().filter(|s| s.kind == Kind::None) {
        let told = [Reason::Missed, Reason::Declined, Reason::Paused, Reason::Unpaid];
        check(told.contains(&none.reason), || format!("rule 2: {none:?}"))?;
    }
    let rows = sub.segments.iter().chain(&sub.kept);
    let promised = rows.filter(|s| matches!(s.reason, Reason::Trial | Reason::Extension));
    let given: i64 = promised.map(|s| s.period.days()).sum();
    check(given == world.promised, || {
        format!("rule 2: {given} free days, {} promised", world.promised)
    })?;
    let free = |s: &&Segment| s.reason == Reason::FreePhase && s.cycle;
    let free = sub.segments.iter().chain(&sub.kept).filter(free).count();
    let given = if sub.charges.is_empty() { free.max(world.free_periods) } else { free };
    check(given == world.free_periods, || {
        format!("rule 2: {free} free periods, {} promised", world.free_periods)
    })?;
    let is_asked = matches!(sub.start, Start::Now(_, FirstPeriod::Full | FirstPeriod::Free))
        || sub.proration == Proration::Free;
    let before = |s: &&Segment| s.reason == Reason::BeforeAnchor;
    let before = sub.segments.iter().find(before);
    check(is_asked || before.is_none(), || format!("rule 2: nobody promised {before:?}"))?;
    for charge in sub.charges.iter().filter(|c| c.state == ChargeState::Approved) {
        let bought = world.bought.get(&charge.id).copied();
        let has = days_of(sub, charge.id);
        let whole = !world.exchanged.contains(&charge.id);
        check(!whole || bought == Some(has), || {
            format!("rule 2: {charge:?} bought {bought:?} days and has {has}")
        })?;
    }
    let open = |s: &&Segment| s.kind == Kind::Open;
    let declined = |s: &&Segment| {
        let charge = s.charge.and_then(|id| sub.find_charge(id));
        charge.is_none_or(|c| c.state == ChargeState::Declined)
    };
    let ahead = sub.segments.iter().filter(|s| s.period.end > world.today);
    let unpaid = ahead.chain(&sub.kept).filter(open).find(declined);
    check(unpaid.is_none(), || format!("rule 2: {unpaid:?} is declined and still to come"))?;
    for segment in sub.segments.iter().filter(open) {
        let charge = sub.charges.iter().find(|c| Some(c.id) == segment.charge);
        let approved = charge.is_none_or(|c| c.state == ChargeState::Approved);
        check(!approved, || format!("rule 2: {segment:?} is open, its charge is {charge:?}"))?;
    }
    Ok(())
}

/// What the card paid is the price of the time that each price held, credit and rests included.
fn money_adds_up(world: &World) -> Result<(), String> {
    let sub = &world.sub;
    for charge in &sub.charges {
        let time: i64 = sub.segments_of(charge.id).map(|s| s.price.won).sum();
        // Days that were exchanged after their money went back gave no credit.
        let gone = charge.price().won - time - charge.credited.won;
        let most = if charge.holds() { 0..=charge.refunded.won } else { gone..=gone };
        check(most.contains(&gone) && (charge.holds() || time == 0), || {
            format!("rule 4: {time} of time for {charge:?}")
        })?;
        let back = charge.refunded.won + charge.credited.won;
        let most = charge.price().won + charge.carried_in.won;
        check(back <= most && charge.refunded.won <= charge.amount.won, || {
            format!("rule 4: more went back than was paid: {charge:?}")
        })?;
    }
    let held = || sub.charges.iter().filter(|c| c.holds());
    let used: i64 = held().map(|c| c.credit.won).sum();
    let given: i64 = sub.charges.iter().map(|c| c.credited.won).sum();
    check(sub.credit.won == given - used, || {
        format!("rule 4: {given} of credit given, {used} used, {:?} left", sub.credit)
    })?;
    let carried: i64 = held().map(|c| c.carried_out.won - c.carried_in.won).sum();
    check(sub.carried.won == carried, || {
        format!("rule 4: {carried} were carried, {:?} are left", sub.carried)
    })?;
    let fits = |m: Money| 0 <= m.tax_free && m.tax_free <= m.won;
    let all_fit = |c: &Charge| {
        [c.amount, c.credit, c.credited, c.refunded, c.refundable(), c.price()].map(fits)
    };
    let odd = sub.charges.iter().find(|c| all_fit(c).contains(&false));
    check(odd.is_none() && fits(sub.credit) && fits(sub.carried), || {
        format!("rule 4: tax-free part of {odd:?} or of {:?}, {:?}", sub.credit, sub.carried)
    })
}

/// What begins to be charged has no day on or after the end date.
pub fn ends_in_time(world: &World, first: u32) -> Result<(), String> {
    let Some(end) = world.sub.end_date else { return Ok(()) };
    let new = world.sub.segments.iter().filter(|s| s.charge.is_some_and(|id| id >= first));
    let mut late = new.filter(|s| s.reason != Reason::Changed && s.period.end > end);
    let late = late.next();
    check(late.is_none(), || format!("rule 4: {late:?} is charged beyond {end}"))
}

/// The prices of the segments of the last charge, by counting days one by one.
fn prices_are_shares(world: &World) -> Result<(), String> {
    let sub = &world.sub;
    let recorded = |s: &&Segment| s.charge.is_some_and(|id| world.recorded.contains(&id));
    let paid = sub.segments.iter().filter(|s| s.kind == Kind::Paid);
    for segment in paid.filter(|s| !recorded(s)) {
        let (price, full) = (segment.price, segment.rate.price);
        if segment.cycle
            && segment.reason == Reason::Whole
            && segment.period.days() == segment.of_days
        {
            check(price == full, || format!("rule 4: a whole period: {segment:?}"))?;
        }
        let is_part = segment.reason == Reason::Stub && sub.proration == Proration::Prorated;
        let share = full.won * segment.period.days() / segment.of_days;
        // The parts of a stub that was divided share the won that rounding leaves.
        let parts = sub.segments.iter().chain(&sub.kept).filter(|s| s.charge == segment.charge);
        let parts = i64::try_from(parts.count()).unwrap();
        let exchanged = segment.charge.is_some_and(|id| world.exchanged.contains(&id));
        let most = if parts > 1 || exchanged { parts } else { 0 };
        let off = price.won - share;
        check(!is_part || off.abs() <= most, || format!("rule 4: a stub: {segment:?}"))?;
    }
    Ok(())
}

/// A segment that is charged from now on at a higher price than the one before has a consent that
/// was at most 30 days old on the day of the rise as it stood.
pub fn rises_have_consents(world: &World, first: u32) -> Result<(), String> {
    let mut last: Option<Rate> = None;
    for segment in &world.sub.segments {
        let charged = matches!(segment.kind, Kind::Paid | Kind::Open);
        let is_new = charged && segment.charge.is_some_and(|id| id >= first);
        if is_new && last.is_some_and(|last| segment.rate.is_above(last)) {
            let held =
                |c: &&Consent| c.rate == segment.rate && (c.rise_on - c.given).num_days() <= 30;
            let consent = world.consents.iter().find(held);
            check(consent.is_some(), || format!("rule 5: no consent to {segment:?}"))?;
        }
        let free = matches!(segment.reason, Reason::Trial | Reason::FreePhase | Reason::NoConsent);
        if charged || segment.kind == Kind::Free && free {
            last = Some(segment.rate);
        }
    }
    Ok(())
}

fn cycles_are_counted(world: &World) -> Result<(), String> {
    let open = |c: &&Charge| {
        let ended = matches!(c.state, ChargeState::Approved | ChargeState::Declined);
        !ended && c.counts != Counts::Never
    };
    let open = world.sub.charges.iter().filter(open).count();
    let counted = world.counted.len() + open;
    check(counted == world.sub.cycles(), || {
        format!("rule 7: {counted} cycles, {} counted", world.sub.cycles())
    })
}

/// A charge that was begun is one of `totalCycles`. One that is approved late comes on top.
pub fn is_within_total(world: &World, id: u32) -> Result<(), String> {
    let counts = world.sub.find_charge(id).is_some_and(|c| c.counts != Counts::Never);
    let (made, most) = (world.sub.cycles(), world.sub.total_cycles.unwrap_or(usize::MAX));
    check(!counts || made <= most, || format!("rule 7: charge {id} is {made} of {most}"))
}

/// When what is due has been done, an active subscription is covered today.
pub fn today_is_covered(world: &World) -> Result<(), String> {
    let sub = &world.sub;
    let serves =
        matches!(sub.status, Status::Active | Status::PastDue) && sub.covered_to() > world.today;
    let begun = sub.segments.first().is_some_and(|s| s.period.start <= world.today);
    let covered = sub.on(world.today).is_some_and(Segment::is_covered);
    check(!serves || !begun || covered, || format!("rule 2: {} is not covered", world.today))?;
    let waits = sub.due_on().is_some_and(|day| day <= world.today);
    check(!waits, || format!("rule 2: {} is due and was not begun", world.today))
}

/// What was forecast for today is what is charged now.
pub fn is_as_told(world: &World, told: Option<Planned>, id: u32) -> Result<(), String> {
    let charge = world.sub.charges.iter().find(|c| c.id == id).unwrap();
    let period = world.sub.segments.iter().find(|s| s.charge == Some(id)).unwrap().period;
    let wrong = i64::from(world.sabotage == Sabotage::WrongForecast);
    let told = told.map(|p| (p.on + chrono::Duration::days(wrong), p.amount, p.period));
    check(told == Some((charge.on, charge.amount, period)), || {
        format!("rule 6: {told:?} was forecast, {charge:?} for {period:?} happens")
    })
}

/// What was told of a change at once is what it does; and when its charge is declined, all is as it
/// was before.
pub fn preview_is_what_happens(
    world: &World,
    before: &Subscription,
    told: &Preview,
    asked: Option<u32>,
) -> Result<(), String> {
    let sub = &world.sub;
    let total = asked.and_then(|id| sub.find_charge(id)).map_or(Money::ZERO, |c| c.amount);
    check(told.total == total && told.next == sub.next(), || {
        format!("rule 6: {told:?} was told, {total:?} and {:?} happen", sub.next())
    })?;
    let Some(id) = asked else { return Ok(()) };
    let mut declined = sub.clone();
    declined.settle(id, Outcome::Declined { retry: true }, world.today);
    let state =
        |s: &Subscription| (s.segments.clone(), s.terms.clone(), s.pending, s.credit, s.carried);
    check(state(&declined) == state(before) && declined.next() == before.next(), || {
        format!("rule 3: a declined change has left {declined:?}, before it was {before:?}")
    })
}

/// A year as it is forecast and as it is lived, day by day.
pub fn forecast_is_what_happens(world: &World) -> Result<(), String> {
    let until = world.today + chrono::Days::new(200);
    let told = world.sub.forecast(world.today, until);
    let mut sub = world.sub.clone();
    let late = sub.due_on().is_some_and(|day| day <= world.today);
    let under_way = |c: &&Charge| match c.state {
        ChargeState::UnderWay => true,
        ChargeState::Retrying => !late,
        _ => false,
    };
    let open: Vec<_> = sub.charges.iter().filter(under_way).map(|c| c.id).collect();
    for id in open {
        sub.retry(id);
        sub.settle(id, Outcome::Approved, world.today);
    }
    for today in world.today.iter_days().take_while(|d| *d <= until) {
        if let Some(id) = sub.due(today) {
            sub.settle(id, Outcome::Approved, today);
        }
    }
    let new = sub.charges.iter().filter(|c| c.id >= world.sub.next_charge);
    let lived: Vec<_> = new.map(|c| (c.on, c.amount)).collect();
    let told: Vec<_> = told.iter().map(|p| (p.on, p.amount)).collect();
    check(lived == told, || format!("rule 6: forecast {told:?}, lived {lived:?}"))?;
    let first = world.sub.next_charge(world.today).map(|p| (p.on, p.amount));
    check(told.is_empty() || first == told.first().copied(), || {
        format!("rule 6: {first:?} is the next charge, forecast {told:?}")
    })?;
    let line = world.sub.timeline(world.today, world.today, until);
    let days: i64 = line.iter().map(|s| s.period.days()).sum();
    check(days == 200, || format!("rule 6: {days} days in the timeline"))
}
