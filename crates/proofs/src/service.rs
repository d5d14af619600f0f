//! Which program is put to the test.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::Failure;

const NAME: &str = "kiwoom-billing";

/// The service's program: `given`, or else the one beside this program. An error when there is none.
pub fn find(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let path = match given {
        Some(path) => path,
        None => beside(&env::current_exe()?)?,
    };
    if path.is_file() {
        // Processes run in folders of their own.
        return Ok(path.canonicalize()?);
    }
    let path = path.display();
    let help = "build it with `cargo build --locked`, or name another with --service PATH";
    Err(format!("{path} is missing: {help}").into())
}

/// The service beside `program`. `cargo run` has built `program` alone: then the service is built
/// too, for a verdict on an older one would be worth nothing.
fn beside(program: &Path) -> Result<PathBuf, Failure> {
    let path = program.with_file_name(NAME);
    if let (Some(cargo), Some(package)) = (env::var_os("CARGO"), env::var_os("CARGO_MANIFEST_DIR"))
    {
        let mut build = Command::new(cargo);
        build.args(["build", "--locked", "--package", NAME]).current_dir(package);
        build.args((!cfg!(debug_assertions)).then_some("--release"));
        build.arg("--target-dir").args(path.ancestors().nth(2));
        if !build.status()?.success() {
            return Err("the service cannot be built".into());
        }
    }
    Ok(path)
}
