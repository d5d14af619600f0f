//! What KiwoomPay refuses because of the merchant's set-up: one alarm for each kind of call, until a
//! call of that kind is answered otherwise.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::kiwoom::error::GatewayError;

/// Why calls of a kind are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What has to be mended.
    pub setting: &'static str,
    /// RESULTCODE.
    pub code: String,
}

/// The problems that this process has met, by the kind of call.
#[derive(Debug, Default)]
pub struct SetUp(Mutex<BTreeMap<String, Problem>>);

impl SetUp {
    /// All of them.
    pub fn problems(&self) -> Vec<Problem> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// A call was refused. Raises the alarm when it is for the set-up and that is news.
    pub(super) fn refused(&self, call: &str, error: &GatewayError) {
        let (GatewayError::ReadyRefused { code, setting: Some(setting), .. }
        | GatewayError::Refused { code, setting: Some(setting), .. }) = error
        else {
            return;
        };
        let problem = Problem { setting, code: code.clone() };
        let mut problems = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if problems.insert(call.to_owned(), problem.clone()).as_ref() == Some(&problem) {
            return;
        }
        tracing::error!(
            alert = true,
            call,
            code,
            setting,
            "KiwoomPay refuses these calls because of the merchant's set-up: what waits goes on \
             when it is mended"
        );
    }

    /// Step 2 of a call was answered.
    pub(super) fn answered<T>(&self, call: &str, answer: &Result<T, GatewayError>) {
        match answer {
            Ok(_) | Err(GatewayError::Refused { setting: None, .. }) => {
                let mut problems = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                if problems.remove(call).is_some() {
                    tracing::warn!(call, "KiwoomPay takes these calls again");
                }
            }
            Err(error) => self.refused(call, error),
        }
    }
}
