//! The books compared with KiwoomPay's: with its list of a day, or with a file of the merchant pages.
//!
//! What the list says only confirms what a row of ours asked for, by order number and amount, as a
//! notification does; it creates nothing and declines nothing. Without `settle` nothing is changed.

mod answers;
mod columns;
mod compare;
mod file;
mod file_error;
mod lines;
mod report;
mod route;
mod settle;
mod store;

use std::collections::HashSet;
use std::ops::Range;

use chrono::{DateTime, Days, NaiveDate, Utc};
use futures::TryStreamExt;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use answers::ReportBody;
pub use columns::{Columns, WrongColumns};
use compare::{Books, Difference, Kind, Ours, Told, Why, judge};
pub use file::{fetched, read};
pub use file_error::FileError;
use lines::Line;
pub use lines::List;
pub use report::{ReconcileError, Report};
pub use route::REASON;
use store::{Booked, Rows};

use crate::context::{AppState, Context};
use crate::payments::lost::{self, Listed};
use crate::rules::ids::RefundId;
use crate::rules::renewal_no::RenewalNo;
use crate::rules::schedule::midnight;
use kiwoom_clock::kst;

/// How many transactions are looked up at once.
const BATCH: usize = 2_000;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(route::reconcile))
}

/// Compares the list with the books. With `settle`, the operator's reason, what it proves is recorded.
pub async fn reconcile(
    ctx: &Context,
    list: List,
    settle: Option<&str>,
) -> Result<Report, ReconcileError> {
    let mut lines = list.lines;
    let all = lines.len();
    lines.sort_by(|a, b| key(a).cmp(&key(b)));
    lines.dedup_by(|a, b| key(a) == key(b));
    let dates = lines.iter().map(|line| kst(line.at).date_naive());
    let days = list.days.or_else(|| dates.clone().min().zip(dates.max()));
    let mut report = Report {
        settle: settle.is_some(),
        lines: all,
        doubles: all - lines.len(),
        other_merchants: list.other_merchants,
        skipped: list.skipped,
        days,
        ..Report::default()
    };
    let mut found = Found {
        methods: list.methods.into_iter().collect(),
        has_cancellation: list.days.is_some(),
        ..Found::default()
    };
    let groups = groups(&lines);
    for batch in groups.chunks(BATCH) {
        compare_batch(ctx, &lines, batch, &mut report, &mut found).await?;
    }
    let others =
        found.differing.iter().flat_map(|(_, d)| d).filter(|d| d.kind == Kind::OtherTransaction);
    let others = others.count();
    if settle.is_some() && others > 0 && !found.has_known_id {
        return Err(ReconcileError::OtherIds(others));
    }
    if let Some(days) = days {
        compare_books(ctx, &lines, days, &mut report, &found).await?;
    }
    if let Some(reason) = settle {
        settle::settle(ctx, &lines, &mut found.differing, reason).await?;
    }
    drop(lines);
    report.differences.extend(found.differing.into_iter().flat_map(|(_, differences)| differences));
    report
        .differences
        .sort_by(|a, b| (a.kind, a.at, &a.order_no).cmp(&(b.kind, b.at, &b.order_no)));
    Ok(report)
}

/// What is the same for two copies of one line, and the order in which lines are looked at.
type Key<'a> = (&'a str, bool, DateTime<Utc>, i64, &'a str);

fn key(line: &Line) -> Key<'_> {
    (&line.transaction_id, line.is_cancellation, line.at, line.amount, &line.order_no)
}

/// The lines of each transaction.
type Group = Range<usize>;

fn groups(lines: &[Line]) -> Vec<Group> {
    let mut start = 0;
    let chunks = lines.chunk_by(|a, b| a.transaction_id == b.transaction_id);
    chunks
        .map(|chunk| {
            let group = start..start + chunk.len();
            start = group.end;
            group
        })
        .collect()
}

/// What was found while the list was compared.
#[derive(Default)]
struct Found {
    /// Transactions with differences.
    differing: Vec<(Group, Vec<Difference>)>,
    /// Refunds that the list of their payment does not have.
    alone: HashSet<RefundId>,
    /// Methods that the list is known to have.
    methods: HashSet<String>,
    /// Whether it has what was given back.
    has_cancellation: bool,
    has_known_id: bool,
}

async fn compare_batch(
    ctx: &Context,
    lines: &[Line],
    batch: &[Group],
    report: &mut Report,
    found: &mut Found,
) -> sqlx::Result<()> {
    let of = |group: &Group| &lines[group.clone()];
    let ids: Vec<&str> = batch.iter().map(|group| &*of(group)[0].transaction_id).collect();
    let number = |group: &Group| {
        let named = of(group).iter().map(|line| &*line.order_no);
        named.max_by_key(|number| number.len()).unwrap_or_default()
    };
    let numbers: Vec<&str> = batch.iter().map(number).collect();
    let rows = Rows::find(&ctx.pool, &ids, &numbers).await?;
    for ((group, id), number) in batch.iter().zip(ids).zip(numbers) {
        found.has_cancellation |= of(group).iter().any(|line| line.is_cancellation);
        let Some(told) = Told::of(of(group)) else {
            let contradiction = compare::difference(Kind::Contradiction, &of(group)[0], None);
            let contradiction = Difference { is_provable: false, ..contradiction };
            found.differing.push((group.clone(), vec![contradiction]));
            continue;
        };
        let by_transaction = rows.by_transaction(id);
        if let Some(payment) = by_transaction {
            found.has_known_id = true;
            found.methods.extend(payment.method.clone());
        }
        let refunds = by_transaction.map_or(&[][..], |payment| rows.refunds(payment.id));
        let books = Books { by_transaction, by_order: rows.by_order(number), refunds };
        let mut judged = judge(&told, &books);
        found.alone.extend(judged.alone);
        for difference in &mut judged.differences {
            prove_renewal(ctx, &told, difference).await?;
        }
        report.under_way += usize::from(judged.is_under_way);
        if judged.differences.is_empty() {
            report.matching += usize::from(!judged.is_under_way);
        } else {
            found.differing.push((group.clone(), judged.differences));
        }
    }
    Ok(())
}

/// A renewal that only KiwoomPay knows may be proven by its subscription.
async fn prove_renewal(
    ctx: &Context,
    told: &Told<'_>,
    difference: &mut Difference,
) -> sqlx::Result<()> {
    let Some(listed) = renewal(ctx, told).filter(|_| difference.kind == Kind::OnlyAtKiwoompay)
    else {
        return Ok(());
    };
    if told.is_given_back() {
        difference.why = Some(Why::GivenBack);
        return Ok(());
    }
    let mut tx = ctx.pool.begin().await?;
    let proven = lost::prove(&mut tx, listed, ctx.rules()).await?;
    tx.rollback().await?;
    difference.is_provable = proven.is_ok();
    difference.why = proven.err().map(Why::from);
    Ok(())
}

/// The renewal that the list has, when it is one of ours.
fn renewal<'a>(ctx: &'a Context, told: &Told<'a>) -> Option<Listed<'a>> {
    let sale = told.sale?;
    let billing = &ctx.kiwoom.contracts().billing.cpid;
    Some(Listed {
        number: RenewalNo::parse(&sale.order_no)?,
        transaction_id: &sale.transaction_id,
        cpid: sale.cpid.as_deref().unwrap_or(billing),
        amount: sale.amount,
        approved_at: sale.at,
    })
}

/// Money of the books that the list does not have, of its days but for today, which is not over.
async fn compare_books(
    ctx: &Context,
    lines: &[Line],
    (first, last): (NaiveDate, NaiveDate),
    report: &mut Report,
    found: &Found,
) -> sqlx::Result<()> {
    let until = ctx.clock.today().min(last + Days::new(1));
    let is_listed =
        |id: &str| lines.binary_search_by(|line| (*line.transaction_id).cmp(id)).is_ok();
    let mut tx = ctx.reading.begin().await?;
    // A year of a large shop takes as long as it takes.
    sqlx::query("set local statement_timeout = 0").execute(&mut *tx).await?;
    let mut rows = store::booked(&mut tx, (midnight(first), midnight(until)));
    while let Some(booked) = rows.try_next().await? {
        let is_alone = booked.refund.is_some_and(|id| found.alone.contains(&id));
        if !is_alone && is_listed(&booked.transaction_id) {
            continue;
        }
        let method = booked.method.as_deref().unwrap_or_default();
        let is_whole = booked.refund.is_none() || found.has_cancellation;
        if found.methods.contains(method) && is_whole {
            report.differences.push(only_in_books(booked));
        } else {
            *report.not_covered.entry(method.to_owned()).or_default() += 1;
        }
    }
    Ok(())
}

fn only_in_books(booked: Booked) -> Difference {
    Difference {
        kind: Kind::OnlyInBooks,
        order_no: booked.order_no,
        transaction_id: booked.transaction_id,
        amount: booked.amount,
        at: booked.at,
        payment: Some(Ours { id: booked.payment, amount: booked.asked, state: booked.state }),
        is_provable: false,
        why: None,
        is_settled: false,
    }
}
