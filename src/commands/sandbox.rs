//! `kiwoom-billing sandbox`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use kiwoom_clock::Clock;
use tokio::net::TcpListener;

use crate::commands::{Done, Signals};
use crate::config::Config;
use crate::layers::headers;
use crate::service::{clock_file, telemetry};

/// Runs the sandbox alone, with books of its own.
pub async fn run(config: Config, port: u16) -> Done {
    if config.is_production() {
        return Err("production never has a sandbox".into());
    }
    telemetry::init(&config);
    let clock = clock_file::load(&config.data_dir.join("sandbox"))?;
    let options = kiwoom_sandbox::Options {
        data_dir: Some(config.data_dir.clone()),
        advance_clock: saved_jump(config.data_dir.join("sandbox"), clock.clone()),
        clock,
        notify_url: config.public_url.map(|url| format!("{url}webhook/kiwoom")),
        service: None,
    };
    let router = Router::new()
        .nest("/sandbox", kiwoom_sandbox::router(kiwoom_sandbox::open(options)?))
        .layer(from_fn(headers::protect));
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    println!("KIWOOM_BASE_URL=http://{}/sandbox", listener.local_addr()?);
    let mut signals = Signals::listen()?;
    let server = axum::serve(listener, router)
        .with_graceful_shutdown(async move { signals.received().await });
    Ok(server.await?)
}

/// Sets the clock and writes it down, for the services that share the folder.
fn saved_jump(dir: PathBuf, clock: Clock) -> kiwoom_sandbox::AdvanceClock {
    Arc::new(move |instant| {
        clock.advance_to(instant);
        let saved = clock_file::save(&dir, &clock).map_err(|error| error.to_string());
        Box::pin(std::future::ready(saved))
    })
}
