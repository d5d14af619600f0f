//! What a command says in a folder without a database, and on a port that is taken. It makes nothing.

use std::net::TcpListener;

use crate::support::process::{Folder, run};

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_database_in_use_makes_none() {
    let dir = Folder::new();
    let data_dir = dir.join("elsewhere").display().to_string();
    let settings = [("DATA_DIR", data_dir.as_str())];
    let keys = ["keys", "new", "--name", "shop", "--scopes", "read"];
    let file = dir.join("customers.csv").display().to_string();
    std::fs::write(
        &file,
        "customerId,customerName,customerEmail,autokey,cardCompanyCode,cardNumber\nuser-1,Kim,,K1,CVSF,411111******1111\n",
    )
    .unwrap();
    let list = dir.join("list.csv").display().to_string();
    std::fs::write(&list, "거래번호,주문번호,금액,거래일시\n").unwrap();
    let commands: [&[&str]; 11] = [
        &keys,
        &["keys", "list"],
        &["keys", "revoke", "kbk_000000000000"],
        &["keys", "rotate"],
        &["migrate"],
        &["check"],
        &["reconcile", &list],
        &["import", &file],
        &["resume-charging"],
        &["pause-charging", "--reason", "restore"],
        &["adopt", "--cpid", "CPID1234", "--reason", "moved"],
    ];
    for command in commands {
        let told = run(command, &settings).unwrap_err();
        let expected = format!("no database in {data_dir}: run this in the folder");
        assert!(told.contains(&expected), "{command:?}: {told}");
    }
    assert!(!dir.join("elsewhere").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named_with_what_to_do() {
    let dir = Folder::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let url = crate::support::postgres::new_database().await;
    let data_dir = dir.display().to_string();
    let settings = [("DATA_DIR", &*data_dir), ("DATABASE_URL", &url), ("PORT", &port)];
    let told = run(&["serve"], &settings).unwrap_err();
    assert!(told.contains(&format!("another program listens on 127.0.0.1:{port}")), "{told}");
    assert!(told.contains("set another PORT"), "{told}");
}
