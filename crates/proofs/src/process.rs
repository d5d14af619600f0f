//! One process of the service or of its sandbox, which a proof watches.

use std::error::Error;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// What ends a run.
pub type Failure = Box<dyn Error + Send + Sync>;

const POLL: Duration = Duration::from_millis(5);

/// What to run and where.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The program.
    pub program: PathBuf,
    /// Name of its log.
    pub name: String,
    /// Arguments of the program.
    pub arguments: Vec<String>,
    /// All of its environment.
    pub environment: Vec<(String, String)>,
    /// Where it listens.
    pub port: u16,
    /// Where it runs and logs.
    pub dir: PathBuf,
}

/// A process that runs. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    recipe: Recipe,
    child: Child,
}

impl Process {
    /// Starts it.
    pub fn start(recipe: Recipe) -> Result<Self, Failure> {
        let child = launch(&recipe)?;
        Ok(Self { recipe, child })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.recipe.port
    }

    /// Its number at the operating system.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(log_of(&self.recipe.dir, &self.recipe.name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Kills what is left of it and starts it again.
    pub fn restart(&mut self) -> Result<(), Failure> {
        self.end();
        self.child = launch(&self.recipe)?;
        Ok(())
    }

    /// Waits for it to end by itself. `None` when it has not within `limit`.
    pub async fn ended(&mut self, limit: Duration) -> Option<Duration> {
        let began = Instant::now();
        while !matches!(self.child.try_wait(), Ok(Some(_))) {
            if began.elapsed() > limit {
                return None;
            }
            tokio::time::sleep(POLL).await;
        }
        Some(began.elapsed())
    }

    /// SIGTERM: it is to end by itself.
    pub fn terminate(&self) -> Result<(), Failure> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).ok_or("no process")?;
        Ok(kill_process(pid, Signal::TERM)?)
    }

    /// SIGKILL: the process gets no chance to put anything in order.
    pub fn end(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

fn log_of(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.log"))
}

fn launch(recipe: &Recipe) -> Result<Child, Failure> {
    let log = log_of(&recipe.dir, &recipe.name);
    let log = File::options().create(true).append(true).open(log)?;
    let mut command = Command::new(&recipe.program);
    command.args(&recipe.arguments).env_clear().envs(recipe.environment.iter().cloned());
    command.current_dir(&recipe.dir).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    Ok(command.spawn()?)
}

/// A port that is free, and below those that outgoing connections take on Linux: one of these may come
/// before the process that is to listen.
pub fn free_port() -> Result<u16, Failure> {
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let mut tried = (0..100).map(|_| fastrand::u16(10_000..32_000));
    tried.find(is_free).ok_or_else(|| "no port is free".into())
}
