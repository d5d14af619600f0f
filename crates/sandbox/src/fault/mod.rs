//! Scripted faults: what the next answers do wrong, and the queue they wait in.

mod kind;

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::arguments::{number, object, text};
use crate::codes;
use crate::wire::Refusal;

pub use kind::{Kind, kinds, kinds_in_words};

/// How many faults may wait.
const MAX_FAULTS: usize = 1_000;
/// How often one fault may happen.
const MAX_TIMES: u64 = 1_000;
/// The longest delay, in milliseconds.
const MAX_DELAY_MS: u64 = 600_000;

/// A request of the wire protocol, as faults and counters name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `/pay/ready`.
    Ready,
    /// Step 2 of a registration.
    Keygen,
    /// Step 2 of a charge.
    Batch,
    /// Step 2 of a cancellation.
    Cancel,
    /// `/pay/hash`.
    Hash,
    /// Step 2 of nothing known.
    Other,
}

/// Which requests a fault waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Any,
    Only(Step),
}

/// One fault, waiting for its request: any of the step, or one whose ORDERNO begins so.
#[derive(Clone, Debug)]
pub struct Fault {
    on: Target,
    /// What goes wrong.
    pub kind: Kind,
    times: u64,
    code: String,
    message: String,
    order_no: String,
    auth_no: String,
    /// For the two delays, in milliseconds.
    pub delay_ms: u64,
    /// For the two status kinds.
    pub status: u16,
    url: String,
}

/// The faults waiting, first come first served.
#[derive(Debug, Default)]
pub struct Faults(VecDeque<Fault>);

impl Step {
    /// The step's name in faults and counters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "READY",
            Self::Keygen => "CARD-KEYGEN",
            Self::Batch => "CARD-BATCH",
            Self::Cancel => "CANCEL",
            Self::Hash => "HASH",
            Self::Other => "OTHER",
        }
    }

    /// The step's address on this origin.
    pub fn path(self) -> &'static str {
        match self {
            Self::Ready => "/sandbox/pay/ready",
            Self::Hash => "/sandbox/pay/hash",
            Self::Keygen | Self::Batch | Self::Cancel | Self::Other => "/sandbox/pay/process",
        }
    }
}

impl Target {
    fn from_name(name: &str) -> Option<Self> {
        let steps = [Step::Ready, Step::Keygen, Step::Batch, Step::Cancel, Step::Hash];
        let mut targets = steps.map(Self::Only).into_iter().chain([Self::Any]);
        targets.find(|target| target.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Any => "ANY",
            Self::Only(step) => step.name(),
        }
    }
}

impl Fault {
    /// The refusal a `decline` answers with.
    pub fn refusal(&self) -> Option<Refusal> {
        (self.kind == Kind::Decline).then(|| Refusal::new(&*self.code, &*self.message))
    }

    /// The AUTHNO that a `decline` answers with, empty when it has none.
    pub fn auth_no(&self) -> &str {
        &self.auth_no
    }

    /// Whether it strikes the request for this order.
    fn fits(&self, step: Step, order_no: &str) -> bool {
        let on_step = [Target::Any, Target::Only(step)].contains(&self.on);
        on_step && order_no.starts_with(&self.order_no)
    }

    /// The address a `bad_return_url` answers with.
    pub fn return_url(&self) -> &str {
        &self.url
    }

    /// Reads a fault, or says in Korean what is wrong with it.
    pub fn parse(value: &Value) -> Result<Self, String> {
        let fields = object(value)?;
        let on = text(fields, "on", "ANY")?;
        let kind = text(fields, "kind", "")?;
        let Some(on) = Target::from_name(&on) else {
            let steps = "READY, CARD-KEYGEN, CARD-BATCH, CANCEL, HASH, ANY";
            return Err(format!("on은 다음 중 하나여야 합니다: {steps}"));
        };
        let Some(kind) = Kind::from_name(&kind) else {
            let names = kinds().collect::<Vec<_>>().join(", ");
            return Err(format!("kind는 다음 중 하나여야 합니다: {names}"));
        };
        if kind == Kind::BadReturnUrl && on != Target::Only(Step::Ready) {
            return Err("bad_return_url은 on이 READY일 때만 사용할 수 있습니다.".to_owned());
        }
        if kind == Kind::DropAfterNotify && on != Target::Only(Step::Batch) {
            return Err("drop_after_notify는 on이 CARD-BATCH일 때만 사용할 수 있습니다.".to_owned());
        }
        let status = number(fields, "status", 500, 200..=599)?;
        Ok(Self {
            on,
            kind,
            times: number(fields, "times", 1, 1..=MAX_TIMES)?,
            code: text(fields, "code", codes::SHORT_OF_FUNDS)?,
            message: text(fields, "message", "샌드박스에서 지정한 거절입니다.")?,
            order_no: text(fields, "orderNo", "")?,
            auth_no: text(fields, "authNo", "")?,
            delay_ms: number(fields, "delayMs", 0, 0..=MAX_DELAY_MS)?,
            status: u16::try_from(status).unwrap_or(500),
            url: text(fields, "url", "https://api.kiwoompay.co.kr.example.com/pay/process")?,
        })
    }

    /// The fault as `GET /faults` shows it: what matters to its kind.
    pub fn shown(&self) -> Value {
        let on = self.on.name();
        let mut shown = json!({ "on": on, "kind": self.kind.name(), "times": self.times });
        for (name, value) in [("orderNo", &self.order_no), ("authNo", &self.auth_no)] {
            if !value.is_empty() {
                shown[name] = json!(value);
            }
        }
        match self.kind {
            Kind::Decline => {
                shown["code"] = json!(self.code);
                shown["message"] = json!(self.message);
            }
            Kind::DelayBefore | Kind::DelayAfter => shown["delayMs"] = json!(self.delay_ms),
            Kind::Status | Kind::StatusBefore => shown["status"] = json!(self.status),
            Kind::BadReturnUrl => shown["url"] = json!(self.url),
            _ => {}
        }
        shown
    }
}

impl Faults {
    /// The fault of this request, if one waits for it; from then on it waits for one request less.
    pub fn take(&mut self, step: Step, order_no: &str) -> Option<Fault> {
        let index = self.0.iter().position(|fault| fault.fits(step, order_no))?;
        let waiting = self.0.get_mut(index)?;
        waiting.times -= 1;
        if waiting.times == 0 { self.0.remove(index) } else { Some(waiting.clone()) }
    }

    /// Adds faults at the end, all or none.
    pub fn add(&mut self, faults: Vec<Fault>) -> Result<(), String> {
        if self.0.len() + faults.len() > MAX_FAULTS {
            return Err(format!("대기 중인 장애는 {MAX_FAULTS}개까지입니다."));
        }
        self.0.extend(faults);
        Ok(())
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// All that wait, in order.
    pub fn shown(&self) -> Vec<Value> {
        self.0.iter().map(Fault::shown).collect()
    }
}
