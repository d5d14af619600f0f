//! Publishes what has been committed: gives events their data, in the order of their positions.

use std::collections::BTreeMap;
use std::slice;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use tokio::time::{Instant, sleep, timeout};

use crate::context::Context;
use crate::events::objects::{NOTHING, Told, shown};
use crate::events::store::{self, Event, Horizon, Object};

const BATCH: u8 = 200;
/// How long a reader waits for other processes, and for transactions under way.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(5);

/// Publishes what was written until now, for whoever may have had the answer to it: transactions under way
/// are waited for, but not for long.
pub async fn publish_all(ctx: &Context) -> sqlx::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut until = None;
    while let Some(horizon) = publish(ctx).await? {
        if horizon.settled >= *until.get_or_insert(horizon.given) || Instant::now() >= deadline {
            break;
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Publishes what has been committed, up to the first position whose transaction is under way: `None` when
/// another process is at it for longer than a reader can wait. Under a lock that ends with the commit:
/// whoever sees a published event sees all before it.
pub async fn publish(ctx: &Context) -> sqlx::Result<Option<Horizon>> {
    if let Some(given) = store::all_published(&ctx.pool).await? {
        return Ok(Some(Horizon { given, settled: given, pids: Vec::new() }));
    }
    let Ok(_turn) = timeout(PATIENCE, ctx.publishing.lock()).await else { return Ok(None) };
    loop {
        let mut tx = ctx.pool.begin().await?;
        if !store::may_publish(&mut tx).await? {
            return Ok(None);
        }
        let horizon = store::horizon(&mut tx).await?;
        let events = store::unpublished(&mut tx, &horizon, i64::from(BATCH)).await?;
        let positions: Vec<i64> = events.iter().map(|event| event.position).collect();
        if !events.is_empty() {
            let data = data_of(ctx, &mut tx, events).await?;
            store::insert_data(&mut tx, &positions, &data).await?;
            tx.commit().await?;
        }
        if positions.len() < usize::from(BATCH) {
            return Ok(Some(horizon));
        }
    }
}

/// The data of each event: the object as the API shows it, after the change, or before it when it is gone.
/// `None` for a test, which has its own. Objects of one kind are read together.
async fn data_of(
    ctx: &Context,
    db: &mut PgConnection,
    events: Vec<Event>,
) -> sqlx::Result<Vec<Option<String>>> {
    let mut data = vec![None; events.len()];
    let mut objects = BTreeMap::<Object, (Vec<usize>, Vec<Told>)>::new();
    for (nth, event) in events.into_iter().enumerate() {
        if event.data.is_some() {
            continue;
        }
        data[nth] = Some(NOTHING.to_owned());
        if let Some(Json(mut row)) = event.after.or(event.before) {
            // The object as it was, not what has become of its call since.
            row.remove("call_ends_by");
            let (places, told) = objects.entry(event.object).or_default();
            places.push(nth);
            told.push(Told { id: event.id, kind: event.kind, row });
        }
    }
    for (object, (places, told)) in objects {
        for (nth, shown) in places.into_iter().zip(readable(ctx, db, object, &told).await?) {
            data[nth] = Some(shown);
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
