//! Whether the database keeps what it has committed. An intent that a power cut takes back is a
//! charge that is sent twice.

use sqlx::PgPool;

/// What makes a commit outlive a crash, as this role sees it in this database.
const WEAK: &str = "select name || ' = off (' || source || ')' from pg_settings
     where name in ('fsync', 'full_page_writes', 'synchronous_commit') and setting = 'off'
     order by name";

/// Those of the settings that are off, with where that comes from: `fsync = off (command line)`.
pub async fn weaknesses(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(WEAK).fetch_all(pool).await
}

/// The weaknesses, one a line, and what to do.
pub fn advice(weaknesses: &[String]) -> String {
    let lines = weaknesses.join("\n  - ");
    format!(
        "데이터베이스가 커밋한 데이터를 잃을 수 있습니다. 다음을 on으로 설정해 주세요 (the database may lose \
         what it has committed; turn these on):\n  - {lines}\n  postgresql.conf, 명령줄(command line), \
         ALTER ROLE … RESET synchronous_commit, ALTER DATABASE … RESET synchronous_commit"
    )
}
