//! `kiwoom-billing reconcile`.

use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chrono::{Days, NaiveDate};
use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::access::actor::Actor;
use crate::commands::{Failure, check_reason, close};
use crate::config::Config;
use crate::context::Context;
use crate::kiwoom::daily_list::{Source, fetch};
use crate::reconciliation::{self, Columns, List, REASON, ReportBody};
use crate::service::{self, telemetry};
use crate::storage::database;

/// What to compare with, and what to do.
#[derive(Args)]
pub struct Arguments {
    /// KiwoomPay's list, or CSV (UTF-8 or CP949) or XLSX of the merchant pages; left out: the list of
    /// --date is fetched
    file: Option<PathBuf>,
    /// Day of the list that is fetched, today or yesterday in Korea; left out: yesterday
    #[arg(long, conflicts_with = "file", value_name = "YYYY-MM-DD")]
    date: Option<NaiveDate>,
    /// Names of the file's columns: transactionId=거래번호,orderNo=주문번호,amount=금액,at=거래일시;
    /// type, cpid and method too, where it has them
    #[arg(long, requires = "file", value_name = "NAME=COLUMN,…")]
    columns: Option<Columns>,
    /// Record what the list proves; without it nothing is changed
    #[arg(long)]
    settle: bool,
    /// Change nothing, which is the default
    #[arg(long, conflicts_with = "settle")]
    dry_run: bool,
    /// Why; kept with what is recorded
    #[arg(long, requires = "settle")]
    reason: Option<String>,
    /// Print JSON, as POST /reconciliations answers, instead of a table
    #[arg(long)]
    json: bool,
}

const NO_DAILY_LIST: &str = "비교할 파일을 지정하거나 KIWOOM_DAILY_LIST_URL과 KIWOOM_DAILY_LIST_PASSWORD를 \
    설정해 주세요 (name a file to compare with, or set KIWOOM_DAILY_LIST_URL and \
    KIWOOM_DAILY_LIST_PASSWORD)";

const NOT_SERVED: &str = "키움페이는 오늘과 어제의 목록만 제공합니다. 다른 날은 파일로 비교해 주세요 \
    (KiwoomPay lists today and yesterday only: compare another day with a file)";

/// Compares, and prints what came of it. Whether the books agree with the list now.
pub async fn run(config: Config, asked: Arguments) -> Result<bool, Failure> {
    telemetry::init_on_stderr(&config);
    if let Some(reason) = &asked.reason {
        check_reason(reason)?;
    }
    if asked.file.is_none() && config.daily_list.is_none() {
        return Err(NO_DAILY_LIST.into());
    }
    let (pool, private) = database::open_existing(&config).await?;
    // Other processes see this one as alive: what it begins to write is its own.
    let ended = CancellationToken::new();
    let alive = ended.clone().drop_guard();
    let compared = async {
        let (vault, unnamed_cpid) = service::check(&config, &pool).await?;
        let address = SocketAddr::new(config.host, config.port);
        let ctx =
            service::context(config, (pool.clone(), vault, unnamed_cpid), address, ended).await?;
        Box::pin(Actor::reconcile().acts(compare(&ctx, &asked))).await
    };
    let compared = Box::pin(compared).await;
    drop(alive);
    close(&pool, private).await;
    compared
}

async fn compare(ctx: &Context, asked: &Arguments) -> Result<bool, Failure> {
    let list = match &asked.file {
        Some(file) => from_file(ctx, file, asked.columns.as_ref())?,
        None => fetched(ctx, asked.date).await?,
    };
    let settle = asked.settle.then(|| asked.reason.as_deref().unwrap_or(REASON));
    let report = reconciliation::reconcile(ctx, list, settle).await?;
    let is_settled = report.is_settled();
    let report = ReportBody::from(report);
    if asked.json {
        let mut out = BufWriter::new(std::io::stdout().lock());
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
        out.flush()?;
    } else {
        println!("{report}");
    }
    Ok(is_settled)
}

fn from_file(ctx: &Context, file: &Path, columns: Option<&Columns>) -> Result<List, Failure> {
    let bytes = std::fs::read(file).map_err(|error| {
        let file = file.display();
        format!("{file}: 읽을 수 없습니다 (cannot be read): {error}")
    })?;
    let columns = columns.cloned().unwrap_or_default();
    let contracts = ctx.kiwoom.contracts();
    Ok(reconciliation::read(bytes, &columns, &|cpid| contracts.find(cpid).is_some())?)
}

async fn fetched(ctx: &Context, date: Option<NaiveDate>) -> Result<List, Failure> {
    let settings = ctx.config.daily_list.as_ref().ok_or(NO_DAILY_LIST)?;
    let yesterday = ctx.clock.today() - Days::new(1);
    let date = date.unwrap_or(yesterday);
    if date != yesterday && date != ctx.clock.today() {
        return Err(NOT_SERVED.into());
    }
    let mut all = List { days: Some((date, date)), ..List::default() };
    for cpid in ctx.kiwoom.contracts().charging() {
        let source = Source {
            url: &settings.url,
            cpid: &cpid,
            password: &settings.password,
            timeout: ctx.config.kiwoom.timeout,
            proxy: ctx.config.kiwoom.proxy.as_ref(),
        };
        for method in &settings.methods {
            let list = fetch(&source, method, date).await?;
            let list = reconciliation::fetched(list, &cpid)?;
            all.lines.extend(list.lines);
            all.skipped += list.skipped;
        }
    }
    all.methods = settings.methods.iter().map(|method| paid_with(method).to_owned()).collect();
    Ok(all)
}

/// PAYMETHOD of what is surely in the list of a METHOD (protocol section 2.5).
fn paid_with(method: &str) -> &str {
    match method {
        "CC" => "CARD",
        "B" => "BANK",
        other => other,
    }
}
