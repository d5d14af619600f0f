//! No core dumps: the memory of this process holds card numbers and keys.

use std::io;

/// Takes from the process, for good, the right to leave one. Where the kernel pipes them to a
/// program (`core_pattern`) it does not ask for the limit, only whether the process is dumpable;
/// one that is not can be read by no debugger of the same user either. Children inherit the limit.
pub fn off() -> io::Result<()> {
    rlimit::setrlimit(rlimit::Resource::CORE, 0, 0)?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior};

    #[test]
    fn the_process_is_not_dumpable_and_may_write_no_core() {
        super::off().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert_eq!(rlimit::getrlimit(rlimit::Resource::CORE).unwrap(), (0, 0));
    }
}
