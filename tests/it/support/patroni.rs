//! Two PostgreSQL nodes under Patroni, etcd that keeps who is primary, and `HAProxy` in front: each in a
//! folder of its own, on loopback.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::process::Folder;
use crate::support::programs::{Program, free_address, installed};

const PATIENCE: Duration = Duration::from_mins(2);
/// The longest time without a primary is about `ttl` and one `loop_wait`, in seconds.
const DCS: &str = "ttl: 20, loop_wait: 2, retry_timeout: 5, maximum_lag_on_failover: 104857600";
const DATABASE: &str = "books";

/// One machine of the cluster: Patroni and its PostgreSQL.
pub struct Node {
    name: &'static str,
    sql: SocketAddr,
    rest: SocketAddr,
    dir: PathBuf,
    patroni: Child,
}

pub struct Cluster {
    pub nodes: Vec<Node>,
    /// The present primary, through `HAProxy`.
    address: SocketAddr,
    _haproxy: Program,
    _etcd: Program,
    dir: Folder,
}

/// As who is not root: PostgreSQL refuses to run as root.
fn account() -> Option<(u32, u32)> {
    let of = |flag| Command::new("id").args([flag, "postgres"]).output().unwrap().stdout;
    let number = |flag| String::from_utf8(of(flag)).unwrap().trim().parse().ok();
    rustix::process::geteuid().is_root().then(|| (number("-u").unwrap(), number("-g").unwrap()))
}

/// A folder that the account may write.
fn folder(path: PathBuf) -> PathBuf {
    fs::create_dir_all(&path).unwrap();
    if let Some((uid, gid)) = account() {
        chown(&path, Some(uid), Some(gid)).unwrap();
    }
    path
}

/// Of these processes and all that came from them, the ids.
fn descendants(roots: &[u32]) -> Vec<u32> {
    let mut found = roots.to_vec();
    let parents = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let parent = stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()?;
        Some((pid, parent))
    });
    let parents: Vec<(u32, u32)> = parents.collect();
    while let Some((pid, _)) =
        parents.iter().find(|(pid, parent)| found.contains(parent) && !found.contains(pid))
    {
        found.push(*pid);
    }
    found
}

fn signal(name: &str, pids: &[u32]) {
    let pids = pids.iter().map(u32::to_string);
    // Some may have ended by themselves.
    drop(Command::new("kill").arg(format!("-{name}")).args(pids).stderr(Stdio::null()).status());
}

impl Node {
    fn start(name: &'static str, dir: &Path, etcd: SocketAddr, replication: &str) -> Self {
        let (sql, rest) = (free_address(), free_address());
        let dir = folder(dir.join(name));
        let programs = Command::new("pg_config").arg("--bindir").output().unwrap().stdout;
        let programs = String::from_utf8(programs).unwrap();
        let (at, programs) = (dir.display(), programs.trim());
        let text = format!(
            "scope: kiwoom\nname: {name}\nrestapi: {{listen: '{rest}', connect_address: '{rest}'}}\n\
             etcd3: {{host: '{etcd}'}}\nbootstrap:\n  dcs: {{{DCS}, {replication}, postgresql: {{use_pg_rewind: \
             true, parameters: {{max_connections: 100, wal_log_hints: 'on'}}}}}}\n  initdb: [{{encoding: UTF8}}, \
             data-checksums, no-locale]\n  pg_hba: [host all all 127.0.0.1/32 trust, host replication all \
             127.0.0.1/32 trust]\npostgresql: {{listen: '{sql}', connect_address: '{sql}', data_dir: {at}/data, \
             bin_dir: {programs}, pgpass: {at}/pgpass, remove_data_directory_on_rewind_failure: true, \
             remove_data_directory_on_diverged_timelines: true, authentication: {{superuser: {{username: postgres}}, \
             replication: {{username: replicator}}, rewind: {{username: rewind}}}}, parameters: \
             {{unix_socket_directories: {at}}}}}\n"
        );
        fs::write(dir.join("patroni.yml"), text).unwrap();
        let patroni = Self::launch(&dir);
        Self { name, sql, rest, dir, patroni }
    }

    fn launch(dir: &Path) -> Child {
        let output = fs::File::options().create(true).append(true).open(dir.join("log")).unwrap();
        let mut command = Command::new("patroni");
        if let Some((uid, gid)) = account() {
            command = Command::new("setpriv");
            command.arg(format!("--reuid={uid}")).arg(format!("--regid={gid}"));
            command.args(["--clear-groups", "patroni"]);
        }
        command.arg(dir.join("patroni.yml")).current_dir(dir).stdin(Stdio::null());
        command.stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap()
    }

    /// Patroni, PostgreSQL and everything of theirs.
    fn pids(&self) -> Vec<u32> {
        let lock = fs::read_to_string(self.dir.join("data/postmaster.pid")).unwrap_or_default();
        let postmaster: Option<u32> = lock.lines().next().and_then(|line| line.parse().ok());
        let mut roots = vec![self.patroni.id()];
        roots.extend(postmaster.filter(|pid| fs::exists(format!("/proc/{pid}")).unwrap()));
        descendants(&roots)
    }

    pub fn signal(&self, name: &str) {
        signal(name, &self.pids());
    }

    /// The machine comes back.
    pub fn start_again(&mut self) {
        self.patroni.wait().unwrap();
        self.patroni = Self::launch(&self.dir);
    }

    /// Freezes what sends the log to the replica, as a slow network does.
    pub fn delay_replication(&self) {
        let senders = self.pids().into_iter().filter(|pid| {
            let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            command.contains("walsender")
        });
        signal("STOP", &senders.collect::<Vec<_>>());
    }
}

impl Cluster {
    /// `None`: a program is not installed, and named.
    pub async fn start(replication: &str) -> Option<Self> {
        let etcd_program = installed("etcd")?;
        let haproxy = installed("haproxy")?;
        installed("patroni")?;
        let dir = Folder::new();
        let (client, peer) = (free_address(), free_address());
        let url = |address| format!("http://{address}");
        let etcd_dir = Folder::new();
        let cluster = format!("default={}", url(peer));
        let arguments = [
            ["--data-dir".to_owned(), etcd_dir.join("data").display().to_string()],
            ["--listen-client-urls".to_owned(), url(client)],
            ["--advertise-client-urls".to_owned(), url(client)],
            ["--listen-peer-urls".to_owned(), url(peer)],
            ["--initial-advertise-peer-urls".to_owned(), url(peer)],
            ["--initial-cluster".to_owned(), cluster],
        ];
        let etcd = Program::start(&etcd_program, &arguments.concat(), etcd_dir, client).await;
        let nodes = ["one", "two"].map(|name| Node::start(name, &dir, client, replication));
        let address = free_address();
        let proxy_dir = Folder::new();
        let mut text = format!(
            "global\n  maxconn 500\ndefaults\n  mode tcp\n  timeout connect 2s\n  timeout client 30m\n  \
             timeout server 30m\n  timeout check 2s\nlisten primary\n  bind {address}\n  option httpchk \
             OPTIONS /primary\n  http-check expect status 200\n  default-server inter 1s fall 2 rise 1 \
             on-marked-down shutdown-sessions\n"
        );
        for node in &nodes {
            let Node { name, sql, rest, .. } = node;
            writeln!(text, "  server {name} {sql} check port {}", rest.port()).unwrap();
        }
        let file = proxy_dir.join("haproxy.cfg");
        fs::write(&file, text).unwrap();
        let arguments = ["-db".as_ref(), "-f".as_ref(), file.as_os_str()];
        let haproxy = Program::start(&haproxy, &arguments, proxy_dir, address).await;
        let nodes = nodes.into();
        let cluster = Self { nodes, address, _haproxy: haproxy, _etcd: etcd, dir };
        cluster.until_complete().await;
        Some(cluster)
    }

    /// The present primary as this role.
    pub fn url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@{}/{database}", self.address)
    }

    /// A new database with the service's role; its `DATABASE_URL` for the owner and for the service.
    pub fn new_database(&self, role: &str) -> (String, String) {
        let sql = [format!("create role {role} login"), format!("create database {DATABASE}")];
        let url = self.url("postgres", "postgres");
        for sql in sql {
            let made = Command::new("psql").args(["-qc", &sql, &url]).status().unwrap();
            assert!(made.success());
        }
        (self.url("postgres", DATABASE), self.url(role, DATABASE))
    }

    /// What Patroni says of its members.
    async fn members(&self) -> Vec<Value> {
        for node in &self.nodes {
            let asked = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(3));
            let asked = asked.build().unwrap().get(format!("http://{}/cluster", node.rest)).send();
            if let Ok(answer) = asked.await
                && let Ok(told) = answer.json::<Value>().await
            {
                return told["members"].as_array().cloned().unwrap_or_default();
            }
        }
        Vec::new()
    }

    /// The index of the primary, when there is one and the other node follows it.
    async fn complete(&self) -> Option<usize> {
        let members = self.members().await;
        let leader = members.iter().find(|member| member["role"] == "leader")?;
        let follows = |member: &&Value| {
            ["running", "streaming"].contains(&member["state"].as_str().unwrap_or_default())
                && member["timeline"] == leader["timeline"]
        };
        let all = members.iter().filter(follows).count() == self.nodes.len();
        all.then(|| self.nodes.iter().position(|node| leader["name"] == node.name)).flatten()
    }

    /// Waits until both nodes are up to date; the index of the primary.
    pub async fn until_complete(&self) -> usize {
        let begun = Instant::now();
        loop {
            if let Some(primary) = self.complete().await {
                return primary;
            }
            assert!(begun.elapsed() < PATIENCE, "{:?}", self.members().await);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// As an operator does it.
    pub fn switch_over(&self, from: usize) {
        let file = self.nodes[from].dir.join("patroni.yml");
        let done = Command::new("patronictl")
            .arg("-c")
            .arg(file)
            .args(["switchover", "--force", "--master", self.nodes[from].name])
            .args(["--candidate", self.nodes[1 - from].name])
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            node.signal("CONT");
            node.signal("KILL");
            drop(node.patroni.wait());
        }
        if std::thread::panicking() {
            println!("logs are in {}", self.dir.display());
        }
    }
}
