//! What KiwoomPay refuses because of the merchant's set-up: one alarm for each kind of call under each
//! contract, until such a call is answered otherwise.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::kiwoom::error::GatewayError;
use crate::rules::contract::Contract;

/// A kind of call under one contract.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    cpid: String,
    kind: String,
}

impl Call {
    /// Calls of this kind under this contract.
    pub(super) fn new(contract: &Contract, kind: impl Into<String>) -> Self {
        Self { cpid: contract.cpid.clone(), kind: kind.into() }
    }
}

/// Why calls of a kind are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What has to be mended.
    pub setting: &'static str,
    /// RESULTCODE.
    pub code: String,
}

/// The problems that this process has met.
#[derive(Debug, Default)]
pub struct SetUp(Mutex<BTreeMap<Call, Problem>>);

impl SetUp {
    /// All of them.
    pub fn problems(&self) -> Vec<Problem> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// A call was refused. Raises the alarm when it is for the set-up and that is news.
    pub(super) fn refused(&self, call: &Call, error: &GatewayError) {
        let (GatewayError::ReadyRefused { code, setting: Some(setting), .. }
        | GatewayError::Refused { code, setting: Some(setting), .. }) = error
        else {
            return;
        };
        let problem = Problem { setting, code: code.clone() };
        let mut problems = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if problems.insert(call.clone(), problem.clone()).as_ref() == Some(&problem) {
            return;
        }
        tracing::error!(
            alert = true,
            cpid = call.cpid,
            call = call.kind,
            code,
            setting,
            "KiwoomPay refuses these calls because of the merchant's set-up: what waits goes on \
             when it is mended"
        );
    }

    /// Step 2 of a call was answered.
    pub(super) fn answered<T>(&self, call: &Call, answer: &Result<T, GatewayError>) {
        match answer {
            Ok(_) | Err(GatewayError::Refused { setting: None, .. }) => {
                let mut problems = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                if problems.remove(call).is_some() {
                    tracing::warn!(
                        cpid = call.cpid,
                        call = call.kind,
                        "KiwoomPay takes these calls again"
                    );
                }
            }
            Err(error) => self.refused(call, error),
        }
    }
}
