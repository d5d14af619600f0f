//! What narrows lists of payments and of subscriptions alike: amounts and metadata.

use sqlx::{Postgres, QueryBuilder};

use crate::rules::money::Won;

/// Amounts and metadata that rows must have.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Won, included.
    pub min_amount: Option<Won>,
    /// Won, included.
    pub max_amount: Option<Won>,
    /// Keys with the text that each has.
    pub metadata: Vec<(String, String)>,
}

impl Terms {
    /// Adds conditions on `amount`, a column or an expression of columns.
    pub fn push_amounts(&self, sql: &mut QueryBuilder<Postgres>, amount: &str) {
        if self.min_amount == self.max_amount
            && let Some(amount_itself) = self.min_amount
        {
            // As the index has it, whose order is then that of the list.
            sql.push(" and ").push(amount).push(" = ").push_bind(amount_itself);
            return;
        }
        for (sign, bound) in [(" >= ", self.min_amount), (" <= ", self.max_amount)] {
            if let Some(bound) = bound {
                sql.push(" and ").push(amount).push(sign).push_bind(bound);
            }
        }
    }

    /// Whether any amount is asked for.
    pub fn has_amounts(&self) -> bool {
        self.min_amount.is_some() || self.max_amount.is_some()
    }

    /// Whether any metadata is asked for.
    pub fn has_metadata(&self) -> bool {
        !self.metadata.is_empty()
    }

    /// Adds conditions on the column `metadata`: each value as text is the one asked for. The index has
    /// numbers of them, which others may have too.
    pub fn push_metadata(&self, sql: &mut QueryBuilder<Postgres>) {
        for (key, value) in &self.metadata {
            sql.push(" and metadata <> '{}' and metadata_pairs(metadata) @> array[metadata_pair(");
            sql.push_bind(key.clone()).push(", ").push_bind(value.clone());
            // In this form PostgreSQL does not expect it to leave out most of what was found.
            sql.push(")] and case when metadata ->> ").push_bind(key.clone());
            sql.push(" = ").push_bind(value.clone()).push(" then 1 end is not null");
        }
    }
}
