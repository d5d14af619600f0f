//! Whether the database can be this service's at all, as this role sees it: a wrong one is refused at
//! start, before anything is migrated or charged.

use sqlx::PgPool;

/// What keeps the service from running there, and the mend, in both languages.
const UNFIT: &str = "
    select what || ': ' || mend from (values
        (1, current_setting('server_version_num')::int < 140000,
            'PostgreSQL ' || current_setting('server_version'),
            '14 이상이 필요합니다 (14 or later is needed)'),
        (2, current_setting('server_encoding') <> 'UTF8',
            'server_encoding = ' || current_setting('server_encoding'),
            'UTF8로 만든 데이터베이스가 필요합니다 (make one with: create database … encoding ''UTF8'' template template0)'),
        (3, pg_is_in_recovery(), 'pg_is_in_recovery() = true',
            '대기 서버입니다. 주 서버에 연결해 주세요 (a standby: connect to the primary)'),
        (4, current_setting('transaction_read_only') = 'on' and not pg_is_in_recovery(),
            'default_transaction_read_only = on',
            '쓸 수 있어야 합니다 (it has to take writes: alter role … or alter database … reset default_transaction_read_only)'),
        (5, current_setting('session_replication_role') = 'replica',
            'session_replication_role = replica',
            '트리거와 제약 조건이 동작하지 않습니다 (triggers and constraints do not work: reset session_replication_role)'),
        (6, current_setting('standard_conforming_strings') = 'off',
            'standard_conforming_strings = off',
            'on이어야 합니다 (it has to be on: reset standard_conforming_strings)')
    ) as problems (nth, is_there, what, mend)
    where is_there order by nth";

/// Each problem with its mend; none when the database is fit.
pub async fn problems(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(UNFIT).fetch_all(pool).await
}
