//! What an operator says: pause, go on, or that a failover is planned.

use std::io;

use sqlx::PgPool;

use crate::storage::failover_guard::object::Object;
use crate::storage::failover_guard::outside::{Known, Pause};
use crate::storage::failover_guard::{Charging, Guard, Why, identity, lock, pauses};

impl Guard {
    /// The operator's word that nothing is missing, or that what was is settled. Gives why it was
    /// paused.
    pub async fn resume(&self, pool: &PgPool, reason: Option<&str>) -> sqlx::Result<Option<Why>> {
        self.recall(pool).await?;
        let Charging::Paused(why) = self.look(pool).await? else { return Ok(None) };
        if let Why::Clock(_) = why {
            return Ok(Some(why));
        }
        let outside = self.object.as_ref().and_then(Object::pause);
        let held = lock(&self.known).pause.clone().into_iter().chain(outside);
        let held = held.map(|pause| pause.at).max();
        let mut tx = pool.begin().await?;
        if let Why::Replaced { present, .. } | Why::Planned { present } = &why {
            identity::confirm(&mut *tx, present, reason).await?;
        }
        pauses::resume(&mut *tx, reason, held).await?;
        tx.commit().await?;
        // The file of this folder goes; other processes see the resumption.
        self.look(pool).await?;
        Ok(Some(why))
    }

    /// The operator's word that a replica will take over: nothing scheduled is charged until it has, and
    /// then it goes on by itself. Where that cannot be, gives what stands in its way.
    pub async fn announce(
        &self,
        pool: &PgPool,
        reason: Option<&str>,
    ) -> sqlx::Result<Option<Charging>> {
        self.recall(pool).await?;
        let charging = self.look(pool).await?;
        let promoted = match (&charging, identity::look(pool).await?) {
            (Charging::On, Some((_, present))) => present.promoted(),
            _ => None,
        };
        let Some(promoted) = promoted else { return Ok(Some(charging)) };
        identity::confirm(pool, &promoted, reason).await?;
        Ok(None)
    }

    /// The operator's pause, first outside the database: it holds although that is away. Gives each
    /// place, and whether it took it.
    pub async fn hold(&self, reason: &str) -> Vec<(String, io::Result<()>)> {
        let pause = Some(Pause { at: self.clock.host_now(), reason: reason.to_owned() });
        let before = lock(&self.known).clone();
        let now = Known { pause: pause.clone(), ..before.clone() };
        let mut places = vec![(self.files.to_string(), self.files.write(&before, &now))];
        if let Some(object) = &self.object {
            let held = match object.read().await {
                Ok(held) => object.write(Known { pause, ..held }).await,
                Err(error) => Err(error),
            };
            places.push(("HIGH_WATER_MARK_URL".to_owned(), held));
        }
        places
    }

    /// Then in the database, where every process sees it within seconds.
    pub async fn pause(&self, pool: &PgPool, reason: &str) -> sqlx::Result<()> {
        pauses::pause(pool, reason.to_owned()).await.map(drop)
    }
}
