//! `kiwoom-billing sandbox`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::middleware::from_fn;
use axum::response::Redirect;
use axum::routing::get;
use clap::Args;
use kiwoom_clock::Clock;
use tokio::net::TcpListener;
use url::Url;

use crate::commands::{Done, Signals};
use crate::config::Config;
use crate::layers::headers;
use crate::service::{clock_file, telemetry};

/// How the sandbox runs.
#[derive(Args)]
pub struct Arguments {
    /// Port to listen on, on 127.0.0.1
    #[arg(long, default_value_t = 4000)]
    port: u16,
    /// Address of your program that notifications go to; left out: /webhook/kiwoom of the service's
    /// public address
    #[arg(long, value_name = "URL", value_parser = web_address)]
    notify: Option<Url>,
    /// Refuse what is not as KiwoomPay's manual has it
    #[arg(long)]
    strict: bool,
}

/// Runs the sandbox alone, with books of its own.
pub async fn run(config: Config, asked: Arguments) -> Done {
    if config.is_production() {
        return Err("운영 환경에는 샌드박스가 없습니다 (production never has a sandbox)".into());
    }
    telemetry::init(&config);
    let clock = clock_file::load(&config.data_dir.join("sandbox"))?;
    let of_service = config.public_url.map(|url| format!("{url}webhook/kiwoom"));
    let options = kiwoom_sandbox::Options {
        data_dir: Some(config.data_dir.clone()),
        advance_clock: saved_jump(config.data_dir.join("sandbox"), clock.clone()),
        clock,
        notify_url: asked.notify.map(String::from).or(of_service),
        strict: asked.strict || config.sandbox_strict,
        service: None,
    };
    let notify_url = options.notify_url.clone();
    let sandbox = kiwoom_sandbox::open(options)?;
    let router = kiwoom_sandbox::gateway(sandbox.clone())
        .route("/", get(async || Redirect::temporary("/sandbox")))
        .nest("/sandbox", kiwoom_sandbox::router(sandbox))
        .layer(from_fn(headers::protect));
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], asked.port))).await?;
    println!("KIWOOM_BASE_URL=http://{}/sandbox", listener.local_addr()?);
    match notify_url {
        Some(url) => println!("통지 주소 (notifications go to): {url}"),
        None => println!("통지를 보내지 않습니다 (no notifications are sent): --notify URL"),
    }
    let mut signals = Signals::listen()?;
    let server = axum::serve(listener, router)
        .with_graceful_shutdown(async move { signals.received().await });
    Ok(server.await?)
}

fn web_address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| {
        "http 또는 https 주소여야 합니다 (has to be a http or https address)".to_owned()
    })
}

/// Sets the clock and writes it down, for the services that share the folder.
fn saved_jump(dir: PathBuf, clock: Clock) -> kiwoom_sandbox::AdvanceClock {
    Arc::new(move |instant| {
        clock.advance_to(instant);
        let saved = clock_file::save(&dir, &clock).map_err(|error| error.to_string());
        Box::pin(std::future::ready(saved))
    })
}
