//! Whether the database can be this service's at all, as this role sees it: a wrong one is refused at
//! start, before anything is migrated or charged.

use sqlx::PgPool;

/// Of each problem its number in [`MENDS`] and what was found. Plain ASCII: a database of another
/// encoding may not even read a statement in Korean.
const UNFIT: &str = "
    select nth, what from (values
        (0, current_setting('server_version_num')::int < 140000,
            'PostgreSQL ' || current_setting('server_version')),
        (1, current_setting('server_encoding') <> 'UTF8',
            'server_encoding = ' || current_setting('server_encoding')),
        (2, pg_is_in_recovery(), 'pg_is_in_recovery() = true'),
        (3, current_setting('transaction_read_only') = 'on' and not pg_is_in_recovery(),
            'default_transaction_read_only = on'),
        (4, current_setting('session_replication_role') = 'replica',
            'session_replication_role = replica'),
        (5, current_setting('standard_conforming_strings') = 'off',
            'standard_conforming_strings = off')
    ) as problems (nth, is_there, what)
    where is_there order by nth";

const MENDS: [&str; 6] = [
    "14 이상이 필요합니다 (14 or later is needed)",
    "UTF8 데이터베이스가 필요합니다 (make one with: create database … encoding 'UTF8' template template0)",
    "스탠바이입니다. 프라이머리에 연결해 주세요 (a standby: connect to the primary)",
    "쓸 수 있어야 합니다 (it has to take writes: alter role … or alter database … reset default_transaction_read_only)",
    "트리거와 제약 조건이 동작하지 않습니다 (triggers and constraints do not work: reset session_replication_role)",
    "on이어야 합니다 (it has to be on: reset standard_conforming_strings)",
];

/// Each problem with its mend; none when the database is fit.
pub async fn problems(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    let found: Vec<(i32, String)> = sqlx::query_as(UNFIT).fetch_all(pool).await?;
    let told = |(nth, what): (i32, String)| {
        let mend = usize::try_from(nth).ok().and_then(|nth| MENDS.get(nth)).copied();
        format!("{what}: {}", mend.unwrap_or_default())
    };
    Ok(found.into_iter().map(told).collect())
}
