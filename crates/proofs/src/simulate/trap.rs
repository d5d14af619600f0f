//! Traps: what befalls the first service that comes to a moment.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc::UnboundedSender;

use crate::simulate::moment::Moment;

/// What befalls a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blow {
    /// SIGKILL.
    Kill,
    /// SIGTERM: it is to end in order.
    Terminate,
    /// SIGSTOP, and SIGCONT after this time: a machine that froze.
    Freeze(Duration),
    /// Its connection breaks, whatever was on it.
    Cut,
}

/// A blow that waits for its moment.
#[derive(Clone, Copy, Debug)]
pub struct Trap {
    /// When.
    pub moment: Moment,
    /// What.
    pub blow: Blow,
}

/// A blow that was struck.
#[derive(Clone, Copy, Debug)]
pub struct Struck {
    /// Which service.
    pub replica: usize,
    /// What was struck and when; `None` = at any time.
    pub blow: Blow,
    /// The moment, when there was one.
    pub moment: Option<Moment>,
}

/// The traps of a run, and the services they may befall.
pub struct Traps {
    armed: Mutex<Vec<Trap>>,
    suspended: AtomicBool,
    /// Process ids by replica; 0 while one is being started.
    pids: Vec<AtomicI32>,
    struck: UnboundedSender<Struck>,
}

impl Traps {
    /// None armed. Every blow is told to `struck`.
    pub fn new(replicas: usize, struck: UnboundedSender<Struck>) -> Arc<Self> {
        let pids = (0..replicas).map(|_| AtomicI32::new(0)).collect();
        Arc::new(Self { armed: Mutex::default(), suspended: AtomicBool::new(false), pids, struck })
    }

    /// Arms a trap; it waits for as long as it takes.
    pub fn arm(&self, trap: Trap) {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).push(trap);
    }

    /// Takes the traps away that wait still.
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
        self.strike(replica, trap.blow, Some(moment));
        trap.blow == Blow::Cut
    }

    /// Strikes a replica now.
    pub fn strike(&self, replica: usize, blow: Blow, moment: Option<Moment>) {
        let signal = match blow {
            Blow::Kill => Some(Signal::KILL),
            Blow::Terminate => Some(Signal::TERM),
            Blow::Freeze(_) => Some(Signal::STOP),
            Blow::Cut => None,
        };
        if let Some(signal) = signal {
            // Who is killed is nobody any more until the next start: a signal to it hits no one, and
            // is not told of.
            let pid = if blow == Blow::Kill {
                self.pids[replica].swap(0, Ordering::SeqCst)
            } else {
                self.pids[replica].load(Ordering::SeqCst)
            };
            let Some(pid) = Pid::from_raw(pid) else { return };
            let _ = kill_process(pid, signal);
            if let Blow::Freeze(time) = blow {
                tokio::spawn(async move {
                    tokio::time::sleep(time).await;
                    let _ = kill_process(pid, Signal::CONT);
                });
            }
        }
        let _ = self.struck.send(Struck { replica, blow, moment });
    }
}

impl fmt::Display for Struck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blow = match self.blow {
            Blow::Kill => "kill -9",
            Blow::Terminate => "SIGTERM",
            Blow::Freeze(_) => "SIGSTOP",
            Blow::Cut => "connection cut",
        };
        match self.moment {
            Some(moment) => write!(f, "{blow}: {moment}"),
            None => write!(f, "{blow}: any time"),
        }
    }
}
