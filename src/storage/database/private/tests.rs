//! The life of the private server, with real processes.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::ConnectOptions as _;

use super::*;

const OWNER_DIR: &str = "KIWOOM_BILLING_TEST_OWNER_DIR";

/// A folder that is removed with everything in it when the test ends, passed or failed.
struct TempDir(PathBuf);

impl TempDir {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("kiwoom-billing-test-{}-{count}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        Self(dir.canonicalize().unwrap())
    }

    async fn start(&self) -> PrivateServer {
        let before = Instant::now();
        let server = PrivateServer::start(&self.0, None).await.expect("PostgreSQL is needed");
        println!("started in {:?}", before.elapsed());
        server
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn count(server: &PrivateServer, sql: &'static str) -> i64 {
    let mut connection = server.options(DATABASE).connect().await.unwrap();
    sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
}

async fn run(server: &PrivateServer, sql: &'static str) {
    let mut connection = server.options(DATABASE).connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
}

fn pid(server: &PrivateServer) -> u32 {
    postmaster::read_pid(&server.cluster.dir.join("postmaster.pid")).unwrap()
}

async fn assert_ends(dir: &Path, pid: u32) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while postmaster::is_server_of(dir, pid).await {
        assert!(Instant::now() < deadline, "the server still runs");
        sleep(FIRST_POLL).await;
    }
}

fn kill(signal: &str, pid: u32) {
    let status = Command::new("kill").args([signal, &pid.to_string()]).status().unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn data_outlives_a_restart() {
    let dir = TempDir::new();
    let server = dir.start().await;
    assert!(server.is_owner());
    run(&server, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1), (2)").await;
    let first = pid(&server);
    server.stop().await;
    assert!(!postmaster::is_server_of(&dir.0.join("postgres"), first).await);

    let server = dir.start().await;
    assert_eq!(count(&server, "SELECT count(*) FROM kept").await, 2);
    server.stop().await;
}

#[tokio::test]
async fn the_server_is_durable_and_listens_on_no_network() {
    let dir = TempDir::new();
    let server = dir.start().await;
    let sql = "SELECT count(*) FROM pg_settings WHERE (name, setting) IN (('fsync', 'on'),
        ('synchronous_commit', 'on'), ('full_page_writes', 'on'), ('listen_addresses', ''),
        ('server_encoding', 'UTF8'), ('TimeZone', 'UTC'))";
    assert_eq!(count(&server, sql).await, 6);
    let sql = "SELECT count(*) FROM pg_database WHERE datname = 'kiwoom_billing'
        AND datcollate = 'C' AND pg_get_userbyid(datdba) = 'kiwoom'";
    assert_eq!(count(&server, sql).await, 1);
    let mode = fs::metadata(&server.cluster.socket_dir).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    server.stop().await;
}

#[tokio::test]
async fn tests_get_a_fast_server_with_many_connections() {
    let dir = TempDir::new();
    let server = StartOptions::new(&dir.0).for_tests().start().await.unwrap();
    let sql = "SELECT count(*) FROM pg_settings WHERE (name, setting) IN (('fsync', 'off'),
        ('synchronous_commit', 'off'), ('full_page_writes', 'off'), ('max_connections', '400'))";
    assert_eq!(count(&server, sql).await, 4);
    server.stop().await;
}

#[tokio::test]
async fn a_pid_file_with_the_number_of_another_process_is_no_obstacle() {
    let dir = TempDir::new();
    dir.start().await.stop().await;
    let pid_file = dir.0.join("postgres/postmaster.pid");
    let cluster = Cluster::locate(&dir.0).await.unwrap();
    let text = format!("{}\n{}\n1\n5432\n\n\n", std::process::id(), cluster.dir.display());
    fs::write(&pid_file, text).unwrap();

    let before = Instant::now();
    let server = dir.start().await;
    assert!(before.elapsed() < Duration::from_secs(2), "{:?}", before.elapsed());
    server.stop().await;
}

#[tokio::test]
async fn a_second_service_joins_and_leaves_the_server_running() {
    let dir = TempDir::new();
    let owner = dir.start().await;
    let guest = dir.start().await;
    assert!(owner.is_owner() && !guest.is_owner());
    run(&guest, "CREATE TABLE of_guest (n int)").await;
    guest.stop().await;
    assert_eq!(count(&owner, "SELECT count(*) FROM of_guest").await, 0);
    owner.stop().await;
}

#[tokio::test]
async fn services_that_start_at_once_share_one_server() {
    let dir = TempDir::new();
    let servers = tokio::join!(dir.start(), dir.start(), dir.start());
    let servers = [servers.0, servers.1, servers.2];
    assert_eq!(servers.iter().filter(|server| server.is_owner()).count(), 1);
    for server in &servers {
        assert_eq!(count(server, "SELECT 1::bigint").await, 1);
    }
    for server in servers {
        server.stop().await;
    }
}

#[tokio::test]
async fn dropping_the_owner_ends_the_server_and_the_next_start_waits_for_that() {
    let dir = TempDir::new();
    let server = dir.start().await;
    let first = pid(&server);
    drop(server);
    let server = dir.start().await;
    assert!(server.is_owner());
    assert_ne!(pid(&server), first);
    server.stop().await;
}

/// Not a test of its own: the process that the next test starts, to be killed.
#[tokio::test]
async fn owner_in_another_process() {
    let Some(dir) = std::env::var_os(OWNER_DIR) else { return };
    let server = PrivateServer::start(Path::new(&dir), None).await.unwrap();
    println!("\nserver {}", pid(&server));
    sleep(Duration::from_mins(1)).await;
}

#[tokio::test]
async fn killing_the_owner_outright_leaves_no_server_behind() {
    let dir = TempDir::new();
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "storage::database::private::tests::owner_in_another_process",
            "--nocapture",
        ])
        .env(OWNER_DIR, &dir.0)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let postgres = lines
        .find_map(|line| line.unwrap().strip_prefix("server ")?.parse().ok())
        .expect("the other process starts a server");
    let guest = dir.start().await;
    assert!(!guest.is_owner());
    run(&guest, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)").await;

    owner.kill().unwrap();
    owner.wait().unwrap();
    let before = Instant::now();
    assert_ends(&guest.cluster.dir, postgres).await;
    println!("the server ended {:?} after its owner", before.elapsed());
    let server = dir.start().await;
    assert!(server.is_owner());
    assert!(before.elapsed() < Duration::from_secs(4), "{:?}", before.elapsed());
    assert_eq!(count(&server, "SELECT count(*) FROM kept").await, 1);
    server.stop().await;
}

#[tokio::test]
async fn killing_the_server_outright_ends_its_shell_and_the_next_start_recovers() {
    let dir = TempDir::new();
    let mut server = dir.start().await;
    run(&server, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)").await;
    kill("-KILL", pid(&server));
    let child = &mut server.owned.as_mut().unwrap().child;
    assert!(ends_within(child, Duration::from_secs(2)).await, "the shell hangs around");
    drop(server);
    let server = dir.start().await;
    assert_eq!(count(&server, "SELECT count(*) FROM kept").await, 1);
    server.stop().await;
}

#[tokio::test]
async fn a_folder_that_others_cannot_enter_is_no_obstacle_even_to_root() {
    let dir = TempDir::new();
    fs::set_permissions(&dir.0, fs::Permissions::from_mode(0o700)).unwrap();
    let server = dir.start().await;
    assert_eq!(count(&server, "SELECT 1::bigint").await, 1);
    let cluster = server.cluster.dir.clone();
    server.stop().await;
    if !cluster.starts_with(&dir.0) {
        fs::remove_dir_all(cluster).unwrap();
    }
}

#[tokio::test]
async fn a_long_path_is_no_obstacle() {
    let dir = TempDir::new();
    let long = dir.0.join("x".repeat(100));
    let server = PrivateServer::start(&long, None).await.unwrap();
    assert_eq!(count(&server, "SELECT 1::bigint").await, 1);
    let socket_dir = server.cluster.socket_dir.clone();
    server.stop().await;
    fs::remove_dir_all(socket_dir).unwrap();
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let dir = TempDir::new();
    dir.start().await.stop().await;
    fs::write(dir.0.join("postgres/postgresql.conf"), "no_such_setting = 1\n").unwrap();
    let error = PrivateServer::start(&dir.0, None).await.unwrap_err();
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}
