//! A subscription and its paid time are stored and read again as they were, whatever has become of it.

use chrono::{DateTime, Days, NaiveDate, Utc};
use fastrand::Rng;
use kiwoom_billing::payments::store::paid_time::{self, Identity, Loaded};
use kiwoom_billing::rules::ids::{BillingKeyId, ConsentId, SubscriptionId};
use kiwoom_billing::rules::metadata::Metadata;
use kiwoom_billing::rules::money::Won;
use kiwoom_billing::rules::schedule::{RetryDays, Rules, due_at};
use kiwoom_billing::rules::subscription_state::Status;
use kiwoom_paid_time::{
    Cadence, Change, ChargeState, FirstPeriod, Interval, Money, Outcome, Phase, Proration, Start,
    Subscription, Terms, When,
};
use sqlx::{Connection, PgConnection};

use crate::support::postgres::new_database;

const HISTORIES: u64 = 25;
const ACTS: usize = 40;

fn rules(rng: &mut Rng) -> Rules {
    Rules {
        charge_hour: 9,
        retry_days: RetryDays::new(vec![1, 3]).unwrap(),
        minimum: [1, 1000][rng.usize(..2)],
        end_without_consent: rng.bool(),
    }
}

fn noon(day: NaiveDate) -> DateTime<Utc> {
    due_at(day, 12)
}

fn money(rng: &mut Rng) -> Money {
    let won = rng.i64(1..30) * 990;
    Money { won, tax_free: rng.i64(0..=won) }
}

fn cadence(rng: &mut Rng) -> Cadence {
    let interval = [Interval::Week, Interval::Month, Interval::Year][rng.usize(..3)];
    let anchor = if interval == Interval::Week { rng.u32(1..=7) } else { rng.u32(1..=31) };
    Cadence { interval, count: rng.u32(1..=3), anchor }
}

fn subscription(rng: &mut Rng, rules: &Rules, day: NaiveDate) -> Subscription {
    let last = Phase { cycles: None, price: money(rng) };
    let mut phases = vec![last; 1];
    for _ in 0..rng.usize(..3) {
        let price = if rng.bool() { Money::ZERO } else { money(rng) };
        phases.insert(0, Phase { cycles: Some(rng.u32(1..3)), price });
    }
    let first = [FirstPeriod::Prorated, FirstPeriod::Full, FirstPeriod::Free][rng.usize(..3)];
    let start = match rng.u8(..3) {
        0 => Start::OnAnchor(day + Days::new(rng.u64(..20))),
        1 => Start::Now(day, first),
        _ => Start::Trial(day, rng.u32(1..40)),
    };
    let proration = [Proration::Prorated, Proration::Full, Proration::Free][rng.usize(..3)];
    let terms = Terms { cadence: cadence(rng), phases };
    let mut paid = Subscription::new(terms, start, proration, rules.minimum);
    paid.end_without_consent = rules.end_without_consent;
    paid.total_cycles = (rng.u8(..4) == 0).then(|| rng.usize(3..30));
    paid
}

async fn consents(db: &mut PgConnection, s: &mut Loaded, today: NaiveDate) {
    let old = s.paid.consent;
    if s.paid.give_consent(today).is_err() {
        return;
    }
    let Some(consent) = s.paid.consent.filter(|consent| Some(*consent) != old) else { return };
    let terms = s.paid.terms.with(s.paid.pending);
    let (id, price) = (ConsentId::new(), consent.rate.price);
    let query = sqlx::query(
        "insert into price_consents (id, subscription_id, old_amount, new_amount,
            new_tax_free_amount, billing_interval, interval_count, effective_date, consented_at,
            method, created_at)
         values ($1, $2, 0, $3, $4, $5, $6, $7, $8, 'checkbox', $8)",
    );
    let interval = serde_json::to_value(terms.cadence.interval).unwrap();
    let query = query.bind(id).bind(s.row.id).bind(price.won).bind(price.tax_free);
    let query = query.bind(interval.as_str().unwrap().to_owned());
    let query = query.bind(i16::try_from(terms.cadence.count).unwrap()).bind(consent.rise_on);
    query.bind(noon(today)).execute(db).await.unwrap();
    s.row.consent_id = Some(id);
}

fn outcome(rng: &mut Rng) -> Outcome {
    match rng.u8(..8) {
        0 => Outcome::Unknown,
        1 => Outcome::Declined { retry: false },
        2 => Outcome::Declined { retry: true },
        3 => Outcome::NotSent,
        4 => Outcome::Refused,
        _ => Outcome::Approved,
    }
}

/// Something happens; a day may pass before.
async fn act(db: &mut PgConnection, rng: &mut Rng, s: &mut Loaded, today: NaiveDate) {
    let open = |s: &Subscription| {
        let open = |state| matches!(state, ChargeState::UnderWay | ChargeState::Unknown);
        s.charges.iter().find(|charge| open(charge.state)).map(|charge| charge.id)
    };
    let change = |rng: &mut Rng| Change {
        price: rng.bool().then(|| money(rng)),
        cadence: (rng.u8(..3) == 0).then(|| cadence(rng)),
    };
    match rng.u8(..30) {
        0..7 => _ = s.paid.due(today),
        7..13 => {
            if let Some(id) = open(&s.paid) {
                s.paid.settle(id, outcome(rng), today);
            }
        }
        13 => _ = s.paid.change(change(rng), When::NextPeriod, today),
        14 | 24.. => {
            let when = When::Now { consented: rng.bool() };
            _ = s.paid.change(change(rng), when, today);
        }
        15 => {
            let until = rng.bool().then(|| today + Days::new(rng.u64(1..40)));
            _ = s.paid.pause(today, until);
        }
        16 => s.resume(today),
        17 => _ = s.paid.extend(rng.u32(1..9)),
        18 => _ = s.paid.come_back(today),
        19 => {
            let declined = s.paid.charges.iter().rfind(|c| !c.holds()).map(|c| c.id);
            if let Some(id) = declined {
                s.paid.approve_late(id, today);
            }
        }
        20 => {
            let retrying = s.paid.charges.iter().find(|c| c.state == ChargeState::Retrying);
            if let Some(id) = retrying.map(|c| c.id) {
                s.paid.retry(id);
            }
        }
        21 => {
            let end = rng.bool().then(|| today + Days::new(rng.u64(30..400)));
            _ = s.paid.set_end_date(end);
        }
        22 => consents(db, s, today).await,
        _ => match rng.u8(..12) {
            0 => s.paid.cancel(today),
            1 => s.paid.cancel_at_period_end(today),
            2..5 => s.paid.pause_at_period_end = rng.bool(),
            _ => {
                let credited = s.paid.charges.iter().find(|c| c.credited.won > 0).map(|c| c.id);
                if let Some(id) = credited {
                    s.paid.refund_credit(id, 1);
                }
            }
        },
    }
}

#[tokio::test]
async fn what_is_stored_is_read_again_as_it_was() {
    let mut db = PgConnection::connect(&new_database().await).await.unwrap();
    let key = BillingKeyId::new();
    sqlx::query(
        "insert into billing_keys (id, customer_id, customer_name, autokey, card_company_code,
            card_number_masked, status, created_at)
         values ($1, 'user123', '홍길동', '', '01', '411111******1111', 'active', now())",
    )
    .bind(key)
    .execute(&mut db)
    .await
    .unwrap();
    let mut reached = [0; 5];
    for seed in 0..HISTORIES {
        let mut rng = Rng::with_seed(seed);
        let rules = rules(&mut rng);
        let mut today: NaiveDate = "2027-01-01".parse().unwrap();
        today = today + Days::new(rng.u64(..400));
        let paid = subscription(&mut rng, &rules, today);
        let id = SubscriptionId::new();
        let new = Identity {
            id,
            customer_id: format!("user{seed}"),
            plan_id: "plan".to_owned(),
            billing_key_id: key,
            product_name: "월간 구독".to_owned(),
            amount: Won::new(paid.terms.phases.last().unwrap().price.won).unwrap(),
            metadata: Metadata::default(),
            retry_days: None,
            created_at: noon(today),
        };
        let mut loaded = Loaded::new(new, Status::Active, paid, noon(today));
        let mut tx = db.begin().await.unwrap();
        paid_time::insert(&mut tx, &mut loaded, noon(today)).await.unwrap();
        tx.commit().await.unwrap();
        for step in 0..ACTS {
            let mut tx = db.begin().await.unwrap();
            let mut again = paid_time::lock(&mut tx, id, &rules).await.unwrap().unwrap();
            for charge in &mut loaded.paid.charges {
                // What went back is read from the payments, of which there are none here.
                charge.refunded = Money::ZERO;
            }
            let at = format!("history {seed} before step {step}");
            assert_eq!(again.paid.charges, loaded.paid.charges, "{at}");
            assert_eq!(again.paid.segments, loaded.paid.segments, "{at}");
            assert_eq!(again.paid, loaded.paid, "{at}");
            assert_eq!(again.row.next_billing_date, loaded.row.next_billing_date);
            act(&mut tx, &mut rng, &mut again, today).await;
            paid_time::save(&mut tx, &mut again, noon(today))
                .await
                .unwrap_or_else(|error| panic!("history {seed}, step {step}: {error}"));
            tx.commit()
                .await
                .unwrap_or_else(|error| panic!("history {seed}, step {step}: {error}"));
            reached[2] += usize::from(again.paid.undo.is_some());
            loaded = again;
            today = today + Days::new(if rng.bool() { 0 } else { rng.u64(..25) });
        }
        let paid = &loaded.paid;
        reached[0] += paid.segments.len();
        reached[1] += paid.charges.iter().filter(|c| c.state == ChargeState::Approved).count();
        reached[3] += usize::from(paid.consent.is_some());
        reached[4] += usize::from(!paid.kept.is_empty());
    }
    assert!(reached.iter().all(|reached| *reached > 0), "{reached:?}");
}
