//! The image and `compose.yaml` give the containers no more than they need, and the roles that it
//! sets up are enough.

use std::process::Command;

use kiwoom_billing::storage::database::private::PrivateServer;
use sqlx::{Connection, PgConnection};

use crate::support::app::{card, one_off};
use crate::support::process::{Folder, Process, migrate, run};

const COMPOSE: &str = include_str!("../../../compose.yaml");
const DOCKERFILE: &str = include_str!("../../../Dockerfile");

/// The lines under `name:` at an indentation, without comments, each trimmed.
fn block<'c>(text: &'c str, indent: usize, name: &str) -> Vec<&'c str> {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let head = format!("{}{name}:", " ".repeat(indent));
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let lines = lines.filter(|line| !line.trim_start().starts_with('#'));
    let after = lines.skip_while(|line| !line.starts_with(&head)).skip(1);
    after.take_while(|line| depth(line) > indent).map(str::trim).collect()
}

#[test]
fn every_container_is_read_only_without_capabilities_and_without_root() {
    let hardened = block(COMPOSE, 0, "x-hardened");
    for line in [
        "read_only: true",
        "cap_drop: [ALL]",
        r#"security_opt: ["no-new-privileges:true"]"#,
        "core: 0",
        "max-size: 20m",
        r#"max-file: "10""#,
    ] {
        assert!(hardened.contains(&line), "{line}: {hardened:?}");
    }
    let services =
        COMPOSE.split("\nservices:\n").nth(1).unwrap().split("\nnetworks:").next().unwrap();
    let heads = services.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<&str> = heads.filter_map(|line| line.trim().strip_suffix(':')).collect();
    assert_eq!(names, ["kiwoom-billing", "migrate", "postgres"]);
    for name in names {
        let lines = block(services, 2, name);
        assert!(lines.contains(&"<<: *hardened"), "{name}: {lines:?}");
        let user = if name == "postgres" { "user: postgres" } else { r#"user: "65532:65532""# };
        assert!(lines.contains(&user), "{name}: {lines:?}");
        for limit in ["mem_limit: ", "pids_limit: "] {
            assert!(lines.iter().any(|line| line.starts_with(limit)), "{name}: {limit}");
        }
        for taken_back in ["cap_add", "privileged", "read_only: false", "network_mode", "pid:"] {
            assert!(!lines.iter().any(|line| line.starts_with(taken_back)), "{name}: {taken_back}");
        }
    }
}

#[test]
fn the_service_of_compose_waits_for_the_owner_to_migrate() {
    let service = block(COMPOSE, 2, "kiwoom-billing");
    assert!(service.contains(&"condition: service_completed_successfully"), "{service:?}");
    let url = |lines: &[&str]| {
        let line = lines.iter().find(|line| line.starts_with("DATABASE_URL: ")).unwrap();
        line.split("//").nth(1).unwrap().split(':').next().unwrap().to_owned()
    };
    let migrate = block(COMPOSE, 2, "migrate");
    assert_eq!((url(&service), url(&migrate)), ("kiwoom_service".into(), "kiwoom_owner".into()));
    assert!(migrate.contains(&"command: [migrate, --grant-to, kiwoom_service]"), "{migrate:?}");
}

#[test]
fn the_image_has_no_shell_and_no_root() {
    let lines: Vec<&str> = DOCKERFILE.lines().map(str::trim).collect();
    let last = lines.iter().rposition(|line| line.starts_with("FROM ")).unwrap();
    assert!(lines[last].starts_with("FROM gcr.io/distroless/"), "{}", lines[last]);
    assert!(lines[last].ends_with(":nonroot"), "{}", lines[last]);
    let image = &lines[last..];
    assert_eq!(image.iter().filter(|line| line.starts_with("USER ")).count(), 1);
    assert!(image.contains(&"USER 65532:65532"));
    assert!(image.contains(&r#"ENTRYPOINT ["/usr/local/bin/kiwoom-billing"]"#));
    assert!(!image.iter().any(|line| line.starts_with("RUN ") || line.starts_with("SHELL ")));
    assert!(DOCKERFILE.contains("cargo build --release --locked"));
}

/// The script that the postgres container runs, then the migrate container's command, then the
/// service.
#[tokio::test(flavor = "multi_thread")]
async fn the_roles_of_compose_are_enough() {
    let dir = Folder::new();
    let server = PrivateServer::start(&dir, None).await.unwrap();
    let socket = server.socket();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/compose-roles.sh");
    let mut command = Command::new(script);
    command.env("PGHOST", socket.parent().unwrap()).env("POSTGRES_USER", "kiwoom");
    command.env("OWNER_PASSWORD", "").env("SERVICE_PASSWORD", "two");
    let refused = command.output().unwrap();
    assert!(!refused.status.success(), "an empty password");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("OWNER_PASSWORD"), "{refused:?}");
    command.env("OWNER_PASSWORD", "it's one");
    // The private server has a database of this name.
    let mut db = PgConnection::connect_with(&server.options("postgres")).await.unwrap();
    sqlx::query("drop database kiwoom_billing").execute(&mut db).await.unwrap();
    assert!(command.status().unwrap().success());

    let url = |role: &str| server.url("kiwoom_billing").replacen("kiwoom@", &format!("{role}@"), 1);
    migrate(&url("kiwoom_owner"), &["--grant-to", "kiwoom_service"]).unwrap();
    let data_dir = dir.display().to_string();
    let database = url("kiwoom_service");
    let settings = [("DATABASE_URL", &*database), ("DATA_DIR", &data_dir)];
    let service = Process::service(&dir, "service", &settings).await;
    let body = card("4111111111111111");
    let key = service.post("/billing/register", &body).await.data(201);
    let paid = one_off(key["billingKey"].as_str().unwrap());
    service.post("/billing/pay", &paid).await.data(200);

    // As `docker compose run migrate keys new …`: with the owner's URL and no other setting.
    let owner = [("APP_ENV", "development"), ("DATABASE_URL", &*url("kiwoom_owner"))];
    let told = run(&["keys", "new", "--name", "shop", "--scopes", "read"], &owner).unwrap();
    let key = told.split_whitespace().find(|word| word.starts_with("kbk_")).unwrap();
    service.until(|| service.get("/billing/payments"), |reply| reply.status == 401).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = client.get(format!("{}/billing/payments", service.base)).bearer_auth(key);
    assert_eq!(asked.send().await.unwrap().status(), 200);
    assert!(service.terminate().success());
    server.stop().await;
}
