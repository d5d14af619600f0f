//! `phases`: the prices of a subscription in order, and for how many periods each holds.

use kiwoom_paid_time::{Money, Phase};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::http::extract::{Fields, FromField, FromFields, whole};
use crate::http::fields::TaxFree;
use crate::rules::money::MAX_WON;
use crate::rules::text::Text;

use crate::billing::subscriptions::trial_and_end::TotalCycles;

const NAME: &str = "phases";
const MOST: usize = 20;

/// A price, and for how many whole periods it holds.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub struct PhaseRequest {
    /// Whole periods; the last phase has none and holds for good.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 600)]
    cycles: Option<TotalCycles>,
    /// Won of a whole period; 0 = free, but in the last phase.
    #[schema(value_type = i64, minimum = 0, maximum = 9_999_999_999_i64)]
    amount: PhaseAmount,
    /// Tax-free part of the amount in won.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 9_999_999_999_i64)]
    tax_free_amount: i64,
}

struct PhaseAmount(i64);

impl FromField for PhaseAmount {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || {
            Text::new(
                format!("0 이상 {MAX_WON} 이하의 정수(원)여야 합니다."),
                format!("Has to be a whole number of won from 0 to {MAX_WON}."),
            )
        };
        whole(value, 0..=MAX_WON, wrong).map(Self)
    }
}

impl FromFields for PhaseRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let cycles = f.optional("cycles");
        let amount: Option<PhaseAmount> = f.required("amount");
        let part = f.optional::<TaxFree>("taxFreeAmount").map_or(0, |part| part.0);
        if amount.as_ref().is_some_and(|amount| part > amount.0) {
            f.refuse("taxFreeAmount", TaxFree::above_amount());
        }
        Some(Self { cycles, amount: amount?, tax_free_amount: part })
    }
}

struct Objects(Vec<Map<String, Value>>);

impl FromField for Objects {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || {
            Text::new(
                format!("1개 이상 {MOST}개 이하의 객체를 담은 배열이어야 합니다."),
                format!("Has to be a list of 1 to {MOST} objects."),
            )
        };
        let items = value.as_array().filter(|items| (1..=MOST).contains(&items.len()));
        let objects = items.ok_or_else(wrong)?.iter().map(|item| item.as_object().cloned());
        objects.collect::<Option<_>>().map(Self).ok_or_else(wrong)
    }
}

/// Reads `phases`. `None` when it is left out, or after a problem was noted.
pub fn phases(f: &mut Fields) -> Option<Vec<Phase>> {
    let Objects(objects) = f.optional(NAME)?;
    let last = objects.len() - 1;
    let mut phases = Vec::with_capacity(objects.len());
    for (at, object) in objects.into_iter().enumerate() {
        match Fields::read::<PhaseRequest>(object) {
            Ok(phase) => {
                misplaced(f, at, at == last, &phase);
                phases.push(Phase {
                    cycles: phase.cycles.map(|n| n.0.unsigned_abs().into()),
                    price: Money { won: phase.amount.0, tax_free: phase.tax_free_amount },
                });
            }
            Err(error) => {
                for detail in error.into_details() {
                    f.refuse(&format!("{NAME}[{at}].{}", detail.field), detail.reason);
                }
            }
        }
    }
    Some(phases)
}

/// Notes what only the last phase may have, or may not.
fn misplaced(f: &mut Fields, at: usize, is_last: bool, phase: &PhaseRequest) {
    let cycles = format!("{NAME}[{at}].cycles");
    match (is_last, &phase.cycles) {
        (true, Some(_)) => {
            let ko = "마지막 단계는 끝이 없으므로 사용할 수 없습니다.";
            f.refuse(&cycles, Text::new(ko, "The last phase holds for good and has none."));
        }
        (false, None) => {
            let ko = "마지막 단계가 아니면 필수 값입니다.";
            f.refuse(&cycles, Text::new(ko, "Required of all but the last phase."));
        }
        _ => {}
    }
    if is_last && phase.amount.0 == 0 {
        let ko = "마지막 단계는 1원 이상이어야 합니다.";
        let reason = Text::new(ko, "The last phase has to cost at least 1 won.");
        f.refuse(&format!("{NAME}[{at}].amount"), reason);
    }
}
