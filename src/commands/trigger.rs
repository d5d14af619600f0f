//! `kiwoom-billing trigger`.

use clap::Args;
use serde::Deserialize;
use serde_json::json;

use crate::commands::Done;
use crate::commands::client::{Client, ServiceArguments};
use crate::config::Config;

/// Which event, and of which service.
#[derive(Args)]
pub struct Arguments {
    /// Type of the event, such as payment.approved
    #[arg(value_name = "TYPE")]
    kind: String,
    #[command(flatten)]
    service: ServiceArguments,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    r#type: String,
}

/// Has the service tell its receivers, and `listen`, of an event of this type with an example of its object
/// and `"test": true`. Nothing of the books is made or changed. For development.
pub async fn run(config: Config, asked: Arguments) -> Done {
    if config.is_production() {
        return Err("개발용 명령입니다. 운영 환경에서는 시험 이벤트를 만들 수 없습니다 (for development: in production \
            there are no test events)"
            .into());
    }
    let service = Client::new(asked.service, &config)?;
    let made: Event = service.post("events/test", &json!({"type": asked.kind})).await?;
    println!("{}  {}", made.r#type, made.id);
    Ok(())
}
