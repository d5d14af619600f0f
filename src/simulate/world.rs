//! The processes: PostgreSQL, the sandbox, the services. All end with this process.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::Value;
use sqlx::PgPool;

use super::Failure;
use crate::database::private::{DATABASE, PrivateServer};
use crate::database::{self};

const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// Everything that runs.
pub struct World {
    /// Where the logs and the ledger are.
    pub dir: PathBuf,
    /// A connection of the simulation's own.
    pub pool: PgPool,
    /// The services.
    pub replicas: Vec<Process>,
    /// Base of the sandbox, with its path.
    pub sandbox_url: String,
    /// For calls of the simulation's own.
    pub client: Client,
    sandbox: Process,
    private: PrivateServer,
}

/// A process of this program.
pub struct Process {
    name: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    port: u16,
    dir: PathBuf,
    child: Child,
}

impl World {
    /// Starts all of it in a new folder.
    pub async fn start(replicas: usize) -> Result<Self, Failure> {
        let name = format!("kiwoom-simulate-{}", uuid::Uuid::now_v7().simple());
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir)?;
        println!("  logs and ledger in {}", dir.display());
        let private = PrivateServer::start(&dir, None).await?;
        let pool = database::connect(private.options(DATABASE), 4).await?;
        let sandbox_port = free_port()?;
        let sandbox_url = format!("http://127.0.0.1:{sandbox_port}/sandbox");
        let ports = (0..replicas.max(1)).map(|_| free_port()).collect::<Result<Vec<_>, _>>()?;
        let common = |port: u16| {
            vec![
                ("DATA_DIR".to_owned(), dir.display().to_string()),
                ("DATABASE_URL".to_owned(), private.url(DATABASE)),
                ("KIWOOM_BASE_URL".to_owned(), sandbox_url.clone()),
                ("KIWOOM_TIMEOUT_SECS".to_owned(), "1".to_owned()),
                ("SCHEDULER_INTERVAL_SECS".to_owned(), "1".to_owned()),
                ("PUBLIC_URL".to_owned(), format!("http://127.0.0.1:{}", ports[0])),
                ("PORT".to_owned(), port.to_string()),
                ("RUST_LOG".to_owned(), "warn".to_owned()),
            ]
        };
        let arguments = vec!["sandbox".to_owned(), "--port".to_owned(), sandbox_port.to_string()];
        let sandbox = Process::spawn("sandbox", arguments, common(0), sandbox_port, &dir)?;
        let client = Client::builder().no_proxy().timeout(Duration::from_mins(1)).build()?;
        let services = ports.iter().enumerate().map(|(n, port)| {
            Process::spawn(&format!("service-{n}"), Vec::new(), common(*port), *port, &dir)
        });
        let replicas = services.collect::<Result<Vec<_>, _>>()?;
        let world = Self { dir, pool, replicas, sandbox_url, client, sandbox, private };
        world.until_ready(&format!("{}/clock", world.sandbox_url)).await?;
        for n in 0..world.replicas.len() {
            world.until_ready(&world.url(n, "/health/ready")).await?;
        }
        Ok(world)
    }

    /// An address of replica `n`.
    pub fn url(&self, n: usize, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.replicas[n % self.replicas.len()].port)
    }

    /// Kills a service and starts it again.
    pub async fn kill(&mut self, n: usize) -> Result<(), Failure> {
        let n = n % self.replicas.len();
        self.replicas[n].restart()?;
        self.until_ready(&self.url(n, "/health/ready")).await
    }

    /// One call of the simulation's own to the sandbox.
    pub async fn sandbox_post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = self.client.post(format!("{}{path}", self.sandbox_url)).json(body);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    async fn until_ready(&self, url: &str) -> Result<(), Failure> {
        let deadline = Instant::now() + READY_TIMEOUT;
        loop {
            let answer = self.client.get(url).send().await;
            if answer.is_ok_and(|a| a.status().is_success()) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("{url} does not answer; see {}", self.dir.display()).into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends all processes; the folder is kept when there is something to look at.
    pub async fn stop(mut self, clean: bool) {
        self.replicas.clear();
        self.sandbox.end();
        self.pool.close().await;
        self.private.stop().await;
        if clean {
            drop(std::fs::remove_dir_all(&self.dir));
        }
    }
}

impl Process {
    fn spawn(
        name: &str,
        arguments: Vec<String>,
        environment: Vec<(String, String)>,
        port: u16,
        dir: &Path,
    ) -> Result<Self, Failure> {
        let child = launch(name, &arguments, &environment, dir)?;
        Ok(Self { name: name.to_owned(), arguments, environment, port, dir: dir.into(), child })
    }

    fn restart(&mut self) -> Result<(), Failure> {
        self.end();
        self.child = launch(&self.name, &self.arguments, &self.environment, &self.dir)?;
        Ok(())
    }

    /// SIGKILL: the process gets no chance to put anything in order.
    fn end(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

fn launch(
    name: &str,
    arguments: &[String],
    environment: &[(String, String)],
    dir: &Path,
) -> Result<Child, Failure> {
    let log = File::options().create(true).append(true).open(dir.join(format!("{name}.log")))?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).env_clear().envs(environment.iter().cloned());
    command.current_dir(dir).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    Ok(command.spawn()?)
}

fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
