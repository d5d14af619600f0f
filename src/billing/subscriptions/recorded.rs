//! `POST /billing/subscription/:id/paid`: a period that KiwoomPay took and the books have lost, as
//! after a restore. No money moves.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, NaiveDate, Utc};
use kiwoom_paid_time::{Charge, Money, Period, Refused, Status};
use utoipa::ToSchema;

use crate::api::answers::PaymentBody;
use crate::billing::payments::TransactionId;
use crate::billing::renewals::begun::order_no;
use crate::billing::subscriptions::refusals::{in_the_future, refusal_of};
use crate::billing::subscriptions::{locked, save};
use crate::context::{AppState, Context};
use crate::http::answer::{self, Answer, Success};
use crate::http::error::{ApiError, Code};
use crate::http::extract::{Body, Fields, FromFields, PathId};
use crate::http::fields::Reason;
use crate::layers::idempotency::NewId;
use crate::payments::store::paid_time::Loaded;
use crate::payments::store::recorded::{self, Recorded};
use crate::payments::store::{PaymentRef, find};
use crate::rules::ids::{PaymentId, SubscriptionId};
use crate::rules::money::Won;
use crate::rules::text::Text;

/// What KiwoomPay took.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub struct PaidRequest {
    /// First day of the period that it paid for.
    period_start: NaiveDate,
    /// DAOUTRX, as the merchant pages show it.
    transaction_id: TransactionId,
    /// Why it is recorded, for the books.
    reason: Reason,
    /// Won that were taken; default: what would be charged for the period.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 9_999_999_999_i64)]
    amount: Option<Won>,
    /// When KiwoomPay took it, as the merchant pages show it; default: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    approved_at: Option<DateTime<Utc>>,
}

impl FromFields for PaidRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let period_start = f.required("periodStart");
        let transaction_id = f.required("transactionId");
        let reason = f.required("reason");
        Some(Self {
            amount: f.optional("amount"),
            approved_at: f.optional("approvedAt"),
            period_start: period_start?,
            transaction_id: transaction_id?,
            reason: reason?,
        })
    }
}

/// Record a period as paid.
///
/// The next period was paid by a charge that KiwoomPay made and the books have lost: it is not
/// charged again. Nothing is sent. `periodStart` is the day on which the next period begins.
#[utoipa::path(
    post, path = "/billing/subscription/{id}/paid", operation_id = "recordPaidPeriod",
    tag = "billing", request_body = PaidRequest, params(("id" = String, Path)),
    responses(
        (status = 201, description = "Recorded", body = Success<PaymentBody>),
    )
)]
pub async fn record(
    State(ctx): State<AppState>,
    PathId(id): PathId,
    new: NewId,
    Body(request): Body<PaidRequest>,
) -> Answer {
    let payment_id = PaymentId(new.id);
    if new.resumed
        && let Some(payment) = find(&ctx.pool, &PaymentRef::Id(payment_id)).await?
    {
        return Ok(answer::with_status(StatusCode::CREATED, PaymentBody::new(&ctx, payment)));
    }
    let now = ctx.clock.now();
    let approved_at = request.approved_at.unwrap_or(now);
    if approved_at > now {
        return Err(ApiError::invalid_field("approvedAt", in_the_future()));
    }
    let (mut tx, mut s) = locked(&ctx, SubscriptionId::parse(&id)).await?;
    let today = ctx.clock.today();
    let (charge, period) = match pay(&mut s, &request, today) {
        Ok(paid) => paid,
        Err(Refused::PaidThrough(day)) => {
            return Err(ApiError::invalid_field("periodStart", next_begins(day)));
        }
        Err(refused) => return Err(refusal_of(&mut tx, &s, today, refused).await?),
    };
    let amount = Won::new(charge.amount.won).ok_or_else(nothing_asked)?;
    let recorded = Recorded {
        id: payment_id,
        order_no: order_no(&mut tx, s.row.id, period.start).await?,
        transaction_id: &request.transaction_id.0,
        charge_no: i32::try_from(charge.id).unwrap_or(i32::MAX),
        period,
        amount,
        tax_free_amount: charge.amount.tax_free,
        cpid: &ctx.kiwoom.contracts().billing.cpid,
        reason: &request.reason.0,
        approved_at,
    };
    save(&ctx, &mut tx, &mut s).await?;
    match recorded::write(&mut tx, &s.row, &recorded, now).await {
        Ok(payment) => {
            tx.commit().await?;
            tracing::warn!(id = %payment.id, "a period that the books had lost is recorded as paid");
            Ok(answer::with_status(StatusCode::CREATED, PaymentBody::new(&ctx, payment)))
        }
        Err(error) => {
            drop(tx);
            Err(not_recorded(&ctx, error, recorded.transaction_id).await)
        }
    }
}

/// Records in the model that the period was paid: the charge and its days.
fn pay(
    s: &mut Loaded,
    request: &PaidRequest,
    today: NaiveDate,
) -> Result<(Charge, Period), Refused> {
    if matches!(s.paid.status, Status::Canceled | Status::Paused) {
        return Err(Refused::Status(s.paid.status));
    }
    let start = request.period_start;
    let id = match request.amount {
        None => s.paid.record_paid(start, None, today)?,
        Some(amount) => {
            let mut asked = s.paid.clone();
            let id = asked.record_paid(start, None, today)?;
            let asked = asked.find_charge(id).map_or(Money::ZERO, |charge| charge.amount);
            let tax_free = asked.tax_free * amount.get() / asked.won.max(1);
            let taken = Money { won: amount.get(), tax_free: tax_free.min(amount.get()) };
            s.paid.record_paid(start, Some(taken), today)?
        }
    };
    if s.paid.status == Status::Active {
        s.row.retries.clear();
    }
    let charge = s.paid.find_charge(id).copied();
    charge.zip(s.paid.period_of(id)).ok_or(Refused::PaidThrough(s.paid.covered_to()))
}

fn next_begins(day: NaiveDate) -> Text {
    Text::new(
        format!("다음 회차가 시작하는 {day}이어야 합니다(paidThrough {day})."),
        format!("Has to be {day}, where the next period begins (paidThrough)."),
    )
}

/// 400 when nothing would be asked for the period and no amount is given.
fn nothing_asked() -> ApiError {
    let reason = Text::new(
        "청구할 금액이 없는 회차이므로 필수 값입니다.",
        "Required: nothing would be charged for the period.",
    );
    ApiError::invalid_field("amount", reason)
}

/// The transaction may be another payment's already: 409 that names it.
async fn not_recorded(ctx: &Context, error: sqlx::Error, transaction: &str) -> ApiError {
    let constraint = error.as_database_error().and_then(|e| e.constraint());
    if constraint != Some("payments_transaction") {
        return error.into();
    }
    match find(&ctx.pool, &PaymentRef::Transaction(transaction.to_owned())).await {
        Ok(Some(other)) => {
            let reason = Text::new(
                format!("{} 결제의 거래번호입니다.", other.id),
                format!("Is that of {}.", other.id),
            );
            ApiError::from(Code::AlreadyCharged).with_detail("transactionId", reason)
        }
        Ok(None) => Code::AlreadyCharged.into(),
        Err(error) => error.into(),
    }
}
