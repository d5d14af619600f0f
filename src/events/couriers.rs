//! A courier for each endpoint: that of the settings, and those of the API as they are now.

use std::collections::HashMap;
use std::time::Duration;

use secrecy::ExposeSecret;
use standardwebhooks::Webhook;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::context::Context;
use crate::events::deliver::Courier;
use crate::events::endpoints::store::{self, Bound};
use crate::events::receiver::{Receiver, Route};
use crate::rules::event_types::all_named;
use crate::rules::ids::WebhookEndpointId;
use crate::storage::vault::VaultError;

/// How soon a change of an endpoint is known in every process.
const LOOK: Duration = Duration::from_secs(1);

/// Why there can be no courier.
#[derive(Debug, thiserror::Error)]
enum Unable {
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("the secret is not whsec_ and base64")]
    Secret,
    #[error(transparent)]
    Url(#[from] url::ParseError),
    #[error(transparent)]
    Client(#[from] reqwest::Error),
}

/// What a courier was made from: the revision, and whether two secrets sign.
type Version = (i32, bool);

#[derive(Default)]
struct Couriers {
    tasks: JoinSet<()>,
    under_way: HashMap<WebhookEndpointId, (Version, CancellationToken)>,
}

/// The courier of the settings; `None` when they name no receiver, or when a secret cannot be read, which
/// they have checked.
pub fn of_settings(ctx: &Context) -> reqwest::Result<Option<Courier>> {
    let Some(webhook) = &ctx.config.merchant_webhook else { return Ok(None) };
    let Some(signers) = webhook.signers() else { return Ok(None) };
    // The operator has named it, not whoever holds a key.
    let route = Route { proxy: ctx.config.deliveries.proxy.as_ref(), private: true };
    let receiver = Receiver::new(webhook.url.clone(), route, signers)?;
    Ok(Some(Courier::new(WebhookEndpointId::ENVIRONMENT, receiver, webhook.types.clone())))
}

/// Runs all of them, without end.
pub async fn run(ctx: &Context, of_settings: Option<Courier>, published: &watch::Sender<()>) {
    let mut couriers = Couriers::default();
    if let Some(courier) = of_settings {
        let published = published.subscribe();
        couriers.tasks.spawn(courier.run(ctx.pool.clone(), published, CancellationToken::new()));
    }
    loop {
        match store::bound(&ctx.pool).await {
            Ok(bound) => couriers.follow(ctx, bound, published),
            Err(error) => tracing::warn!(%error, "endpoints are looked at again later"),
        }
        tokio::time::sleep(LOOK).await;
        while couriers.tasks.try_join_next().is_some() {}
    }
}

impl Couriers {
    /// Ends those whose endpoint is not as it was, and begins those that are new.
    fn follow(&mut self, ctx: &Context, bound: Vec<Bound>, published: &watch::Sender<()>) {
        let version = |row: &Bound| (row.revision, row.previous_secret.is_some());
        self.under_way.retain(|id, (begun, stop)| {
            let is_as_it_was = bound.iter().any(|row| row.id == *id && version(row) == *begun);
            if !is_as_it_was {
                stop.cancel();
            }
            is_as_it_was
        });
        for row in bound {
            if self.under_way.contains_key(&row.id) {
                continue;
            }
            let (id, version, stop) = (row.id, version(&row), CancellationToken::new());
            match of_endpoint(ctx, row) {
                Ok(courier) => {
                    let work = courier.run(ctx.pool.clone(), published.subscribe(), stop.clone());
                    self.tasks.spawn(work);
                }
                Err(error) => tracing::error!(alert = true, %id, %error, "endpoint not usable"),
            }
            self.under_way.insert(id, (version, stop));
        }
    }
}

fn of_endpoint(ctx: &Context, row: Bound) -> Result<Courier, Unable> {
    let sealed = [Some(row.secret), row.previous_secret];
    let mut signers = Vec::new();
    for sealed in sealed.into_iter().flatten() {
        let secret = ctx.vault.open_webhook(row.id.0, &sealed)?;
        signers.push(Webhook::new(secret.expose_secret()).map_err(|_| Unable::Secret)?);
    }
    let deliveries = &ctx.config.deliveries;
    let route = Route { proxy: deliveries.proxy.as_ref(), private: deliveries.private_endpoints };
    let receiver = Receiver::new(Url::parse(&row.url)?, route, signers)?;
    Ok(Courier::new(row.id, receiver, row.types.map(|words| all_named(&words))))
}
