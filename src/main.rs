//! The program, all of which is in the library: what is compiled in both is in it twice.

use std::process::ExitCode;

fn main() -> ExitCode {
    kiwoom_billing::commands::program::run()
}
