//! The rules of paid time, asked of what is committed.

use chrono::{Days, Duration, NaiveDate};
use kiwoom_billing::rules::moments;
use kiwoom_billing::rules::payment_state::Outcome;
use kiwoom_clock::kst;
use kiwoom_paid_time::{ChargeState, Counts, Kind, Reason, Segment, Status, Subscription};

use super::books::{approved, stored};
use super::check::ensure;
use super::rows::{Payment, Sub};
use super::subs;
use super::world::World;

/// How far a forecast is walked.
const AHEAD: Days = Days::new(200);
const STEPS: usize = 500;

/// Rules 1, 2, 4, 5 and 7, after every step.
pub fn always(sub: &Sub) -> Result<(), String> {
    let paid = &sub.loaded.paid;
    no_day_twice_and_none_left_out(&paid.segments)?;
    promises(sub)?;
    money_adds_up(paid)?;
    rises_have_consents(sub)?;
    let open = |c: &&kiwoom_paid_time::Charge| {
        !matches!(c.state, ChargeState::Approved | ChargeState::Declined)
            && c.counts != Counts::Never
    };
    let counted = sub.counted.len() + paid.charges.iter().filter(open).count();
    ensure(counted == paid.cycles(), || {
        format!("rule 7: {} cycles, {counted} counted: {:?}", paid.cycles(), paid.charges)
    })?;
    // Another interval at once, and coming back, are charges that somebody asked for.
    let by_itself = paid.charges.iter().filter(|c| c.counts == Counts::Always).count();
    let within = paid.total_cycles.is_none_or(|total| by_itself <= total);
    ensure(within, || {
        let total = paid.total_cycles;
        format!("rule 7: {} of {total:?} cycles: {:?}", paid.cycles(), paid.charges)
    })
}

/// Rules 2 and 6: today is covered, and what is forecast happens, at the hours at which it does.
pub fn at_rest(world: &World, sub: &Sub) -> Result<(), String> {
    let (paid, today) = (&sub.loaded.paid, world.today());
    let serves = matches!(paid.status, Status::Active | Status::PastDue);
    let begun = paid.segments.first().is_some_and(|s| s.period.start <= today);
    // On the day of a charge until its hour, the charge is still to come; refused for the merchant's
    // set-up it comes an hour later, which may be after midnight.
    let due = sub.loaded.row.next_attempt_at.is_some_and(|at| {
        kst(at).date_naive() == today || kst(at - Duration::hours(1)).date_naive() == today
    });
    let covered = paid.on(today).is_some_and(Segment::is_covered);
    ensure(!serves || !begun || due || covered, || format!("rule 2: {today} is not covered"))?;
    if paid.status == Status::PastDue {
        return Ok(());
    }
    let until = today + AHEAD;
    let told: Vec<_> = paid.forecast(today, until).iter().map(|p| (p.on, p.amount.won)).collect();
    let lived = lived(world, sub, until)?;
    ensure(told == lived, || format!("rule 6: forecast {told:?}, lived {lived:?}"))
}

/// The charges up to `until`, when each is approved.
fn lived(world: &World, sub: &Sub, until: NaiveDate) -> Result<Vec<(NaiveDate, i64)>, String> {
    let mut s = sub.loaded.clone();
    let (first, mut now, mut steps) = (s.paid.next_charge, world.now, 0);
    let approved: Outcome = approved("t".into(), world);
    loop {
        let next = moments::next_moment(&s.paid, s.row.retries.retry_at, &world.rules);
        let Some(at) = next.map(|at| at.max(now)) else { break };
        if kst(at).date_naive() > until {
            break;
        }
        now = at;
        if let Some(charge) = subs::begin(&mut s, false, &world.rules, now) {
            let attempt = stored(&Payment::of_charge(charge));
            s.take_in((&attempt, charge), &approved, &world.rules, now);
        }
        steps += 1;
        ensure(steps < STEPS, || format!("rule 6: stands still at {now}"))?;
    }
    let new = s.paid.charges.iter().filter(|charge| charge.id >= first);
    Ok(new.filter(|c| c.on <= until).map(|c| (c.on, c.amount.won)).collect())
}

fn no_day_twice_and_none_left_out(segments: &[Segment]) -> Result<(), String> {
    for pair in segments.windows(2) {
        ensure(pair[0].period.end == pair[1].period.start, || {
            format!("rules 1 and 2: {:?} and {:?} do not adjoin", pair[0], pair[1])
        })?;
    }
    for segment in segments {
        let told = match segment.kind {
            Kind::None => matches!(
                segment.reason,
                Reason::Missed | Reason::Declined | Reason::Paused | Reason::Unpaid
            ),
            Kind::Paid | Kind::Open => segment.charge.is_some(),
            Kind::Free => true,
        };
        ensure(told && segment.period.days() > 0, || format!("rule 2: {segment:?}"))?;
    }
    Ok(())
}

/// Free days are as many as were promised, paid ones have an approved charge, open ones one that is
/// not.
fn promises(sub: &Sub) -> Result<(), String> {
    let paid = &sub.loaded.paid;
    let all = || paid.segments.iter().chain(&paid.kept);
    let given = all().filter(|s| matches!(s.reason, Reason::Trial | Reason::Extension));
    let given: i64 = given.map(|s| s.period.days()).sum();
    ensure(given == sub.promised, || {
        format!("rule 2: {given} free days, {} promised", sub.promised)
    })?;
    for segment in all().filter(|s| matches!(s.kind, Kind::Paid | Kind::Open)) {
        let charge = segment.charge.and_then(|id| paid.find_charge(id));
        let is_approved = charge.is_some_and(|c| c.state == ChargeState::Approved);
        let founded = charge.is_some() && (segment.kind == Kind::Paid) == is_approved;
        ensure(founded, || format!("rule 2: {segment:?}, and {charge:?}"))?;
    }
    Ok(())
}

/// What the card paid is the price of the days that it paid for, credit and rests included.
fn money_adds_up(paid: &Subscription) -> Result<(), String> {
    let charged: i64 = paid.charges.iter().filter(|c| c.holds()).map(|c| c.amount.won).sum();
    let price: i64 = paid.segments.iter().chain(&paid.kept).map(|s| s.price.won).sum();
    let left = paid.credit.won - paid.carried.won;
    ensure(charged == price + left, || {
        format!("rule 4: {charged} charged, {price} of time, {left} left")
    })
}

/// A price per day above the one before it has a consent of the 30 days before, to it or to a higher one:
/// after a declined charge the price may be lower than what was consented to.
fn rises_have_consents(sub: &Sub) -> Result<(), String> {
    let mut held = None;
    for segment in &sub.loaded.paid.segments {
        let charged = matches!(segment.kind, Kind::Paid | Kind::Open);
        let rises = held.is_some_and(|held| segment.rate.is_above(held));
        let agreed = sub.consents.iter().any(|consent| {
            !segment.rate.is_above(consent.rate)
                && (consent.rise_on - consent.given).num_days() <= 30
        });
        ensure(!charged || !rises || agreed, || format!("rule 5: no consent to {segment:?}"))?;
        let free = matches!(segment.reason, Reason::Trial | Reason::FreePhase | Reason::NoConsent);
        if charged || segment.kind == Kind::Free && free {
            held = Some(segment.rate);
        }
    }
    Ok(())
}
