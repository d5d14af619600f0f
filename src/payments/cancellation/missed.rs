//! Cancellations that were told while their payment was being recorded: the payment did not see them yet, nor
//! they its transaction. KiwoomPay was answered, and does not tell again.

use chrono::Duration;

use super::waiting;
use crate::context::Context;
use crate::payments::store;
use crate::rules::ids::PaymentId;

/// One that came this moment is still being looked at by its own request.
const BEING_JUDGED: Duration = Duration::minutes(1);

/// Puts them into the books.
pub async fn apply(ctx: &Context) -> sqlx::Result<()> {
    let query = sqlx::query_scalar(
        "select distinct p.id from notifications n join payments p on p.transaction_id = n.transaction_id
         where n.verdict = 'waiting' and n.kind = 'cancellation' and n.last_at < $1
            and (n.order_no is null or n.order_no = split_part(p.order_no, '#', 1))
            and p.state = 'approved'",
    );
    let payments: Vec<PaymentId> =
        query.bind(ctx.clock.now() - BEING_JUDGED).fetch_all(&ctx.pool).await?;
    for id in payments {
        // One that fails keeps neither the others nor whoever waits for the recovery.
        if let Err(error) = apply_to(ctx, id).await {
            tracing::error!(%id, %error, "cancellations that were told are not in the books yet");
        }
    }
    Ok(())
}

async fn apply_to(ctx: &Context, id: PaymentId) -> sqlx::Result<()> {
    let mut tx = ctx.begin().await?;
    if let Some(payment) = store::lock(&mut tx, id).await? {
        waiting(ctx, &mut tx, payment).await?;
    }
    tx.commit().await
}
