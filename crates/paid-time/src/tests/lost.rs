//! Intents that were lost and begun again, on subscriptions that were changed meanwhile.

use super::world::{Sabotage, World};
use super::*;

const MONTHLY: Cadence = Cadence { interval: Interval::Month, count: 1, anchor: 15 };
const HISTORIES: u64 = 20_000;

/// Paid from 15 March to 15 April.
fn running() -> Subscription {
    let start = Start::Now(day("2027-03-15"), FirstPeriod::Prorated);
    let mut sub = subscribe(terms(MONTHLY, 9_900), start);
    live(&mut sub, "2027-03-15", "2027-03-15");
    sub
}

fn change(sub: &mut Subscription, won: Option<i64>, anchor: Option<u32>) {
    let cadence = anchor.map(|anchor| Cadence { anchor, ..MONTHLY });
    let change = Change { price: won.map(Money::taxed), cadence };
    sub.change(change, When::NextPeriod, day("2027-04-15")).unwrap();
}

/// The intent of the charge of 15 April was lost, and `since` happened; then it is approved.
fn approved_after(since: impl Fn(&mut Subscription)) -> Option<Subscription> {
    let before = running();
    let mut intended = before.clone();
    let id = intended.due(day("2027-04-15")).unwrap();
    let mut sub = before.clone();
    since(&mut sub);
    let was = sub.clone();
    let Some(id) = sub.begin_lost(&before, &intended, id) else {
        assert_eq!(sub, was, "nothing has changed");
        return None;
    };
    assert_eq!(sub.find_charge(id).map(|c| (c.amount.won, c.days)), Some((9_900, 30)));
    sub.settle(id, Outcome::Approved, day("2027-04-15"));
    Some(sub)
}

#[test]
fn its_days_are_paid_whatever_would_be_charged_for_them_by_now() {
    let price = approved_after(|sub| change(sub, Some(5_000), None)).unwrap();
    assert_eq!(price.paid_through(), Some(day("2027-05-15")));
    let mut next = price.clone();
    let expected = rows(&[("2027-05-15", 5_000, "2027-06-15")]);
    assert_eq!(live(&mut next, "2027-04-15", "2027-05-15"), expected);
    let mut moved = approved_after(|sub| change(sub, None, Some(20))).unwrap();
    // 15 to 20 May: 5 of the 30 days to 20 May.
    let expected =
        rows(&[("2027-05-15", 1_650, "2027-05-20"), ("2027-05-20", 9_900, "2027-06-20")]);
    assert_eq!(live(&mut moved, "2027-04-15", "2027-05-20"), expected);
}

#[test]
fn free_days_follow_it_a_pause_keeps_it_and_an_end_leaves_it() {
    let extended = approved_after(|sub| sub.extend(3).unwrap()).unwrap();
    let last: Vec<_> = extended.segments.iter().map(|s| (s.kind, s.period.end)).collect();
    let expected = [
        (Kind::Paid, day("2027-04-15")),
        (Kind::Paid, day("2027-05-15")),
        (Kind::Free, day("2027-05-18")),
    ];
    assert_eq!(last, expected);
    let mut paused = approved_after(|sub| sub.pause(day("2027-04-15"), None).unwrap()).unwrap();
    assert_eq!((paused.status, paused.kept_days()), (Status::Paused, 30));
    paused.resume(day("2027-05-01"));
    assert_eq!(paused.paid_through(), Some(day("2027-05-31")));
    let over = approved_after(|sub| sub.cancel(day("2027-04-15"))).unwrap();
    assert_eq!((over.status, over.paid_through()), (Status::Canceled, Some(day("2027-05-15"))));
}

#[test]
fn what_was_declined_for_the_same_days_makes_room_and_what_was_paid_does_not() {
    for retry in [true, false] {
        let declined = approved_after(|sub| {
            change(sub, Some(5_000), None);
            let again = sub.due(day("2027-04-15")).unwrap();
            sub.settle(again, Outcome::Declined { retry }, day("2027-04-15"));
        });
        let declined = declined.unwrap();
        assert_eq!(
            (declined.status, declined.paid_through(), declined.cycles()),
            (Status::Active, Some(day("2027-05-15")), 2)
        );
        assert!(declined.charges.iter().all(|c| c.state != ChargeState::Retrying));
    }
    for outcome in [Outcome::Approved, Outcome::Unknown] {
        let covered = approved_after(|sub| {
            change(sub, Some(5_000), None);
            let again = sub.due(day("2027-04-15")).unwrap();
            sub.settle(again, outcome, day("2027-04-15"));
        });
        assert_eq!(covered, None);
    }
}

#[test]
fn a_rise_that_came_with_it_holds_and_what_was_asked_for_since_waits() {
    let mut before = running();
    change(&mut before, Some(19_800), None);
    before.give_consent(day("2027-04-01")).unwrap();
    let mut intended = before.clone();
    let id = intended.due(day("2027-04-15")).unwrap();
    for (won, next) in [(19_800, None), (9_900, Some(9_900)), (25_000, Some(25_000))] {
        let mut sub = before.clone();
        sub.extend(1).unwrap();
        change(&mut sub, Some(won), None);
        let id = sub.begin_lost(&before, &intended, id).unwrap();
        sub.settle(id, Outcome::Approved, day("2027-04-15"));
        assert_eq!(sub.price().won, 19_800);
        let pending = sub.pending.and_then(|pending| pending.price).map(|price| price.won);
        assert_eq!(pending, next);
    }
}

#[test]
fn a_change_at_once_is_begun_again_where_nothing_has_changed() {
    let before = running();
    let mut intended = before.clone();
    let up = Change { price: Some(Money::taxed(19_800)), cadence: None };
    let now = When::Now { consented: true };
    let id = intended.change(up, now, day("2027-03-25")).unwrap().unwrap();
    let mut same = before.clone();
    assert_eq!(same.begin_lost(&before, &intended, id), Some(id));
    assert_eq!(same, intended);
    let mut other = before.clone();
    other.extend(1).unwrap();
    assert_eq!(other.begin_lost(&before, &intended, id), None, "its days are paid already");
}

#[test]
fn a_retry_that_was_given_up_is_approved_late() {
    let mut before = running();
    let id = before.due(day("2027-04-15")).unwrap();
    before.settle(id, Outcome::Declined { retry: true }, day("2027-04-15"));
    let mut intended = before.clone();
    assert!(intended.retry(id));
    let mut sub = before.clone();
    sub.pause(day("2027-04-16"), None).unwrap();
    assert_eq!(sub.begin_lost(&before, &intended, id), Some(id));
    assert!(sub.approve_late(id, day("2027-04-16")));
    assert_eq!((sub.status, sub.kept_days()), (Status::Paused, 29));
}

/// Begins a charge that is lost, does something else, and begins it again.
fn lose(world: &mut World) -> Result<bool, String> {
    let next = world.sub.due_on().unwrap_or(world.today);
    world.today = world.today.max(next);
    let before = world.sub.clone();
    let mut intended = before.clone();
    let Some(id) = intended.due(world.today) else { return Ok(false) };
    match world.rng.u8(0..7) {
        0 | 1 => world.change_later(),
        2 => world.pause(),
        3 => world.consent()?,
        4 | 5 => world.small_calls(),
        _ => world.due()?,
    }
    let was = world.sub.clone();
    let Some(again) = world.sub.begin_lost(&before, &intended, id) else {
        assert_eq!(world.sub, was, "nothing has changed");
        return Ok(false);
    };
    let (lost, charge) = (intended.find_charge(id).unwrap(), world.sub.find_charge(again).unwrap());
    assert_eq!((charge.amount, charge.days), (lost.amount, lost.days));
    if charge.price() != lost.price() {
        world.recorded.insert(again);
    }
    let declined = |c: &&Charge| c.state == ChargeState::Declined;
    let declined: Vec<_> = world.sub.charges.iter().filter(declined).map(|c| c.id).collect();
    for id in declined {
        world.ended(id);
    }
    let counts = |c: &Charge| c.counts != Counts::Never;
    world.counted.retain(|id| world.sub.find_charge(*id).is_some_and(counts));
    if world.rng.u8(0..3) == 0 {
        world.answer(again);
    } else {
        world.settle(again, Outcome::Approved);
    }
    Ok(true)
}

#[test]
fn no_history_with_lost_intents_breaks_a_rule() {
    let mut begun = 0;
    for seed in 0..HISTORIES {
        let mut world = World::new(seed, Sabotage::None, false);
        let steps = world.rng.u8(0..8);
        let lived = (0..steps)
            .try_for_each(|_| world.step().and_then(|()| super::rules::hold(&world)))
            .and_then(|()| lose(&mut world))
            .and_then(|again| {
                begun += u64::from(again);
                super::rules::hold(&world)
            })
            .and_then(|()| {
                (0..4).try_for_each(|_| world.step().and_then(|()| super::rules::hold(&world)))
            });
        lived.unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    }
    assert!(begun > HISTORIES / 4, "{begun}");
}
