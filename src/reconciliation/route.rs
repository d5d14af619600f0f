//! `POST /reconciliations`: the list as the body.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::header;
use serde_json::Value;

use crate::api::spreadsheet::File;
use crate::context::AppState;
use crate::http::answer::{self, Answer, Success};
use crate::http::description::{self, described};
use crate::http::error::{ApiError, Code, ErrorBody};
use crate::http::extract::{Fields, FromField, FromFields, InQuery, Query};
use crate::http::fields::Reason;
use crate::reconciliation::columns::Columns;
use crate::reconciliation::{ReconcileError, ReportBody, file, reconcile as compare};
use crate::rules::text::Text;

/// What is kept in the audit trail when nobody says otherwise.
pub const REASON: &str = "키움페이 거래내역과 대조";

/// Media types of a list. A browser does not send any of them across sites without asking first.
const TYPES: [&str; 3] = [
    "text/csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/octet-stream",
];

/// How to compare.
pub struct ReconcileRequest {
    settle: bool,
    columns: Columns,
    reason: Option<Reason>,
}

described!(
    Columns as "ReconciliationColumns",
    description::matching(
        "^ *(transactionId|orderNo|amount|at|type|cpid|method) *=[^,]*[^, ][^,]*\
        (, *(transactionId|orderNo|amount|at|type|cpid|method) *=[^,]*[^, ][^,]*)*$"
    )
    .max_length(Some(1000))
    .examples(["transactionId=거래번호,orderNo=주문번호,amount=금액,at=거래일시"])
);

impl FromField for Columns {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let text = crate::http::extract::text(value, 1000)?;
        text.parse().map_err(|_| {
            Text::new(
                "transactionId=거래번호,orderNo=주문번호,amount=금액,at=거래일시 형식이어야 합니다. type, \
                 cpid, method도 지정할 수 있습니다.",
                "Has to be pairs such as transactionId=거래번호,orderNo=주문번호,amount=금액,at=거래일시; \
                 type, cpid and method may be named too.",
            )
        })
    }
}

impl FromFields for ReconcileRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        Some(Self {
            settle: f.optional::<InQuery<bool>>("settle").is_some_and(|settle| settle.0),
            columns: f.optional("columns").unwrap_or_default(),
            reason: f.optional("reason"),
        })
    }
}

/// Compare the books with KiwoomPay's list.
///
/// Compares the books with KiwoomPay's list of a day (`<DATA>`), or with CSV or XLSX of the
/// merchant pages, told apart by what they begin with. Without `settle=true` nothing is changed.
#[utoipa::path(
    post, path = "/reconciliations", operation_id = "createReconciliation", tag = "billing",
    params(
        ("settle" = Option<bool>, Query, description = "Record what the list proves"),
        ("columns" = inline(Option<Columns>), Query,
            description = "Names of the columns of CSV and XLSX: `orderNo=주문번호,…`"),
        ("reason" = inline(Option<Reason>), Query, description = "Kept with what is recorded"),
    ),
    request_body(
        content(
            (String = "text/csv"),
            (File = "application/octet-stream"),
            (File = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ),
        description = "The list, at most 16 MiB",
    ),
    responses(
        (status = 200, description = "The comparison", body = Success<ReportBody>),
        (status = 400, description = "Not a list; nothing was compared", body = ErrorBody),
    )
)]
pub async fn reconcile(
    State(ctx): State<AppState>,
    Query(request): Query<ReconcileRequest>,
    List(bytes): List,
) -> Answer {
    let contracts = ctx.kiwoom.contracts();
    let read = file::read(bytes.into(), &request.columns, &|cpid| contracts.find(cpid).is_some());
    let list = read.map_err(|error| ApiError::invalid_field("body", error.text()))?;
    let reason = request.reason.as_ref().map_or(REASON, |reason| &reason.0);
    match compare(&ctx, list, request.settle.then_some(reason)).await {
        Ok(report) => Ok(answer::ok(ReportBody::from(report))),
        Err(ReconcileError::Database(error)) => Err(error.into()),
        Err(error @ ReconcileError::OtherIds(_)) => {
            Err(ApiError::invalid_field("columns", error.text()))
        }
    }
}

/// A body of one of [`TYPES`].
pub struct List(Bytes);

impl<S: Send + Sync> FromRequest<S> for List {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let named = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let named = named.and_then(|v| v.split(';').next()).unwrap_or_default().trim();
        if !TYPES.iter().any(|known| named.eq_ignore_ascii_case(known)) {
            let known = TYPES.join(", ");
            return Err(ApiError::from(Code::UnsupportedMediaType).with_text(Text::new(
                format!("Content-Type은 다음 중 하나여야 합니다: {known}"),
                format!("The Content-Type has to be one of {known}."),
            )));
        }
        // The layer `idempotency` has read it, up to the limit of this route.
        let bytes = axum::body::to_bytes(request.into_body(), usize::MAX).await;
        bytes.map(Self).map_err(|_| Code::Internal.into())
    }
}
