//! `kiwoom-billing [serve | migrate | pause-charging | resume-charging | adopt | import | reconcile |
//! keys | listen | trigger | sandbox | check | health]`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands::{self, keys::KeysCommand};
use crate::config::Config;
use crate::service::core_dumps;

#[derive(Parser)]
#[command(version, about = "Recurring card payments and easy payments through KiwoomPay")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service (the default)
    Serve,
    /// Bring the database's schema up to date, and exit
    Migrate {
        /// Role that the service connects as: it is given exactly the rights that it needs
        #[arg(long, value_name = "ROLE")]
        grant_to: Option<String>,
    },
    /// Pause scheduled charging in every process, before the database is restored or moved
    PauseCharging {
        /// Why; kept with the pause
        #[arg(long)]
        reason: String,
    },
    /// Let scheduled charging go on after a pause, a restore or a failover of the database
    ResumeCharging {
        /// Why; kept with the confirmation
        #[arg(long)]
        reason: Option<String>,
        /// Said before a planned failover: pause now, and go on when a replica has taken over
        #[arg(long)]
        after_failover: bool,
    },
    /// Say that the books belong to the environment and merchant id of the settings
    Adopt {
        /// The merchant id (CPID), as in the settings
        #[arg(long)]
        cpid: String,
        /// The merchant id charges from these books no more
        #[arg(long)]
        retire: bool,
        /// Why; kept with the books
        #[arg(long)]
        reason: String,
    },
    /// Take over billing keys or subscriptions from XLSX or CSV, all of it or nothing
    Import {
        /// Check everything and write nothing
        #[arg(long)]
        dry_run: bool,
        /// Billing keys or subscriptions: XLSX, or CSV in UTF-8 or CP949 with commas, semicolons or tabs;
        /// the names of the columns in its first row say which
        file: PathBuf,
    },
    /// Compare the books with KiwoomPay's: with its list of a day, or a file of the merchant pages;
    /// exit code 3 when differences remain
    Reconcile(commands::reconcile::Arguments),
    /// Make, list and revoke API keys of the callers; encrypt the billing keys anew
    Keys {
        #[command(subcommand)]
        what: KeysCommand,
    },
    /// Post events to a program of yours as they happen, signed; for development
    Listen(commands::listen::Arguments),
    /// Tell the receivers of a test event, of which nothing has happened; for development
    Trigger(commands::trigger::Arguments),
    /// Run the sandbox gateway alone
    Sandbox(commands::sandbox::Arguments),
    /// Say what of the set-up works, without moving money; exit code 1 when something does not
    Check,
    /// Ask the running service whether it is ready; exit code 0 when it is
    Health,
}

/// Exit code of a comparison that leaves differences.
const DIFFERENCES: u8 = 3;

/// Reads the arguments and the settings, and runs the subcommand to its end.
#[tokio::main]
pub async fn run() -> ExitCode {
    if let Err(error) = core_dumps::off() {
        eprintln!("코어 덤프를 끌 수 없습니다 (core dumps cannot be turned off): {error}");
        return ExitCode::FAILURE;
    }
    // No `.env` is fine.
    drop(dotenvy::dotenv());
    let arguments = Arguments::parse();
    let config = match Config::from_env() {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("설정을 수정해 주세요 (the settings need a correction):");
            for problem in problems {
                eprintln!("  - {problem}");
            }
            return ExitCode::from(2);
        }
    };
    let done = match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => commands::serve::run(config).await,
        Command::Migrate { grant_to } => commands::migrate::run(config, grant_to.as_deref()).await,
        Command::PauseCharging { reason } => commands::pause_charging::run(config, &reason).await,
        Command::Adopt { cpid, retire, reason } => {
            commands::adopt::run(config, &cpid, retire, &reason).await
        }
        Command::ResumeCharging { reason, after_failover: true } => {
            commands::resume_charging::announce(config, reason.as_deref()).await
        }
        Command::ResumeCharging { reason, after_failover: false } => {
            commands::resume_charging::run(config, reason.as_deref()).await
        }
        Command::Import { dry_run, file } => commands::import::run(config, &file, dry_run).await,
        Command::Reconcile(asked) => match commands::reconcile::run(config, asked).await {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::from(DIFFERENCES),
            Err(error) => Err(error),
        },
        Command::Keys { what } => commands::keys::run(config, what).await,
        Command::Listen(asked) => commands::listen::run(config, asked).await,
        Command::Trigger(asked) => commands::trigger::run(config, asked).await,
        Command::Sandbox(asked) => commands::sandbox::run(config, asked).await,
        Command::Check => commands::check::run(config).await,
        Command::Health => commands::health::run(config).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
