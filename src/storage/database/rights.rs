//! Whether the service's role has the rights that `grants.sql` lists. One that lacks the right to
//! write an outcome would take money and lose it: nothing is sent by it.

use std::sync::{Mutex, PoisonError};

use sqlx::PgPool;

use crate::storage::database::grants::GRANTS;

/// One right: `update` on `payments`, of the column `state` when there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Right {
    privilege: String,
    object: String,
    column: Option<String>,
}

/// The rights that the role lacked when this process looked last.
#[derive(Debug, Default)]
pub struct Rights {
    lacking: Mutex<Vec<String>>,
}

impl Rights {
    /// Looks again. Raises the alert when a right has gone.
    pub async fn check(&self, pool: &PgPool) -> sqlx::Result<()> {
        let found = lacking(pool).await?;
        let mut lacking = self.lacking.lock().unwrap_or_else(PoisonError::into_inner);
        if lacking.is_empty() && !found.is_empty() {
            tracing::error!(
                alert = true,
                rights = found.join(", "),
                "nothing is sent to KiwoomPay: the service's role has lost rights, and an outcome \
                 could not be recorded; run as the owner: kiwoom-billing migrate --grant-to <role>"
            );
        }
        *lacking = found;
        Ok(())
    }

    /// What could not be recorded must not be sent: an error while a right is lacking, which tells
    /// callers the same as a database that is away.
    pub fn may_record(&self) -> sqlx::Result<()> {
        let lacking = self.lacking.lock().unwrap_or_else(PoisonError::into_inner);
        if lacking.is_empty() {
            return Ok(());
        }
        let text = format!("the service's role lacks rights: {}", lacking.join(", "));
        Err(sqlx::Error::Protocol(text))
    }
}

/// What this role lacks of the rights in `grants.sql`: `update (state) on payments`. A column or
/// table that is not there is lacking too.
pub async fn lacking(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    let needed = needed();
    let privileges: Vec<&str> = needed.iter().map(|right| &*right.privilege).collect();
    let objects: Vec<&str> = needed.iter().map(|right| &*right.object).collect();
    let columns: Vec<Option<&str>> = needed.iter().map(|right| right.column.as_deref()).collect();
    let query = sqlx::query_scalar(
        "select privilege || coalesce(' (' || needed.column || ')', '') || ' on ' || object
         from unnest($1::text[], $2::text[], $3::text[]) as needed (privilege, object, \"column\")
            left join pg_class on pg_class.oid = to_regclass(quote_ident(object))
         where not coalesce(case
            when privilege = 'execute'
                then has_function_privilege(to_regproc(quote_ident(object)), privilege)
            when relkind = 'S' then has_sequence_privilege(pg_class.oid, privilege)
            when needed.column is null then has_table_privilege(pg_class.oid, privilege)
            else (select has_column_privilege(attrelid, attnum, privilege) from pg_attribute
                where attrelid = pg_class.oid and attname = needed.column and not attisdropped)
            end, false)
         order by 1",
    );
    query.bind(privileges).bind(objects).bind(columns).fetch_all(pool).await
}

/// What `grants.sql` grants on tables, sequences and functions.
fn needed() -> Vec<Right> {
    let lines = GRANTS.lines().filter(|line| !line.starts_with("--"));
    let text = lines.collect::<Vec<_>>().join(" ");
    text.split(';').filter_map(grant).flatten().collect()
}

/// `grant select, update (state, sender) on payments to :"role"`.
fn grant(statement: &str) -> Option<Vec<Right>> {
    let (privileges, rest) = statement.trim().strip_prefix("grant ")?.split_once(" on ")?;
    let objects = rest.split_once(" to ")?.0;
    if objects.starts_with("schema ") || objects.starts_with("database ") {
        return None;
    }
    let kinds = ["sequence ", "function "];
    let objects = kinds.iter().find_map(|kind| objects.strip_prefix(kind)).unwrap_or(objects);
    let mut rights = Vec::new();
    for object in objects.split(',').map(str::trim) {
        let right = |privilege: &str, column: Option<&str>| Right {
            privilege: privilege.trim().to_owned(),
            object: object.to_owned(),
            column: column.map(|column| column.trim().to_owned()),
        };
        // Each part ends at a closing bracket, or has none.
        for part in privileges.split_inclusive(')') {
            let (plain, columns) = part
                .strip_suffix(')')
                .and_then(|p| p.split_once('('))
                .map_or((part, None), |(plain, columns)| (plain, Some(columns)));
            let plain: Vec<_> = plain.split(',').map(str::trim).filter(|p| !p.is_empty()).collect();
            match (columns, plain.split_last()) {
                (Some(columns), Some((of_columns, whole))) => {
                    rights.extend(whole.iter().map(|privilege| right(privilege, None)));
                    rights.extend(columns.split(',').map(|c| right(of_columns, Some(c))));
                }
                _ => rights.extend(plain.iter().map(|privilege| right(privilege, None))),
            }
        }
    }
    Some(rights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_grant_is_read() {
        let read =
            grant("grant select, insert (id, type),  update (state,\n  sender) on payments to r");
        let read: Vec<_> = read
            .unwrap()
            .into_iter()
            .map(|r| format!("{} {} {}", r.privilege, r.object, r.column.unwrap_or_default()))
            .collect();
        let expected = [
            "select payments ",
            "insert payments id",
            "insert payments type",
            "update payments state",
            "update payments sender",
        ];
        assert_eq!(read, expected);
        let sequences = grant("grant usage on sequence a, b to r").unwrap();
        assert_eq!(sequences.len(), 2);
        assert_eq!(grant("grant usage on schema x to r"), None);
        assert!(needed().len() > 100);
        assert!(needed().iter().all(|r| r.privilege.bytes().all(|b| b.is_ascii_lowercase())));
    }
}
