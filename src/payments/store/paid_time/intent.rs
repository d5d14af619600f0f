//! What an intent has written of its subscription: a failover of the database may lose it.

use kiwoom_paid_time::Subscription;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;

use super::Loaded;
use super::row::{Labels, Row};
use crate::rules::schedule::Rules;

/// The state that an intent is committed with, and the one before it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Intent {
    /// The row's revision before it.
    revision: i32,
    /// The paid time before it.
    before: Subscription,
    /// The paid time with it.
    paid: Subscription,
    /// The labels with it.
    labels: Labels,
    /// With a change at once: the labels before it.
    undo_labels: Option<Labels>,
}

impl Loaded {
    /// What the journal keeps of an intent that is about to be saved.
    pub fn intent(&self) -> Intent {
        Intent {
            revision: self.row.revision,
            before: (*self.stored).clone(),
            paid: self.paid.clone(),
            labels: self.row.labels(),
            undo_labels: self.row.undo_labels.as_ref().map(|labels| labels.0.clone()),
        }
    }

    /// Begins the charge of a lost intent again, for the days and the money that it was intended for,
    /// though the subscription may have been changed since. `None`, and nothing has changed, when its
    /// days are covered otherwise by now.
    pub fn begin_lost(&mut self, intent: &Intent, charge: u32, rules: &Rules) -> Option<u32> {
        let begun = if self.row.revision == intent.revision {
            self.paid.clone_from(&intent.paid);
            charge
        } else {
            self.paid.begin_lost(&intent.before, &intent.paid, charge)?
        };
        if let Some(before) = &intent.undo_labels
            && self.paid.undo.as_ref().is_some_and(|undo| undo.charge == begun)
        {
            label_again(&mut self.row, before, &intent.labels);
        }
        self.plan(rules);
        Some(begun)
    }
}

/// The labels that came with a change at once are those of the row again; what was called otherwise
/// since stays so.
fn label_again(row: &mut Row, before: &Labels, with: &Labels) {
    let now = row.labels();
    let either = |is_same: bool| if is_same { with } else { &now };
    row.put(&Labels {
        plan_id: either(now.plan_id == before.plan_id).plan_id.clone(),
        product_name: either(now.product_name == before.product_name).product_name.clone(),
        billing_key_id: either(now.billing_key_id == before.billing_key_id).billing_key_id,
        metadata: either(now.metadata == before.metadata).metadata.clone(),
        retry_days: either(now.retry_days == before.retry_days).retry_days.clone(),
    });
    row.undo_labels = Some(Json(now));
}
