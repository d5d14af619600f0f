//! A database that cannot be reached: where it was looked for, why it was not there, and what to do.

use std::net::SocketAddr;

use kiwoom_billing::storage::database::private::{DATABASE, PrivateServer};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use crate::support::process::{Folder, free_port, run};

/// Takes connections at an address of this machine, and hands each to `serve`.
async fn listening<F>(at: &str, serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(at).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// A PostgreSQL by TCP: the private one listens on its socket only.
async fn by_tcp(at: &str, server: &PrivateServer) -> SocketAddr {
    let socket = server.socket();
    listening(at, move |mut client| {
        let socket = socket.clone();
        async move {
            let mut server = UnixStream::connect(socket).await.unwrap();
            drop(copy_bidirectional(&mut client, &mut server).await);
        }
    })
    .await
}

/// A start that is refused: what it said.
fn refused(url: &str) -> String {
    run(&["serve"], &[("DATABASE_URL", url), ("PORT", "0")]).unwrap_err()
}

#[track_caller]
fn says(url: &str, parts: &[&str]) {
    let told = refused(url);
    assert!(told.contains("데이터베이스에 연결할 수 없습니다"), "{told}");
    for part in parts {
        assert!(told.contains(part), "{url}: {part}: {told}");
    }
    assert!(!told.contains("hidden"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_the_place_is_named_with_what_is_in_the_way() {
    let port = free_port();
    let nothing = format!("127.0.0.1:{port}, database books, role shop: Connection refused");
    says(&format!("postgres://shop:hidden@127.0.0.1:{port}/books"), &[&nothing, "nothing listens"]);
    let unknown = ["no-such-host.invalid:5432, database shop, role shop", "look at the name"];
    says("postgres://shop:hidden@no-such-host.invalid", &unknown);
    let socket = ["/nowhere/.s.PGSQL.5432", "No such file", "the folder in host="];
    says("postgres://shop@localhost/books?host=/nowhere", &socket);

    // What was sent to a socket that closes unread comes back as a reset.
    let http = listening("127.0.0.1:0", |mut stream| async move {
        drop(stream.read(&mut [0; 1024]).await);
        drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
    });
    says(&format!("postgres://shop:hidden@{}/books", http.await), &["look at the port"]);
    let hangs_up = listening("127.0.0.1:0", |mut stream| async move {
        drop(stream.read(&mut [0; 1024]).await);
    })
    .await;
    says(&format!("postgres://shop:hidden@{hangs_up}/books"), &["look at the port"]);
    let plain = format!("postgres://shop:hidden@{hangs_up}/books?sslmode=disable");
    says(&plain, &["the server hung up"]);
    let silent = listening("127.0.0.1:0", |stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    });
    says(&format!("postgres://shop:hidden@{}/books", silent.await), &["no answer in time"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_is_said_with_its_mend() {
    let dir = Folder::new();
    let server = PrivateServer::start(&dir, None).await.unwrap();
    let mut owner = PgConnection::connect_with(&server.options(DATABASE)).await.unwrap();
    let hba = server.dir().join("pg_hba.conf");
    let rules = std::fs::read_to_string(&hba).unwrap();
    let rules = format!("local all with_password scram-sha-256\nlocal all outside reject\n{rules}");
    std::fs::write(&hba, rules).unwrap();
    for sql in [
        "create role with_password login password 'right'",
        "create role outside login",
        "create role many login connection limit 0",
        "create role shop login",
        "create database closed",
        "revoke connect on database closed from public",
        "select pg_reload_conf()",
    ] {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut owner).await.unwrap();
    }
    let address = by_tcp("127.0.0.1:0", &server).await;
    for (role, rest, parts) in [
        ("with_password:hidden", DATABASE, ["SQLSTATE 28P01", "password is wrong"]),
        ("outside", DATABASE, ["SQLSTATE 28000", "pg_hba.conf has to let it in"]),
        ("nobody", DATABASE, ["role \"nobody\" does not exist", "is there this role"]),
        ("shop", "missing", ["database missing, role shop", "make the database first"]),
        ("shop", "closed", ["SQLSTATE 42501", "needs the right CONNECT"]),
        ("many", DATABASE, ["SQLSTATE 53300", "lower DATABASE_MAX_CONNECTIONS"]),
        ("shop", "closed?sslmode=require", ["does not support TLS", "sslrootcert"]),
    ] {
        says(&format!("postgres://{role}@{address}/{rest}"), &parts);
    }
    owner.close().await.unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ipv6_address_in_brackets_is_reached() {
    if TcpListener::bind("[::1]:0").await.is_err() {
        return println!("skipped: no IPv6 on this machine");
    }
    let dir = Folder::new();
    let server = PrivateServer::start(&dir, None).await.unwrap();
    let address = by_tcp("[::1]:0", &server).await;
    let url = format!("postgres://kiwoom@[::1]:{}/{DATABASE}", address.port());
    run(&["migrate"], &[("DATABASE_URL", &url)]).unwrap();
    let nothing = free_port();
    says(
        &format!("postgres://kiwoom@[::1]:{nothing}/x"),
        &[&format!("[::1]:{nothing}, database x")],
    );
    server.stop().await;
}
