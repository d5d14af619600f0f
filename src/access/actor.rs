//! Who does what is being done: written on every event by the transaction that does it.

use axum::http::Extensions;
use chrono::{DateTime, Utc};

use crate::access::api_keys::ApiKeyId;
use crate::access::request_id::RequestId;
use crate::access::trace::Trace;

tokio::task_local! {
    static ACTOR: Actor;
}

/// Who acts, and in which request.
#[derive(Clone, Debug)]
pub struct Actor {
    name: String,
    request: String,
    trace: Option<Trace>,
}

impl Actor {
    /// The API key of a request with these extensions; KiwoomPay where no key is asked for.
    pub fn of(extensions: &Extensions) -> Self {
        let key = extensions.get::<ApiKeyId>();
        Self {
            name: key.map_or_else(|| "kiwoompay".to_owned(), |key| key.0.clone()),
            request: RequestId::of(extensions),
            trace: extensions.get().copied(),
        }
    }

    /// The customer, at a payment page link, in a request with these extensions.
    pub fn buyer(extensions: &Extensions) -> Self {
        Self { name: "buyer".to_owned(), ..Self::of(extensions) }
    }

    /// The service by itself.
    fn scheduler() -> Self {
        Self::named("scheduler")
    }

    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), request: String::new(), trace: None }
    }

    /// Runs `work` as this actor.
    pub async fn acts<T>(self, work: impl Future<Output = T>) -> T {
        ACTOR.scope(self, work).await
    }

    /// `kiwoom-billing import`.
    pub fn import() -> Self {
        Self::named("import")
    }

    /// `kiwoom-billing reconcile`.
    pub fn reconcile() -> Self {
        Self::named("reconcile")
    }

    /// Who acts in this task; the scheduler when nobody said so.
    pub fn present() -> Self {
        ACTOR.try_with(Self::clone).unwrap_or_else(|_| Self::scheduler())
    }

    /// The statement that begins a transaction of this actor at `now`. Neither name nor request id
    /// can hold a quote: the one is ours, the other is checked where it comes in.
    pub fn begin(&self, now: DateTime<Utc>) -> String {
        let [name, request, trace, now] = self.acting(now);
        format!(
            "begin; select set_config('kiwoom.actor', '{name}', true), \
             set_config('kiwoom.request', '{request}', true), \
             set_config('kiwoom.traceparent', '{trace}', true), set_config('kiwoom.now', '{now}', true)"
        )
    }

    /// What these four settings are, for a statement that is a transaction of its own.
    pub fn acting(&self, now: DateTime<Utc>) -> [String; 4] {
        let trace = self.trace.map(|trace| trace.to_string()).unwrap_or_default();
        [self.name.clone(), self.request.clone(), trace, now.to_rfc3339()]
    }
}
