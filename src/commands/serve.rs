//! `kiwoom-billing serve`, the default.

use crate::commands::{Done, Signals};
use crate::config::{Config, Gateway};
use crate::service::{Service, telemetry};

/// Runs the service until SIGTERM or SIGINT.
pub async fn run(config: Config) -> Done {
    let traces = telemetry::init_with_traces(&config);
    // From here on: one that came between the first answer and this would end it outright.
    let mut signals = Signals::listen()?;
    let service = tokio::select! {
        started = Box::pin(Service::start(config)) => started?,
        () = signals.received() => return Ok(()),
    };
    greet(&service);
    signals.received().await;
    tracing::info!("stopping: waiting for calls under way");
    service.stop().await;
    if let Some(traces) = traces {
        traces.stop().await;
    }
    Ok(())
}

/// Where to look next.
fn greet(service: &Service) {
    let config = &service.ctx.config;
    let base = &service.ctx.public_url;
    println!("kiwoom-billing {}", env!("CARGO_PKG_VERSION"));
    println!("  API      {base}");
    println!("  문서     {base}/docs");
    if matches!(config.kiwoom.gateway, Gateway::Sandbox) {
        println!("  결제 예제 {base}/easypay/sdk-example");
        println!("  샌드박스 {base}/sandbox  (테스트 카드, 원장, 시계)");
    }
    if let Some(private) = &service.private {
        let made = if private.is_new() { "  (새로 만들었습니다, new)" } else { "" };
        println!("  데이터베이스 {}{made}", private.dir().display());
    }
    if service.ctx.api_keys.is_open() {
        println!("  API 키가 없어 누구나 호출할 수 있습니다 (개발 환경에서만). The API is open.");
    }
}
