//! `GET /billing/summary`: what came and went in days or months.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use axum::extract::State;
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::books::store::{self, Sum};
use crate::context::AppState;
use crate::http::answer::{self, Answer, Success};
use crate::http::description::{self, described};
use crate::http::extract::{Fields, FromField, FromFields, Query, one_of};
use crate::rules::text::Text;

/// What to sum up.
pub struct SummaryRequest {
    from: NaiveDate,
    to: NaiveDate,
    by: Unit,
}

/// What a row of the answer is of.
#[derive(Clone, Copy, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    #[default]
    Day,
    Month,
}

described!(Unit as "SummaryUnit", description::one_of(["day", "month"]));

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

impl FromField for Unit {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, &[("day", Self::Day), ("month", Self::Month)])
    }
}

impl FromFields for SummaryRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let from = f.required("from");
        let to = f.required("to");
        Some(Self { by: f.optional("by").unwrap_or_default(), from: from?, to: to? })
    }
}

/// Sums in won.
#[derive(Clone, Copy, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Won that came.
    gross: i64,
    /// Won that went, positive.
    refunds: i64,
    /// `gross` less `refunds`.
    net: i64,
    /// Won of the net that are taxed, VAT in it.
    taxable: i64,
    /// Won of the net that are not.
    tax_free: i64,
    /// VAT in won: the sum of that of each movement.
    vat: i64,
    /// How many movements.
    count: i64,
}

impl From<&Sum> for Figures {
    fn from(sum: &Sum) -> Self {
        let net = sum.gross - sum.refunds;
        Self {
            gross: sum.gross,
            refunds: sum.refunds,
            net,
            taxable: net - sum.tax_free,
            tax_free: sum.tax_free,
            vat: sum.vat,
            count: sum.count,
        }
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.gross += other.gross;
        self.refunds += other.refunds;
        self.net += other.net;
        self.taxable += other.taxable;
        self.tax_free += other.tax_free;
        self.vat += other.vat;
        self.count += other.count;
    }
}

/// The sums of one method.
#[derive(Serialize, ToSchema)]
pub struct MethodFigures {
    /// PAYMETHOD.
    method: String,
    #[serde(flatten)]
    figures: Figures,
}

/// The sums of a day or month on which something moved.
#[derive(Serialize, ToSchema)]
pub struct PeriodFigures {
    /// The day, or the first day of the month.
    start: NaiveDate,
    #[serde(flatten)]
    figures: Figures,
    /// Each method by itself.
    methods: Vec<MethodFigures>,
}

/// What came and went.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "from": "2026-02-01", "to": "2026-03-01", "by": "month", "closedThrough": "2026-03-09",
    "total": {"gross": 11000, "refunds": 4000, "net": 7000, "taxable": 7000, "taxFree": 0,
        "vat": 636, "count": 2},
    "methods": [{"method": "CARD", "gross": 11000, "refunds": 4000, "net": 7000, "taxable": 7000,
        "taxFree": 0, "vat": 636, "count": 2}],
    "periods": [{"start": "2026-02-01", "gross": 11000, "refunds": 4000, "net": 7000,
        "taxable": 7000, "taxFree": 0, "vat": 636, "count": 2,
        "methods": [{"method": "CARD", "gross": 11000, "refunds": 4000, "net": 7000,
            "taxable": 7000, "taxFree": 0, "vat": 636, "count": 2}]}],
}))]
pub struct SummaryBody {
    from: NaiveDate,
    to: NaiveDate,
    by: Unit,
    /// The last day whose figures never change any more; `null` while there is none.
    #[schema(required)]
    closed_through: Option<NaiveDate>,
    /// Of all of it.
    total: Figures,
    /// Each method by itself.
    methods: Vec<MethodFigures>,
    /// The days or months with movements, oldest first.
    periods: Vec<PeriodFigures>,
}

/// Get the sums of days or months.
///
/// What came and went in the days from `from` to the day before `to`, by the day on which each
/// movement was booked. A closed day never changes: what is found out later about money of that day
/// is booked on an open one. Days and months without a movement are left out; a month that begins
/// before `from` or ends after `to` has only the days between them.
#[utoipa::path(
    get, path = "/billing/summary", operation_id = "getSummary", tag = "books",
    params(
        ("from" = NaiveDate, Query, description = "YYYY-MM-DD, included"),
        ("to" = NaiveDate, Query, description = "YYYY-MM-DD, not included"),
        ("by" = inline(Option<Unit>), Query, description = "Default: `day`"),
    ),
    responses(
        (status = 200, description = "The sums", body = Success<SummaryBody>),
    )
)]
pub async fn show(State(ctx): State<AppState>, Query(request): Query<SummaryRequest>) -> Answer {
    let SummaryRequest { from, to, by } = request;
    let closed_through = store::closed_through(&ctx.reading).await?;
    let sums = store::sums(&ctx.reading, (from, to), by.name()).await?;
    let periods = sums.chunk_by(|a, b| a.period == b.period).map(PeriodFigures::of).collect();
    let (total, methods) = added(&sums);
    Ok(answer::ok(SummaryBody { from, to, by, closed_through, total, methods, periods }))
}

impl PeriodFigures {
    /// Of the sums of one period, at least one.
    fn of(sums: &[Sum]) -> Self {
        let (figures, methods) = added(sums);
        Self { start: sums[0].period, figures, methods }
    }
}

/// The sums added up, of all methods and of each.
fn added(sums: &[Sum]) -> (Figures, Vec<MethodFigures>) {
    let mut total = Figures::default();
    let mut by_method: BTreeMap<&str, Figures> = BTreeMap::new();
    for sum in sums {
        let figures = Figures::from(sum);
        total += figures;
        *by_method.entry(&sum.method).or_default() += figures;
    }
    let of_method =
        |(method, figures): (&str, Figures)| MethodFigures { method: method.to_owned(), figures };
    (total, by_method.into_iter().map(of_method).collect())
}
