//! Gives committed events their positions and their data.

use std::collections::BTreeMap;
use std::slice;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use tokio::time::timeout;

use crate::context::Context;
use crate::events::objects::{NOTHING, Told, shown};
use crate::events::store::{self, Event, Object};

const BATCH: i64 = 200;
/// How long a reader waits for another one of this process.
const PATIENCE: Duration = Duration::from_secs(2);

/// Publishes what has been committed, unless another process is at it for longer than a reader can
/// wait. Positions are given under a lock that ends with the commit: whoever sees a position sees
/// all before it.
pub async fn publish(ctx: &Context) -> sqlx::Result<()> {
    let Ok(_turn) = timeout(PATIENCE, ctx.publishing.lock()).await else { return Ok(()) };
    loop {
        let mut tx = ctx.pool.begin().await?;
        if !store::may_publish(&mut tx).await? {
            return Ok(());
        }
        let events = store::unpublished(&mut tx, BATCH).await?;
        if events.is_empty() {
            return Ok(());
        }
        let seqs: Vec<i64> = events.iter().map(|event| event.seq).collect();
        let data = data_of(ctx, &mut tx, events).await?;
        store::set_positions(&mut tx, &seqs, &data).await?;
        tx.commit().await?;
    }
}

/// The data of each event: the object as the API shows it, after the change, or before it when it is gone.
/// A test brings its own. Objects of one kind are read together.
async fn data_of(
    ctx: &Context,
    db: &mut PgConnection,
    events: Vec<Event>,
) -> sqlx::Result<Vec<String>> {
    let mut data = vec![NOTHING.to_owned(); events.len()];
    let mut objects = BTreeMap::<Object, (Vec<usize>, Vec<Told>)>::new();
    for (nth, event) in events.into_iter().enumerate() {
        if let Some(Json(of_test)) = event.data {
            of_test.get().clone_into(&mut data[nth]);
        } else if let Some(Json(mut row)) = event.after.or(event.before) {
            // The object as it was, not what has become of its call since.
            row.remove("call_ends_by");
            let (places, told) = objects.entry(event.object).or_default();
            places.push(nth);
            told.push(Told { id: event.id, kind: event.kind, row });
        }
    }
    for (object, (places, told)) in objects {
        for (nth, shown) in places.into_iter().zip(readable(ctx, db, object, &told).await?) {
            data[nth] = shown;
        }
    }
    Ok(data)
}

/// As [`shown`]. A row that cannot be read, written before a migration that added to it, holds the
/// others up no more: it is told without its object.
async fn readable(
    ctx: &Context,
    db: &mut PgConnection,
    object: Object,
    told: &[Told],
) -> sqlx::Result<Vec<String>> {
    match shown(ctx, db, object, told).await {
        Err(sqlx::Error::ColumnDecode { .. }) => {}
        all => return all,
    }
    let mut readable = Vec::with_capacity(told.len());
    for one in told {
        readable.push(match shown(ctx, db, object, slice::from_ref(one)).await {
            Err(error @ sqlx::Error::ColumnDecode { .. }) => {
                tracing::error!(alert = true, id = %one.id, %error, "event told without its data");
                NOTHING.to_owned()
            }
            shown => shown?.swap_remove(0),
        });
    }
    Ok(readable)
}
