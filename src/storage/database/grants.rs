//! The rights of the role that the service runs as. `grants.sql` lists them.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

pub(super) const GRANTS: &str = include_str!("grants.sql");

/// Why a role was not given its rights. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// There is no such role.
    #[error(
        "{0} 역할이 없습니다. 먼저 만들어 주세요 (there is no role {0}: make it first, with \
         create role … login password …)"
    )]
    NoSuchRole(String),
    /// It may do everything anyway.
    #[error(
        "{0} 역할은 슈퍼유저이거나 테이블의 소유자라서 제한되지 않습니다 (role {0} is a superuser or \
         owns the tables, which no grant restricts: take another one)"
    )]
    Unlimited(String),
    /// The database refused, as it does when the tables are not this role's own.
    #[error("the rights could not be granted: {0}")]
    Query(#[from] sqlx::Error),
}

/// Gives `role` what the service needs in a database whose schema is up to date, and takes all else
/// away. To be run as the owner of the tables.
pub async fn grant(db: &mut PgConnection, role: &str) -> Result<(), GrantError> {
    let mut tx = db.begin().await?;
    let is_unlimited: Option<bool> = sqlx::query_scalar(
        "select rolsuper or pg_has_role(pg_roles.oid, relowner, 'member')
         from pg_roles, pg_class where rolname = $1 and pg_class.oid = 'payments'::regclass",
    )
    .bind(role)
    .fetch_optional(&mut *tx)
    .await?;
    match is_unlimited {
        None => return Err(GrantError::NoSuchRole(role.to_owned())),
        Some(true) => return Err(GrantError::Unlimited(role.to_owned())),
        Some(false) => {}
    }
    let quoted = sqlx::query_as(
        "select quote_ident($1), quote_ident(current_schema()), quote_ident(current_database())",
    );
    let (role, schema, database): (String, String, String) =
        quoted.bind(role).fetch_one(&mut *tx).await?;
    let sql = GRANTS.replace(r#":"schema""#, &schema).replace(r#":"database""#, &database);
    let sql = sql.replace(r#":"role""#, &role);
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}
