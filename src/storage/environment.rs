//! The environment that the books belong to. A service with other settings on them would charge real
//! customers at a sandbox, which approves or declines what it likes, or the other way round.

use std::fmt;

use sqlx::{PgExecutor, PgPool};

use crate::config::{Config, Gateway};

/// An environment, as the settings or the books name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `sandbox`, `development` (KiwoomPay's test host) or `production`.
    pub environment: &'static str,
    /// Host of the gateway; `sandbox` for a sandbox, whatever its port.
    pub gateway_host: String,
    /// The merchant ids that take payments.
    pub cpids: Vec<String>,
}

impl Settings {
    /// Those of a service with this configuration.
    pub fn of(config: &Config) -> Self {
        let gateway = &config.kiwoom.gateway;
        let (environment, gateway_host) = match gateway {
            Gateway::Remote { base_url, .. } if !gateway.is_sandbox() => {
                let environment = if config.is_production() { "production" } else { "development" };
                (environment, base_url.host_str().unwrap_or_default())
            }
            _ => ("sandbox", "sandbox"),
        };
        let cpids = config.kiwoom.contracts.charging();
        Self { environment, gateway_host: gateway_host.to_owned(), cpids }
    }
}

/// What the books say.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Books {
    /// As in [`Settings`].
    pub name: String,
    /// As in [`Settings`].
    pub gateway_host: String,
    /// The merchant ids that may charge from them.
    pub cpids: Vec<String>,
    /// The merchant id of payments and cards whose rows name none.
    pub unnamed_cpid: String,
}

/// Why a service may not use the books.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// They belong to another environment.
    #[error(
        "이 데이터베이스의 결제 기록은 {books}의 것이지만 현재 설정은 {settings}입니다. 설정(APP_ENV, \
         KIWOOM_CPID, KIWOOM_BASE_URL, DATABASE_URL)을 수정해 주세요. 바뀐 설정이 맞다면 그 설정과 테이블 \
         소유자의 DATABASE_URL로 다음을 실행해 주세요 (the books in this database belong to {books}, and \
         the settings are {settings}: correct the settings; if they are meant to be new, run this \
         with them and with the DATABASE_URL of the tables' owner): {commands}",
        commands = books.adoption_of(settings)
    )]
    Other {
        /// Whose they are.
        books: Box<Books>,
        /// Who wanted them.
        settings: Box<Settings>,
    },
    /// The merchant id that is to be adopted is not one of the settings.
    #[error(
        "현재 설정의 CPID는 {0}입니다. 서비스와 같은 설정으로 실행해 주세요 (the settings have the CPID \
         {0}: run this with the settings of the service)"
    )]
    NotInSettings(String),
    /// The merchant id that is to be retired is not in the books, or is their only one.
    #[error(
        "CPID {0}을(를) 제외할 수 없습니다. 이 결제 기록의 CPID가 아니거나 하나뿐인 CPID입니다 (CPID {0} \
         cannot be retired: these books do not have it, or have no other)"
    )]
    NotRetired(String),
    /// The database.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Refuses books of another environment. The first start, also the first after an upgrade, says whose
/// they are. Gives what they say.
pub async fn check(pool: &PgPool, settings: &Settings) -> Result<Books, EnvironmentError> {
    let query = sqlx::query(
        "insert into environment (name, gateway_host, cpids, unnamed_cpid) values ($1, $2, $3::text[], ($3::text[])[1])
         on conflict do nothing",
    );
    let query = query.bind(settings.environment).bind(&settings.gateway_host).bind(&settings.cpids);
    query.execute(pool).await?;
    may_use(pool, settings).await?.ok_or(sqlx::Error::RowNotFound.into())
}

/// Refuses books of another environment, and writes nothing. Gives what they say; `None` before the
/// first start.
pub async fn may_use(
    pool: &PgPool,
    settings: &Settings,
) -> Result<Option<Books>, EnvironmentError> {
    let Some(books) = books(pool).await? else { return Ok(None) };
    if books.is_place_of(settings) && books.lacking(settings).next().is_none() {
        return Ok(Some(books));
    }
    Err(EnvironmentError::Other { books: Box::new(books), settings: Box::new(settings.clone()) })
}

impl Books {
    fn is_place_of(&self, settings: &Settings) -> bool {
        self.name == settings.environment && self.gateway_host == settings.gateway_host
    }

    /// The merchant ids of the settings that may not charge from the books.
    fn lacking<'a>(&self, settings: &'a Settings) -> impl Iterator<Item = &'a String> {
        settings.cpids.iter().filter(|cpid| !self.cpids.contains(cpid))
    }

    /// The commands that make the books those of the settings.
    fn adoption_of(&self, settings: &Settings) -> String {
        let all = self.is_place_of(settings).then(|| self.lacking(settings).collect());
        let cpids: Vec<_> = all.unwrap_or_else(|| settings.cpids.iter().collect());
        let commands =
            cpids.iter().map(|cpid| format!("kiwoom-billing adopt --cpid {cpid} --reason \"…\""));
        commands.collect::<Vec<_>>().join("; ")
    }
}

/// Whose the books are; `None` before the first start.
pub async fn books(db: impl PgExecutor<'_>) -> sqlx::Result<Option<Books>> {
    let query = "select name, gateway_host, cpids, coalesce(unnamed_cpid, cpids[1]) as unnamed_cpid
        from environment";
    sqlx::query_as(query).fetch_optional(db).await
}

/// The owner's word that the books belong to `settings`: another merchant id of the same environment,
/// or another environment, whose only merchant id it then is.
pub async fn adopt(
    pool: &PgPool,
    settings: &Settings,
    cpid: &str,
    reason: &str,
) -> Result<Books, EnvironmentError> {
    if !settings.cpids.iter().any(|own| own == cpid) {
        return Err(EnvironmentError::NotInSettings(settings.cpids.join(", ")));
    }
    let query = sqlx::query_as(
        "insert into environment as books (name, gateway_host, cpids, unnamed_cpid, reason)
         values ($1, $2, array[$3], $3, $4)
         on conflict (only_row) do update
         set name = $1, gateway_host = $2, adopted_at = now(), reason = $4,
             cpids = case when books.name <> $1 then array[$3]
                when $3 = any(books.cpids) then books.cpids else books.cpids || $3 end
         returning name, gateway_host, cpids, coalesce(unnamed_cpid, cpids[1]) as unnamed_cpid",
    );
    let query = query.bind(settings.environment).bind(&settings.gateway_host).bind(cpid);
    Ok(query.bind(reason).fetch_one(pool).await?)
}

/// The owner's word that `cpid` no longer charges from these books.
pub async fn retire(pool: &PgPool, cpid: &str, reason: &str) -> Result<Books, EnvironmentError> {
    let query = sqlx::query_as(
        "update environment
         set cpids = array_remove(cpids, $1), adopted_at = now(), reason = $2
         where $1 = any(cpids) and cardinality(cpids) > 1
         returning name, gateway_host, cpids, coalesce(unnamed_cpid, cpids[1]) as unnamed_cpid",
    );
    let retired = query.bind(cpid).bind(reason).fetch_optional(pool).await?;
    retired.ok_or_else(|| EnvironmentError::NotRetired(cpid.to_owned()))
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, CPID {})", self.environment, self.gateway_host, self.cpids.join(", "))
    }
}

impl fmt::Display for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, CPID {})", self.name, self.gateway_host, self.cpids.join(", "))
    }
}
