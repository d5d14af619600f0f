//! What narrows lists of payments and of subscriptions alike: amounts and metadata.

use sqlx::{Postgres, QueryBuilder};

use crate::http::description::{self, described};
use crate::http::error::Text;
use crate::http::extract::{Fields, InQuery};
use crate::rules::money::Won;

const MAX_PAIRS: usize = 5;

/// Amounts and metadata that rows must have.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    min_amount: Option<Won>,
    max_amount: Option<Won>,
    metadata: Vec<(String, String)>,
}

described!(Terms, description::pairs(MAX_PAIRS));

impl Terms {
    /// Reads `minAmount` and `maxAmount` (won, both included) and `metadata[key]=value`, at most
    /// five pairs, from a query. What is wrong is noted in `f`.
    pub fn from_fields(f: &mut Fields) -> Self {
        let min_amount = f.optional::<InQuery<Won>>("minAmount").map(|won| won.0);
        let max_amount = f.optional::<InQuery<Won>>("maxAmount").map(|won| won.0);
        let pairs = f.entries("metadata");
        if pairs.len() > MAX_PAIRS {
            let ko = format!("{MAX_PAIRS}개를 넘을 수 없습니다.");
            f.refuse("metadata", Text::new(ko, format!("May not exceed {MAX_PAIRS} pairs.")));
        }
        Self { min_amount, max_amount, metadata: pairs }
    }

    /// Adds conditions on the column `amount`.
    pub fn push_amounts(&self, sql: &mut QueryBuilder<Postgres>) {
        if let Some(min) = self.min_amount {
            sql.push(" and amount >= ").push_bind(min);
        }
        if let Some(max) = self.max_amount {
            sql.push(" and amount <= ").push_bind(max);
        }
    }

    /// Whether any metadata is asked for.
    pub fn has_metadata(&self) -> bool {
        !self.metadata.is_empty()
    }

    /// Adds conditions on the column `metadata`: each value as text is the one asked for.
    pub fn push_metadata(&self, sql: &mut QueryBuilder<Postgres>) {
        for (key, value) in &self.metadata {
            sql.push(" and metadata ->> ").push_bind(key.clone());
            sql.push(" = ").push_bind(value.clone());
        }
    }
}
