//! What happens: registrations, subscriptions, then day after day what the seed has planned, and at
//! the end a quiet month in which everything comes to rest.

use std::time::{Duration, Instant};

use chrono::{DateTime, Days, Months, TimeZone, Utc};
use fastrand::Rng;
use futures::{StreamExt, stream};
use tokio::task::JoinHandle;

use crate::simulate::actions;
use crate::simulate::diary::{Diary, Note};
use crate::simulate::erased;
use crate::simulate::foretold::Foretold;
use crate::simulate::incidents::Rota;
use crate::simulate::menu::{self, Menu};
use crate::simulate::merchant::{self, Subscriber};
use crate::simulate::plan::{Action, Later, Measure, Plan, plan};
use crate::simulate::terms::Terms;
use crate::simulate::world::World;
use crate::simulate::{Failure, Options};
use kiwoom_clock::{kst, rfc3339_kst};

/// How long work that is due may take before the simulation gives up.
const PATIENCE: Duration = Duration::from_mins(5);
const POLL: Duration = Duration::from_millis(5);
const SETUP_CONCURRENCY: usize = 8;
/// Kills are planned for this share of the days; what is left over waits for the next.
const STOPS_PER_MONTH: u32 = 24;
/// A month longer than any notification is held back.
const QUIET_MONTHS: u32 = 2;

/// Test cards of the sandbox and how many of a hundred cards are of each kind.
const CARDS: &[(&str, u8)] = &[
    ("4111111111111111", 84),
    ("4000000000009995", 7),
    ("4000000000000341", 4),
    ("4000000000009979", 2),
    ("4000000000000119", 3),
];

/// Work of callers under way: what they note, and whether it went as it has to.
type Actions = JoinHandle<Result<Vec<actions::Done>, Failure>>;

pub struct Driver<'a> {
    pub world: &'a mut World,
    options: &'a Options,
    menu: Menu,
    pub rota: Rota,
    pub diary: Diary,
    subscribers: Vec<Subscriber>,
    paused: Vec<usize>,
    foretold: Foretold,
}

/// Makes the subscriptions, walks the months, and lets everything come to rest.
pub async fn drive(world: &mut World, options: &Options, menu: Menu) -> Result<Diary, Failure> {
    let diary = Diary::default();
    let (subscribers, paused, foretold) = (Vec::new(), Vec::new(), Foretold::default());
    let stops = options.months * STOPS_PER_MONTH;
    let rota = Rota::new(menu.of(menu::INCIDENTS), stops, options.seed);
    let mut driver = Driver { world, options, menu, rota, diary, subscribers, paused, foretold };
    let start = driver.begin().await?;
    driver.walk(start).await?;
    driver.rest().await?;
    Ok(driver.diary)
}

impl Driver<'_> {
    /// The same day for every run: on other days other months are long.
    async fn begin(&mut self) -> Result<DateTime<Utc>, Failure> {
        let start = Utc.with_ymd_and_hms(2031, 1, 1, 3, 0, 0).single().ok_or("no such date")?;
        merchant::set_clock(&self.world.reach, start).await?;
        merchant::until_followed(&self.world.reach, start).await;
        let mut rng = Rng::with_seed(self.options.seed);
        let plans = (0..self.options.subs).map(|n| (n, pick_card(&mut rng), Terms::any(&mut rng)));
        let plans: Vec<_> = plans.collect();
        let (reach, today) = (&self.world.reach, kst(start).date_naive());
        let made = stream::iter(plans).map(|(n, card, terms)| async move {
            let mut notes = Vec::new();
            let who = (format!("customer-{n}"), card);
            let made = merchant::subscriber(reach, who, (terms, today), &mut notes).await;
            made.map(|subscriber| (subscriber, notes))
        });
        let made: Vec<Result<_, Failure>> = made.buffered(SETUP_CONCURRENCY).collect().await;
        for subscriber in made {
            let (subscriber, notes) = subscriber?;
            self.subscribers.push(subscriber);
            self.diary.take(notes);
        }
        println!("  {} subscriptions made", self.subscribers.len());
        Ok(start)
    }

    async fn walk(&mut self, start: DateTime<Utc>) -> Result<(), Failure> {
        for month in 1..=self.options.months {
            let target = start + Months::new(month);
            erased::month(&self.world.reach, month, &mut self.diary).await;
            while let Some(next) = self.next_due().await?.filter(|at| *at <= target) {
                let plan = self.plan_of(next);
                self.stop_at(next, plan).await?;
            }
            self.move_clock(target).await?;
            println!("  month {month} of {}", self.options.months);
        }
        Ok(())
    }

    /// Decided by the seed and the moment alone.
    fn plan_of(&self, at: DateTime<Utc>) -> Plan {
        let mut rng = Rng::with_seed(self.options.seed ^ at.timestamp().unsigned_abs());
        let stops = (self.options.months * STOPS_PER_MONTH).max(1);
        let measure = Measure {
            subscribers: self.subscribers.len().max(1),
            replicas: self.world.reach.replicas(),
            kill_percent: self.options.kill * 100 / stops,
        };
        plan(&mut rng, &self.menu, measure)
    }

    /// Moves the clock to a due moment with all that is planned for it, and lets it be worked off.
    async fn stop_at(&mut self, next: DateTime<Utc>, plan: Plan) -> Result<(), Failure> {
        for (name, script) in &plan.gateway_faults {
            self.world.reach.sandbox_post("/faults", script).await?;
            self.diary.note(Note::Count(format!("gateway {name}")));
        }
        let mut incident = match self.rota.deal() {
            Some(name) => Some(self.begin_incident(name).await?),
            None => None,
        };
        if incident.is_some() || plan.jump_days.is_some() {
            self.foretold.forget_all();
        }
        plan.traps.iter().for_each(|trap| self.world.traps.arm(*trap));
        let target = match plan.jump_days {
            Some(days) => self.jump(next, days).await?,
            None => next,
        };
        self.move_clock(target).await?;
        let mut planned = plan.actions;
        if incident.is_some() {
            // Whatever is due, a card is charged meanwhile.
            planned.insert(0, Action::OneOff { who: 0, amount: 1_000, refunds: Vec::new() });
        }
        let actions = self.start(planned, target);
        match (&mut incident, plan.later) {
            (Some(incident), _) => self.during(incident).await?,
            (None, Some((delay, later))) => {
                tokio::time::sleep(delay).await;
                self.inject(later).await?;
            }
            (None, None) => {}
        }
        self.until_done(actions).await?;
        self.until_quiet(target).await?;
        match incident {
            Some(incident) => self.end_incident(incident).await,
            None => {
                let (reach, subscribers) = (&self.world.reach, &self.subscribers);
                self.foretold.follow(reach, subscribers, target, &mut self.diary).await
            }
        }
    }

    /// Moves the clock, while all services are there: half an hour of it passes in an instant, in which
    /// the gateway would give up telling one that is being started.
    async fn move_clock(&mut self, to: DateTime<Utc>) -> Result<(), Failure> {
        self.world.traps.suspend(true);
        self.world.tend(&mut self.diary.counters).await?;
        self.world.told_again(to).await?;
        merchant::set_clock(&self.world.reach, to).await?;
        merchant::until_followed(&self.world.reach, to).await;
        self.world.traps.suspend(false);
        Ok(())
    }

    async fn jump(&mut self, next: DateTime<Utc>, days: u32) -> Result<DateTime<Utc>, Failure> {
        let from = merchant::now(&self.world.reach).await?;
        let to = next + Days::new(days.into());
        println!("  the clock jumps from {} to {}", rfc3339_kst(from), rfc3339_kst(to));
        self.diary.jumps.push((from, to));
        self.diary.note(Note::Count("clock jumped days ahead".to_owned()));
        Ok(to)
    }

    async fn inject(&mut self, later: Later) -> Result<(), Failure> {
        match later {
            Later::Service(n, fault) => self.world.traps.inject(n, fault, None),
            Later::Crash => {
                self.world.crash_database().await?;
                self.diary.note(Note::Count("PostgreSQL crashed".to_owned()));
            }
            Later::Stall(n, time) => {
                self.world.stall_database(n, time);
                self.diary.note(Note::Count("PostgreSQL stood still for a service".to_owned()));
            }
        }
        Ok(())
    }

    fn start(&mut self, planned: Vec<Action>, at: DateTime<Utc>) -> Actions {
        let today = kst(at).date_naive();
        let mut planned = planned;
        // A paused subscription is resumed some stops later.
        if self.paused.len() > 1 {
            planned.push(Action::Resume { who: self.paused.remove(0) });
        }
        self.foretold.forget(planned.iter().filter_map(actions::who));
        for action in &planned {
            if let Action::Pause { who, days: None, .. } = action {
                self.paused.push(*who);
            }
        }
        let subscribers: Vec<Subscriber> = planned
            .iter()
            .map(|action| self.subscribers[actions::who(action).unwrap_or(0)].clone())
            .collect();
        let reach = self.world.reach.clone();
        tokio::spawn(actions::run(reach, planned, subscribers, today))
    }

    /// Waits for the callers, while the services are looked after.
    async fn until_done(&mut self, mut running: Actions) -> Result<(), Failure> {
        let done = loop {
            tokio::select! {
                done = &mut running => break done??,
                () = tokio::time::sleep(POLL) => {}
            }
            self.world.tend(&mut self.diary.counters).await?;
        };
        for actions::Done { who, subscription, notes } in done {
            self.diary.take(notes);
            if let (Some(who), Some(id)) = (who, subscription) {
                self.subscribers[who].subscription = id;
            }
        }
        Ok(())
    }

    /// Waits until nothing that is due at `now` is left and no call is under way.
    async fn until_quiet(&mut self, now: DateTime<Utc>) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.world.tend(&mut self.diary.counters).await?;
            let query = sqlx::query_scalar(
                "select exists (select from subscriptions where next_attempt_at <= $1)
                     or exists (select from payments where state = 'sending')
                     or exists (select from refunds where state = 'sending')",
            );
            let busy = query.bind(now).fetch_one::<_>(&self.world.reach.pool).await;
            if !busy.unwrap_or(true) && !self.world.stands_still() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let at = rfc3339_kst(now);
                let dir = self.world.dir.display();
                return Err(format!("work due at {at} does not get done; see {dir}").into());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// No more faults: what is late comes, and what is open comes to its end.
    async fn rest(&mut self) -> Result<(), Failure> {
        self.world.traps.disarm();
        for path in ["faults", "notifications"] {
            let url = format!("{}/{path}", self.world.reach.sandbox_url);
            self.world.reach.client.delete(url).send().await?.error_for_status()?;
        }
        let now = merchant::now(&self.world.reach).await?;
        self.until_quiet(now).await?;
        let target = now + Months::new(QUIET_MONTHS);
        while let Some(next) = self.next_due().await?.filter(|at| *at <= target) {
            self.move_clock(next).await?;
            self.until_quiet(next).await?;
        }
        self.move_clock(target).await
    }

    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, Failure> {
        let query = "select min(next_attempt_at) from subscriptions
             where next_attempt_at is not null";
        let asked = || sqlx::query_scalar(query).fetch_one(&self.world.reach.pool);
        // The connection may be of before a crash of PostgreSQL: the second one is not.
        match asked().await {
            Ok(next) => Ok(next),
            Err(_) => Ok(asked().await?),
        }
    }
}

fn pick_card(rng: &mut Rng) -> &'static str {
    let mut ticket = rng.u8(0..100);
    for (number, share) in CARDS {
        if ticket < *share {
            return number;
        }
        ticket -= share;
    }
    CARDS[0].0
}
