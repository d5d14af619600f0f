//! What the list says of one transaction, against the books. Pure: lines and rows go in, differences
//! come out.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::payments::cancellation::Known;
use crate::payments::cancellation::listed::{self, Against, Listed};
use crate::payments::lost::Unproven;
use crate::payments::store::{Kind as PaymentKind, Payment};
use crate::reconciliation::lines::Line;
use crate::rules::ids::{PaymentId, RefundId};
use crate::rules::payment_state::State;

/// How the two sides differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The outcome is unknown here, and found there.
    UnknownHere,
    /// Not paid here, and paid there: the notification was lost.
    UnpaidHere,
    /// Cancelled there, and not here.
    CanceledThere,
    /// Another amount.
    OtherAmount,
    /// The order was paid here by another transaction: perhaps twice.
    OtherTransaction,
    /// No order of the books.
    OnlyAtKiwoompay,
    /// Paid or given back here; the list does not have it.
    OnlyInBooks,
    /// The list contradicts itself.
    Contradiction,
}

/// Why a difference is not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// No such subscription, or it is over.
    NoSubscription,
    /// The subscription charges another amount, or a price rise is pending.
    OtherAmount,
    /// Another attempt has paid the period, or its outcome is not known.
    PeriodTaken,
    /// Not a period that is to be charged.
    OtherPeriod,
    /// All of it was given back there: the period is owed.
    GivenBack,
    /// The list has the cancellation and not the payment: take the list of that day too.
    NoPayment,
    /// More than is left of the payment.
    ExceedsBalance,
    /// The list tells only the day, and a refund of the payment has an unknown outcome.
    NoTime,
    /// It changed while it was looked at: run it again.
    Changed,
}

impl From<Unproven> for Why {
    fn from(unproven: Unproven) -> Self {
        match unproven {
            Unproven::NoSubscription => Self::NoSubscription,
            Unproven::OtherAmount => Self::OtherAmount,
            Unproven::PeriodTaken => Self::PeriodTaken,
            Unproven::OtherPeriod => Self::OtherPeriod,
        }
    }
}

/// What a difference tells of the payment of the books.
#[derive(Clone, Copy, Debug)]
pub struct Ours {
    pub id: PaymentId,
    /// Won that it asked for.
    pub amount: i64,
    pub state: State,
}

impl From<&Payment> for Ours {
    fn from(payment: &Payment) -> Self {
        Self { id: payment.id, amount: payment.amount.get(), state: payment.state }
    }
}

/// One difference.
#[derive(Clone, Debug)]
pub struct Difference {
    pub kind: Kind,
    /// As the list has it, or the books when the list has none.
    pub order_no: String,
    /// DAOUTRX.
    pub transaction_id: String,
    /// Won, at KiwoomPay; in the books when only they have it.
    pub amount: i64,
    /// When, at KiwoomPay; in the books when only they have it.
    pub at: DateTime<Utc>,
    /// The payment of the books.
    pub payment: Option<Ours>,
    /// Whether what the list says proves what is to be recorded.
    pub is_provable: bool,
    /// Why not, where there is more than one reason.
    pub why: Option<Why>,
    /// Whether it is recorded now.
    pub is_settled: bool,
}

/// All that the list says of one transaction.
pub struct Told<'a> {
    /// Money that was taken.
    pub sale: Option<&'a Line>,
    /// Money that was given back, oldest first.
    pub cancels: Vec<Listed>,
    /// A line of it: all name the same transaction and order.
    pub any: &'a Line,
}

/// What the books have of one transaction.
#[derive(Default)]
pub struct Books<'a> {
    /// The payment that has its transaction id.
    pub by_transaction: Option<&'a Payment>,
    /// The payment that has its order number.
    pub by_order: Option<&'a Payment>,
    /// The refunds of that payment.
    pub refunds: &'a [Known],
}

/// What came of one transaction.
#[derive(Default)]
pub struct Judged {
    /// None: both sides agree.
    pub differences: Vec<Difference>,
    /// Refunds of the books that the list does not have.
    pub alone: Vec<RefundId>,
    /// A call is under way: nothing can be said yet.
    pub is_under_way: bool,
}

impl<'a> Told<'a> {
    /// `None` when the lines contradict each other. They are all of one transaction, in order of time.
    pub fn of(lines: &'a [Line]) -> Option<Self> {
        let any = lines.first()?;
        let mut sales = lines.iter().filter(|line| !line.is_cancellation);
        let sale = sales.next();
        let number = lines.iter().map(|line| &line.order_no).find(|number| !number.is_empty());
        let same_order = |line: &Line| line.order_no.is_empty() || Some(&line.order_no) == number;
        let cancels: Vec<Listed> =
            lines.iter().filter(|line| line.is_cancellation).map(listed).collect();
        let canceled: i64 = cancels.iter().map(|canceled| canceled.amount).sum();
        let is_one = sales.next().is_none()
            && lines.iter().all(same_order)
            && sale.is_none_or(|sale| canceled <= sale.amount);
        let any = lines.iter().find(|line| !line.order_no.is_empty()).unwrap_or(any);
        is_one.then_some(Self { sale, cancels, any })
    }

    /// Whether all of it was given back.
    pub fn is_given_back(&self) -> bool {
        let canceled: i64 = self.cancels.iter().map(|canceled| canceled.amount).sum();
        self.sale.is_some_and(|sale| sale.amount == canceled)
    }

    fn difference(&self, kind: Kind, payment: Option<&Payment>) -> Difference {
        let of = self.sale.unwrap_or(self.any);
        Difference { is_provable: false, ..difference(kind, of, payment) }
    }

    fn canceled(&self, kind: Kind, canceled: &Listed, payment: Option<&Payment>) -> Difference {
        let (amount, at) = (canceled.amount, canceled.at);
        Difference { amount, at, ..self.difference(kind, payment) }
    }
}

fn listed(line: &Line) -> Listed {
    Listed { amount: line.amount, at: line.at, is_day: line.is_day }
}

/// A difference that is to be settled, of this line.
pub fn difference(kind: Kind, line: &Line, payment: Option<&Payment>) -> Difference {
    Difference {
        kind,
        order_no: line.order_no.to_string(),
        transaction_id: line.transaction_id.to_string(),
        amount: line.amount,
        at: line.at,
        payment: payment.map(Ours::from),
        is_provable: true,
        why: None,
        is_settled: false,
    }
}

/// Compares one transaction. A renewal that only KiwoomPay knows is judged by its subscription, which is
/// no part of `books`: it comes out as not provable.
pub fn judge(told: &Told<'_>, books: &Books<'_>) -> Judged {
    let named = &told.any.order_no;
    let is_under =
        |payment: &Payment| told.any.cpid.as_deref().is_none_or(|cpid| payment.is_under(cpid));
    let fits = |payment: &&Payment| {
        (named.is_empty() || payment.told_order_no() == &**named) && is_under(payment)
    };
    match (books.by_transaction.filter(fits), books.by_transaction, books.by_order) {
        (Some(payment), ..) => known(told, payment, books.refunds),
        (None, Some(other), _) => one(told.difference(Kind::Contradiction, Some(other))),
        (None, None, Some(order)) if is_under(order) => unsettled(told, order),
        (None, None, Some(order)) => one(told.difference(Kind::Contradiction, Some(order))),
        (None, None, None) => one(told.difference(Kind::OnlyAtKiwoompay, None)),
    }
}

fn one(difference: Difference) -> Judged {
    Judged { differences: vec![difference], ..Judged::default() }
}

/// The transaction is in the books.
fn known(told: &Told<'_>, payment: &Payment, refunds: &[Known]) -> Judged {
    if told.sale.is_some_and(|sale| sale.amount != payment.amount.get()) {
        return one(told.difference(Kind::OtherAmount, Some(payment)));
    }
    let (against, alone) = listed::compare(refunds, &told.cancels);
    let mut judged = Judged { alone, ..Judged::default() };
    let mut left = payment.left();
    for (canceled, against) in told.cancels.iter().zip(against) {
        let kind = match against {
            Against::Known => continue,
            Against::UnderWay => {
                judged.is_under_way = true;
                continue;
            }
            Against::Unknown => Kind::UnknownHere,
            Against::Missing => Kind::CanceledThere,
        };
        let mut difference = told.canceled(kind, canceled, Some(payment));
        if kind == Kind::CanceledThere {
            difference.why = if !listed::is_proven(refunds, canceled) {
                Some(Why::NoTime)
            } else if canceled.amount > left {
                Some(Why::ExceedsBalance)
            } else {
                left -= canceled.amount;
                None
            };
        }
        difference.is_provable = difference.why.is_none();
        judged.differences.push(difference);
    }
    judged
}

/// The order is in the books, and not this transaction.
fn unsettled(told: &Told<'_>, order: &Payment) -> Judged {
    let Some(sale) = told.sale else {
        let why = Some(Why::NoPayment);
        let canceled = told.cancels.iter();
        let differences = canceled.map(|canceled| Difference {
            why,
            ..told.canceled(Kind::CanceledThere, canceled, Some(order))
        });
        return Judged { differences: differences.collect(), ..Judged::default() };
    };
    let kind = match order.state {
        State::Sending if !order.overdue => {
            return Judged { is_under_way: true, ..Judged::default() };
        }
        State::Approved => Kind::OtherTransaction,
        _ if sale.amount != order.amount.get() => Kind::OtherAmount,
        State::Sending | State::Unknown => Kind::UnknownHere,
        State::Ready | State::Declined | State::Expired | State::Closed | State::Mismatch => {
            Kind::UnpaidHere
        }
    };
    let is_provable = matches!(kind, Kind::UnknownHere | Kind::UnpaidHere)
        && order.kind != PaymentKind::Unexpected;
    let paid = Difference { is_provable, ..difference(kind, sale, Some(order)) };
    let canceled = told.cancels.iter().map(|canceled| Difference {
        is_provable,
        ..told.canceled(Kind::CanceledThere, canceled, Some(order))
    });
    Judged { differences: [paid].into_iter().chain(canceled).collect(), ..Judged::default() }
}
