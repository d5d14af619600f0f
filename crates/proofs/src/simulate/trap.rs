//! Traps: a fault for the first service that comes to a moment.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::broadcast;
use tokio::sync::mpsc::UnboundedSender;

use crate::simulate::moment::Moment;

/// How many faults of a lock may wait.
const LOCK_FAULTS: usize = 16;

/// What happens to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// SIGKILL.
    Kill,
    /// SIGTERM: it is to end in order.
    Terminate,
    /// SIGSTOP, and SIGCONT after this time: a machine that froze.
    Freeze(Duration),
    /// Its connection breaks, whatever was on it.
    Cut,
    /// The connection that holds its lock breaks.
    LockCut,
    /// The connection that holds its lock says nothing any more, and breaks after this time.
    LockSilent(Duration),
}

/// A fault that waits for its moment.
#[derive(Clone, Copy, Debug)]
pub struct Trap {
    /// When.
    pub moment: Moment,
    /// What.
    pub fault: Fault,
}

/// A fault that was injected.
#[derive(Clone, Copy, Debug)]
pub struct Injected {
    /// Which service.
    pub replica: usize,
    /// What happened to it.
    pub fault: Fault,
    /// When; `None` = at any time.
    pub moment: Option<Moment>,
    /// The process that a signal was sent to.
    pub pid: Option<Pid>,
}

/// The traps of a run, and the services that may fall into them.
pub struct Traps {
    armed: Mutex<Vec<Trap>>,
    suspended: AtomicBool,
    /// Process ids by replica; 0 while one is being started.
    pids: Vec<AtomicI32>,
    /// By replica, for the connections of its tap: faults of the one that holds the lock.
    locks: Vec<broadcast::Sender<Fault>>,
    injected: UnboundedSender<Injected>,
}

impl Traps {
    /// None armed. Every fault is reported to `injected`.
    pub fn new(replicas: usize, injected: UnboundedSender<Injected>) -> Arc<Self> {
        let pids = (0..replicas).map(|_| AtomicI32::new(0)).collect();
        let locks = (0..replicas).map(|_| broadcast::channel(LOCK_FAULTS).0).collect();
        Arc::new(Self {
            armed: Mutex::default(),
            suspended: AtomicBool::new(false),
            pids,
            locks,
            injected,
        })
    }

    /// Where a connection of a replica hears of faults of the one that holds the lock.
    pub fn lock_faults(&self, replica: usize) -> broadcast::Receiver<Fault> {
        self.locks[replica].subscribe()
    }

    /// Reports a fault that has come to pass.
    pub fn report(&self, injected: Injected) {
        let _ = self.injected.send(injected);
    }

    /// Arms a trap; it waits for as long as it takes.
    pub fn arm(&self, trap: Trap) {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).push(trap);
    }

    /// Takes away the traps that still wait.
    pub fn disarm(&self) {
        self.suspend(false);
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// While suspended no trap springs.
    pub fn suspend(&self, suspended: bool) {
        self.suspended.store(suspended, Ordering::SeqCst);
    }

    /// The process of a replica, after each start.
    pub fn is_process(&self, replica: usize, pid: u32) {
        let pid = i32::try_from(pid).unwrap_or(0);
        self.pids[replica].store(pid, Ordering::SeqCst);
    }

    /// A replica comes to a moment. True when its connection is to be cut.
    pub fn pass(&self, replica: usize, moment: Moment) -> bool {
        if self.suspended.load(Ordering::SeqCst) {
            return false;
        }
        let sprung = {
            let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
            let found = armed.iter().position(|trap| trap.moment == moment);
            found.map(|index| armed.swap_remove(index))
        };
        let Some(trap) = sprung else { return false };
        self.inject(replica, trap.fault, Some(moment));
        trap.fault == Fault::Cut
    }

    /// Injects a fault into a replica now.
    pub fn inject(&self, replica: usize, fault: Fault, moment: Option<Moment>) {
        let signal = match fault {
            Fault::Kill => Some(Signal::KILL),
            Fault::Terminate => Some(Signal::TERM),
            Fault::Freeze(_) => Some(Signal::STOP),
            Fault::Cut => None,
            // Reported by the connection that it happens to.
            Fault::LockCut | Fault::LockSilent(_) => {
                let _ = self.locks[replica].send(fault);
                return;
            }
        };
        let mut sent_to = None;
        if let Some(signal) = signal {
            // A replica that was killed has no process until the next start: a signal to it reaches
            // none, and is not reported.
            let pid = if fault == Fault::Kill {
                self.pids[replica].swap(0, Ordering::SeqCst)
            } else {
                self.pids[replica].load(Ordering::SeqCst)
            };
            let Some(pid) = Pid::from_raw(pid) else { return };
            sent_to = Some(pid);
            let _ = kill_process(pid, signal);
            if let Fault::Freeze(time) = fault {
                tokio::spawn(async move {
                    tokio::time::sleep(time).await;
                    let _ = kill_process(pid, Signal::CONT);
                });
            }
        }
        self.report(Injected { replica, fault, moment, pid: sent_to });
    }
}

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = match self.fault {
            Fault::Kill => "kill -9",
            Fault::Terminate => "SIGTERM",
            Fault::Freeze(_) => "SIGSTOP",
            Fault::Cut => "connection cut",
            Fault::LockCut => "connection of the lock cut",
            Fault::LockSilent(_) => "connection of the lock gone silent",
        };
        match self.moment {
            Some(moment) => write!(f, "{fault}: {moment}"),
            None => write!(f, "{fault}: any time"),
        }
    }
}
