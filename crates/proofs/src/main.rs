//! `kiwoom-proofs [--service PATH] simulate | self-check | soak`: runs the real service as processes, lets
//! everything happen to it, and ends with a verdict. The service itself knows nothing of it.

mod process;
mod self_check;
mod service;
mod simulate;
mod soak;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use process::Failure;

#[derive(Parser)]
#[command(version, about = "Proofs of kiwoom-billing with real processes")]
struct Arguments {
    /// The kiwoom-billing to run; without it the one beside this program
    #[arg(long, global = true, value_name = "PATH")]
    service: Option<PathBuf>,
    #[command(subcommand)]
    proof: Proof,
}

#[derive(Subcommand)]
enum Proof {
    /// Run services, faults and kills against the sandbox, and end with a verdict on the money
    Simulate(simulate::Options),
    /// Look for leaks of secrets, with real processes and a private database
    SelfCheck(self_check::Options),
    /// Run two services for long at a steady pace, with a fault every minute: nothing is lost, none grows
    Soak(soak::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// An error when a rule was broken, when something was found, or when it could not be run.
async fn run(arguments: Arguments) -> Result<(), Failure> {
    let service = service::find(arguments.service)?;
    match arguments.proof {
        Proof::Simulate(options) if !simulate::run(&service, &options).await? => {
            Err("rules about money were broken".into())
        }
        Proof::SelfCheck(_) if !self_check::run(&service).await? => {
            Err("the self-check failed".into())
        }
        Proof::Soak(options) if !soak::run(&service, &options).await? => {
            Err("something was lost, or a service grew".into())
        }
        Proof::Simulate(_) | Proof::SelfCheck(_) | Proof::Soak(_) => Ok(()),
    }
}
