//! What happens to a running service from outside: commands of the operator, wrong settings, the clock,
//! and a database that goes away.

use serde_json::json;

use crate::process::Failure;
use crate::self_check::marks::Marks;
use crate::self_check::routes::{Known, Operation};
use crate::self_check::stage::Stage;
use crate::self_check::story::card;
use crate::self_check::variants;

const HEADER: &str =
    "customerId,customerName,customerEmail,autokey,cardCompanyCode,cardNumber,reference";

/// Commands about keys. Returns the secrets of those that were made.
pub async fn keys(stage: &mut Stage) -> Result<Vec<String>, Failure> {
    let mut made = Vec::new();
    for scopes in ["read", "admin"] {
        let arguments = ["keys", "new", "--name", "self-check", "--scopes", scopes];
        let (done, key) = stage.run(&arguments, &[]).await?;
        let key = key.trim().to_owned();
        let (true, Some(id)) = (done, key.get(..16).map(str::to_owned)) else {
            return Err("an API key could not be made".into());
        };
        // Services look for new keys within five seconds, and when they meet an unknown one.
        for base in stage.callers.clone() {
            let mut caller = base;
            caller.key.clone_from(&key);
            for path in ["/billing/register", "/billing/refund"] {
                let body = card("1", "2");
                let operation = reqwest::Method::POST;
                caller.good(operation, path, Some(&body)).await;
            }
        }
        // The whole key in place of its id.
        stage.run(&["keys", "revoke", &key], &[]).await?;
        stage.run(&["keys", "revoke", &id], &[]).await?;
        made.push(key[17..].to_owned());
    }
    stage.run(&["keys", "list"], &[]).await?;
    let (rotated, _) = stage.run(&["keys", "rotate"], &[]).await?;
    if rotated { Ok(made) } else { Err("keys rotate failed".into()) }
}

/// An import with bad lines, which is refused, and one without.
pub async fn imports(stage: &mut Stage, marks: &Marks) -> Result<(), Failure> {
    let good = format!("c-1,홍길동,,{},CVSF,411111******1111,1", marks.imported_autokey);
    let (card, refused) = (&marks.stray_card, &marks.refused_autokey);
    let bad = [
        format!("{card},홍길동,,{refused},CVSF,411111******1111,1"),
        format!("c-2,{card},,{refused},CVSF,411111******1111,1"),
        format!("c-2,홍길동,{card},{refused},CVSF,{card},{card}"),
        format!("c-2,홍길동,,{refused}|,{refused},{refused},1"),
        format!("c-2,홍길동,,{refused},CVSF,{card}"),
        format!("{refused},{refused},{refused},{card},{card},{refused},{card}"),
    ];
    let path = stage.dir.join("import.csv");
    let file = path.display().to_string();
    for (text, done) in [
        (format!("{HEADER}\n{good}\n{}\n", bad.join("\n")), false),
        (format!("{refused},{card}\n{good}\n"), false),
        (format!("{HEADER}\n\"{refused},{card}\n"), false),
        (format!("{HEADER}\n{good}\n"), true),
    ] {
        std::fs::write(&path, text)?;
        if stage.run(&["import", &file], &[]).await?.0 != done {
            return Err("an import went otherwise than it should".into());
        }
    }
    Ok(std::fs::remove_file(path)?)
}

/// Starts with wrong settings: each has to fail.
pub async fn settings(stage: &mut Stage, marks: &Marks) -> Result<usize, Failure> {
    let (card, secret) = (marks.stray_card.as_str(), marks.secret.as_str());
    let broken = format!("{secret}zz");
    let key = marks.wrong_key.as_str();
    let (local, away) = ("127.0.0.1:1", &marks.database_password);
    let url = format!("postgres://kiwoom:{away}@{local}/x");
    let wrong_url = format!("mysql://kiwoom:{away}@{local}/x");
    let port_url = format!("postgres://kiwoom:{away}@{local}{local}/x");
    let all: [&[(&str, &str)]; 8] = [
        &[("BILLING_KEY_SECRET", &broken), ("BILLING_KEY_SECRET_OLD", &broken), ("PORT", card)],
        &[("API_KEYS", &key[..20]), ("KIWOOM_TEST_AUTH_KEY", key), ("KIWOOM_CPID", card)],
        &[
            ("MERCHANT_WEBHOOK_SECRET", &marks.webhook_secret),
            ("MERCHANT_WEBHOOK_PREVIOUS_SECRET", &marks.previous_webhook_secret),
            ("MERCHANT_WEBHOOK_URL", card),
            ("MERCHANT_WEBHOOK_EVENTS", card),
        ],
        &[("DATABASE_URL", &url)],
        &[("DATABASE_URL", &wrong_url)],
        &[("DATABASE_URL", &port_url)],
        &[("BILLING_KEY_SECRET", &marks.old_secret), ("BILLING_KEY_SECRET_OLD", "")],
        &[("APP_ENV", "production"), ("KIWOOM_PROD_AUTH_KEY", key), ("HOST", card)],
    ];
    for settings in all {
        if stage.run(&["serve"], &[settings, &[("PORT", "0")][..]].concat()).await?.0 {
            return Err("a service started with wrong settings".into());
        }
    }
    for arguments in [
        &["keys", "new", "--name", card, "--scopes", "read"][..],
        &["resume-charging", "--reason", card],
    ] {
        stage.run(arguments, &[]).await?;
    }
    Ok(all.len())
}

/// A month passes: what is due is charged, and some of it declined.
pub async fn month(stage: &Stage, marks: &Marks) -> Result<(), Failure> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let sandbox_url = stage.sandbox_urls.last().ok_or("no sandbox")?;
    let post = async |path: &str, body: serde_json::Value| {
        let url = format!("{sandbox_url}{path}");
        client.post(url).json(&body).send().await?.error_for_status()
    };
    let message = format!("{} 한도 초과", marks.echoed_card);
    let fault = json!({"on": "CARD-BATCH", "kind": "decline", "code": "2003", "times": 5,
        "message": message});
    post("/faults", fault).await?;
    post("/clock", json!({"advanceDays": 31})).await?;
    let pool = stage.pools.last().ok_or("no database")?;
    let due = "select count(*) from payments where initiated_by = 'scheduler'";
    for _ in 0..200 {
        let charged: i64 = sqlx::query_scalar(due).fetch_one(pool).await?;
        if charged > 10 {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Err("what was due after a month was not charged".into())
}

/// The database goes away in the middle of marked requests, and comes back.
pub async fn outage(
    stage: &mut Stage,
    operations: &[Operation],
    known: &Known,
    marks: &Marks,
) -> Result<(), Failure> {
    let callers = stage.callers.clone();
    let asking = async {
        let all = callers.iter().flat_map(|caller| {
            let asks = operations.iter().flat_map(|operation| {
                let marked = variants::of(operation, known, marks).into_iter().step_by(40);
                marked.chain([operation.good(known, 0)])
            });
            asks.map(|ask| caller.ask(ask)).collect::<Vec<_>>()
        });
        futures::future::join_all(all).await;
    };
    let falling = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        stage.crash_database().await;
    };
    tokio::join!(asking, falling);
    stage.revive_database().await
}
