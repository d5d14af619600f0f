//! The tokens `/pay/ready` gives out. Each serves one request, and decides which kind that is
//! (protocol section 2.2).

use std::collections::{HashMap, VecDeque};

use uuid::Uuid;

use crate::wire::Refusal;
use crate::{Contract, codes};

/// How many tokens are remembered; the oldest go first.
const MAX_TOKENS: usize = 10_000;

/// What a token was asked for.
#[derive(Clone, Debug)]
pub struct Purpose {
    /// Under which contract.
    pub contract: &'static Contract,
    /// PAYMETHOD.
    pub pay_method: String,
    /// Whether it is a cancellation (CANCELREQ=Y).
    pub cancel: bool,
}

/// The tokens given out so far.
#[derive(Debug, Default)]
pub struct Tokens {
    // The purpose goes when the token is used: what stays says that it has been.
    purposes: HashMap<String, Option<Purpose>>,
    oldest_first: VecDeque<String>,
}

impl Tokens {
    /// Gives out a token.
    pub fn issue(&mut self, purpose: Purpose) -> String {
        if self.oldest_first.len() >= MAX_TOKENS
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.purposes.remove(&oldest);
        }
        let token = Uuid::new_v4().simple().to_string();
        self.purposes.insert(token.clone(), Some(purpose));
        self.oldest_first.push_back(token.clone());
        token
    }

    /// What a token that was not used yet is for.
    pub fn purpose(&self, token: &str) -> Option<&Purpose> {
        self.purposes.get(token)?.as_ref()
    }

    /// Takes a token back: what it was for, once.
    pub fn redeem(&mut self, token: &str) -> Result<Purpose, Refusal> {
        let Some(purpose) = self.purposes.get_mut(token) else {
            return Err(Refusal::new(codes::WRONG_TOKEN, "유효하지 않은 토큰(TOKEN)입니다."));
        };
        purpose
            .take()
            .ok_or_else(|| Refusal::new(codes::USED_TOKEN, "이미 사용된 토큰(TOKEN)입니다."))
    }
}
