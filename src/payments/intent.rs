//! What a charge and a refund share: an intent that is committed before the one call, and an outcome
//! that is recorded after it, whatever the database does meanwhile.

use std::fmt::Display;
use std::time::Duration;

use sqlx::postgres::{PgDatabaseError, PgSeverity};
use tokio::time::Instant;
use uuid::Uuid;

use super::journaled::Journaled;
use super::settle::SettleError;
use super::store;
use crate::context::Context;
use crate::kiwoom::GatewayError;

/// From the intent to the call. More than that and the process was stopped in between (SIGSTOP, a
/// frozen machine): others have taken it for dead by then, its row may be listed as unknown, and a
/// person may have acted on that. So nothing is sent.
const MAX_PAUSE: Duration = Duration::from_secs(3);
/// How long an outcome is kept in memory while the database does not take it.
const RECORD_TRIES: u32 = 120;
const RECORD_PAUSE: Duration = Duration::from_millis(500);
/// How often an intent is tried to be taken back, while the caller waits.
const TAKE_BACK_TRIES: u32 = 20;

/// A call that moves money: a charge, named by its payment, or a refund. Rows of both are `sending`
/// from the intent to the outcome.
pub(super) trait Call: Copy + Display + Send + Sync {
    /// What may become of it.
    type Outcome: Clone + PartialEq + Send + Sync;
    /// What is known of it once the outcome is recorded.
    type Record: Send;

    /// The answer was lost.
    const UNKNOWN: Self::Outcome;
    /// Proven: nothing was sent.
    const NOT_SENT: Self::Outcome;

    /// The id of its row.
    fn row(self) -> Uuid;

    /// Records the outcome and what follows from it, in one transaction. `None` when nothing had been
    /// sent and the row is gone.
    fn settle(
        self,
        ctx: &Context,
        outcome: &Self::Outcome,
    ) -> impl Future<Output = Result<Option<Self::Record>, SettleError>> + Send;

    /// The outcome with all that is needed to record it later.
    fn journaled(self, outcome: &Self::Outcome) -> Journaled;

    /// Writes its row again, as the intent had it: a failover lost a commit that was confirmed.
    /// Whether it is there now: its order number may be another one's.
    fn write_again(self, ctx: &Context) -> impl Future<Output = sqlx::Result<bool>> + Send;

    /// Whether its row is there, and this process's: another one may have taken the request over. Waits
    /// until an intent that was not confirmed has been committed or has failed: until then the row is not to
    /// be seen, and would come after we have looked.
    fn is_there(self, ctx: &Context) -> impl Future<Output = sqlx::Result<bool>> + Send;
}

/// What became of an outcome that had to be recorded.
pub(super) enum Recorded<T> {
    /// As it stands now.
    As(T),
    /// The call never happened; its row is gone.
    Removed,
    /// It could not be written. The row stays `sending` and will be found unknown.
    Not,
}

/// The moment before the statement that commits an intent: from then on the call has little time to begin.
pub(super) struct Since(Instant);

impl Since {
    /// Whether what was intended then may still be sent.
    pub(super) fn in_time(&self) -> Result<(), GatewayError> {
        let in_time = self.0.elapsed() <= MAX_PAUSE;
        in_time
            .then_some(())
            .ok_or_else(|| GatewayError::NotSent("too long since the intent".into()))
    }
}

/// Waits for the statement that commits an intent. When its answer is lost the row may be there: as nothing
/// has been sent, it is taken back.
#[tracing::instrument(name = "intent.commit", skip_all)]
pub(super) async fn confirmed<C: Call, T>(
    ctx: &Context,
    call: C,
    commit: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<(Since, T)> {
    let since = Since(Instant::now());
    match commit.await {
        Ok(done) => Ok((since, done)),
        Err(error) => {
            if !is_refusal(&error) {
                Box::pin(take_back(ctx, call)).await;
            }
            Err(error)
        }
    }
}

/// Whether PostgreSQL has refused the statement: nothing of it is there. Class 08 is of the connection.
fn is_refusal(error: &sqlx::Error) -> bool {
    let refused = error.as_database_error().and_then(|e| e.try_downcast_ref::<PgDatabaseError>());
    refused.is_some_and(|e| e.severity() == PgSeverity::Error && !e.code().starts_with("08"))
}

/// Takes back an intent whose commit was not confirmed. When this does not succeed either, the row
/// is found unknown later, which is safe.
async fn take_back<C: Call>(ctx: &Context, call: C) {
    tracing::warn!(id = %call, "an intent whose commit was not confirmed is taken back");
    for _ in 0..TAKE_BACK_TRIES {
        match taken_back(ctx, call).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(id = %call, %error, "intent not taken back yet"),
        }
        tokio::time::sleep(RECORD_PAUSE).await;
    }
}

async fn taken_back<C: Call>(ctx: &Context, call: C) -> Result<(), SettleError> {
    if !call.is_there(ctx).await? {
        return Ok(());
    }
    match call.settle(ctx, &C::NOT_SENT).await {
        Ok(_) | Err(SettleError::NotFound) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Records the outcome of a call. The database's errors are waited out, whichever they are: the call
/// was made, and nobody else knows how it ended. Meanwhile the outcome is kept in the journal. One that
/// contradicts what is stored is kept as unknown and reported.
#[tracing::instrument(name = "outcome.record", skip_all)]
pub(super) async fn settle_with_retries<C: Call>(
    ctx: &Context,
    call: C,
    outcome: &C::Outcome,
) -> Recorded<C::Record> {
    let made = outcome;
    let mut outcome = outcome.clone();
    let mut kept = false;
    for _ in 0..RECORD_TRIES {
        // Boxed: it is large, and the span around it would be given a copy.
        match Box::pin(call.settle(ctx, &outcome)).await {
            Ok(record) => {
                if outcome == C::UNKNOWN {
                    drop(store::call_ended(&ctx.pool, call.row()).await);
                }
                if kept && let Err(error) = ctx.journal.recorded(call.row()).await {
                    tracing::warn!(id = %call, %error, "journal of outcomes not written");
                }
                return record.map_or(Recorded::Removed, Recorded::As);
            }
            Err(SettleError::NotFound) if outcome == C::NOT_SENT => return Recorded::Removed,
            Err(SettleError::NotFound) => {
                if !kept && outcome != C::UNKNOWN {
                    kept = keep(ctx, call, &outcome).await;
                }
                match call.write_again(ctx).await {
                    Ok(true) => {
                        tracing::error!(alert = true, id = %call, "a lost intent is written again");
                    }
                    Ok(false) => break,
                    Err(error) => {
                        tracing::warn!(id = %call, %error, "lost intent not written again yet");
                        tokio::time::sleep(RECORD_PAUSE).await;
                    }
                }
            }
            Err(SettleError::Database(error)) => {
                tracing::warn!(id = %call, %error, "outcome not recorded yet");
                if !kept && outcome != C::UNKNOWN {
                    kept = keep(ctx, call, &outcome).await;
                }
                tokio::time::sleep(RECORD_PAUSE).await;
            }
            Err(SettleError::Contradiction) if outcome == C::UNKNOWN => break,
            Err(SettleError::Contradiction) => {
                tracing::error!(id = %call, "outcome contradicts the books: kept as unknown");
                outcome = C::UNKNOWN;
            }
        }
    }
    let told = call.journaled(made);
    tracing::error!(alert = true, id = %call, kept, outcome = %told.in_words(), "outcome not recorded");
    Recorded::Not
}

/// Keeps an outcome in the journal. Whether that succeeded.
async fn keep<C: Call>(ctx: &Context, call: C, outcome: &C::Outcome) -> bool {
    let journaled = serde_json::to_value(call.journaled(outcome)).unwrap_or_default();
    match ctx.journal.keep(call.row(), journaled).await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(alert = true, id = %call, %error, "outcome not kept in DATA_DIR");
            false
        }
    }
}
