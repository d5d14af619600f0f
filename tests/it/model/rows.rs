//! What PostgreSQL, the gateway, the network and the processes hold.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use kiwoom_billing::payments::refund::RefundOutcome;
use kiwoom_billing::payments::store::RefundState;
use kiwoom_billing::payments::store::paid_time::Loaded;
use kiwoom_billing::rules::payment_state::{Outcome, State};
use kiwoom_paid_time::{Change, Consent};

/// One rule of the model that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    None,
    /// Neither a look at earlier attempts nor a unique index.
    NoLookNoIndex,
    /// A call whose outcome is unknown is made again.
    RetryUnknown,
    /// The intent is committed together with the outcome.
    OneCommit,
    /// What is unknown fails by the passing of time.
    UnknownFails,
    /// A refund holds nothing.
    NoHold,
    /// A process that stood still sends what it intended before.
    NoFence,
    /// Calls that were cut short stay as they are.
    NoRecovery,
    /// An outcome is written, and what follows from it for the days sometimes is not.
    NoConsequences,
    /// What goes on after a pause is given a day more than was left.
    DayGivenAway,
    /// The days of a charge begin a day before those of the one before it end.
    DayTwice,
    /// Credit is given for used days too.
    CreditForUsedDays,
}

impl Sabotage {
    pub const ALL: [Self; 11] = [
        Self::NoLookNoIndex,
        Self::RetryUnknown,
        Self::OneCommit,
        Self::UnknownFails,
        Self::NoHold,
        Self::NoFence,
        Self::NoRecovery,
        Self::NoConsequences,
        Self::DayGivenAway,
        Self::DayTwice,
        Self::CreditForUsedDays,
    ];
}

/// How often each state was reached.
#[derive(Clone, Debug, Default)]
pub struct Counters(pub BTreeMap<&'static str, u64>);

impl Counters {
    pub fn count(&mut self, name: &'static str) {
        *self.0.entry(name).or_default() += 1;
    }

    pub fn add(&mut self, other: &Self) {
        for (name, count) in &other.0 {
            *self.0.entry(name).or_default() += count;
        }
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, count)| writeln!(f, "  {name:<48} {count}"))
    }
}

/// A row of `subscriptions` with its paid time, and what was promised and counted by the model's own
/// book.
pub struct Sub {
    pub loaded: Loaded,
    pub lease: Option<Lease>,
    /// Days promised free: by the trial and by call.
    pub promised: i64,
    /// Charges that ended and count towards `totalCycles`.
    pub counted: HashSet<u32>,
    /// Consents that were taken.
    pub consents: Vec<Consent>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub owner: u32,
    pub until: u64,
}

/// A row of `payments`.
#[derive(Clone)]
pub struct Payment {
    /// The flow that wrote it. After it was taken back another attempt may have its order number.
    pub flow: u64,
    /// Subscription and charge.
    pub sub: Option<(usize, u32)>,
    pub amount: i64,
    pub state: State,
    pub transaction: Option<String>,
    pub sender: u32,
    /// While its process may send it: until then nobody settles it by hand.
    pub fresh_until: u64,
    pub by_merchant: bool,
    pub refunded: i64,
    pub refunding: i64,
}

impl Payment {
    /// An attempt of `charge` by the schedule that is under way.
    pub fn of_charge(charge: u32) -> Self {
        Self {
            flow: 0,
            sub: Some((0, charge)),
            amount: 1,
            state: State::Sending,
            transaction: None,
            sender: 0,
            fresh_until: 0,
            by_merchant: false,
            refunded: 0,
            refunding: 0,
        }
    }
}

/// A row of `refunds`.
pub struct Refund {
    pub order: String,
    pub amount: i64,
    pub state: RefundState,
    pub sender: u32,
}

/// What a single charge is for, in won.
pub const AMOUNT: i64 = 10_000;

/// A transaction at the gateway.
pub struct Charged {
    pub order: String,
    pub transaction: String,
    pub amount: i64,
    pub given_back: i64,
}

/// The gateway's own books.
#[derive(Default)]
pub struct Gateway {
    pub charges: Vec<Charged>,
    pub calls: HashMap<String, u32>,
    pub refund_calls: HashMap<usize, u32>,
}

/// A request that the gateway has not looked at yet.
#[derive(Clone)]
pub enum Call {
    Charge { flow: u64, order: String, amount: i64 },
    Cancel { flow: u64, refund: usize, order: String, amount: i64 },
}

/// A notification under way.
#[derive(Clone)]
pub struct Mail {
    pub order: String,
    pub transaction: String,
    pub amount: i64,
}

pub struct Proc {
    pub number: u32,
    pub frozen_until: u64,
    /// Whether PostgreSQL holds its lock: one that stands still may have lost its connection.
    pub locked: bool,
}

/// What a flow is about.
#[derive(Clone, PartialEq, Eq)]
pub enum Job {
    /// What a subscription owes, by the schedule under a lease or by the caller.
    Due {
        sub: usize,
        lease: Option<Lease>,
    },
    /// A change at once; whether there is a consent to a higher price.
    Change {
        sub: usize,
        change: Change,
        consented: bool,
    },
    OneOff,
    Refund {
        order: String,
        amount: i64,
    },
}

#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    Intend,
    /// The commit was not confirmed.
    TakeBack,
    Send,
    /// The gateway has the request, or will have it.
    Await,
    Record(Outcome),
    RecordRefund(RefundOutcome),
}

#[derive(Clone)]
pub struct Flow {
    pub id: u64,
    pub proc: u32,
    pub job: Job,
    pub step: Step,
    /// The row of the attempt, once it is written.
    pub order: String,
    pub amount: i64,
    pub refund: usize,
    pub committed_at: u64,
    pub tries: u32,
    /// Of a model that commits once: the row nobody else sees.
    pub unseen: Option<Payment>,
}

impl Step {
    pub fn killed_in(&self) -> &'static str {
        match self {
            Self::Intend => "killed before the intent",
            Self::TakeBack => "killed before the intent is taken back",
            Self::Send => "killed between intent and call",
            Self::Await => "killed while the gateway has the call",
            Self::Record(_) | Self::RecordRefund(_) => "killed before the outcome is recorded",
        }
    }
}
