//! Why no money moved, as a caller reads it.

use crate::http::error::{ApiError, Code, GatewayAnswer};
use crate::http::fields::TaxFree;
use crate::kiwoom::GatewayError;
use crate::kiwoom::pace::NoTurn;
use crate::payments::charge::NotCharged;
use crate::payments::refund::RefundError;
use crate::rules::text::Text;
use crate::storage::vault::VaultError;

impl From<NoTurn> for ApiError {
    fn from(reason: NoTurn) -> Self {
        match reason {
            NoTurn::TooBusy => Code::RateLimited.into(),
            NoTurn::Database(error) => error.into(),
        }
    }
}

impl From<NotCharged> for ApiError {
    fn from(reason: NotCharged) -> Self {
        match reason {
            NotCharged::Stopping => Code::ShuttingDown.into(),
            NotCharged::Paused => Code::ChargingPaused.into(),
            NotCharged::NoTurn(reason) => reason.into(),
            NotCharged::Gateway(error) => not_sent(error),
            NotCharged::TakenOver => Code::RequestInProgress.into(),
            NotCharged::OrderExists => Code::OrderExists.into(),
            NotCharged::Database(error) => error.into(),
        }
    }
}

/// A billing key that cannot be encrypted or read is the service's fault; it was logged where that was
/// found.
impl From<VaultError> for ApiError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Database(error) => error.into(),
            _ => Code::Internal.into(),
        }
    }
}

/// A call that was not sent: 502.
pub fn not_sent(error: GatewayError) -> ApiError {
    match error {
        GatewayError::ReadyRefused { code, message } | GatewayError::Refused { code, message } => {
            tracing::error!(code, "KiwoomPay refuses our calls: check the contract and the key");
            let gateway = GatewayAnswer { result_code: code, message };
            ApiError::from(Code::GatewayUnavailable).with_gateway(gateway)
        }
        GatewayError::NotSent(_) | GatewayError::Unknown(_) => Code::GatewayUnavailable.into(),
    }
}

/// Why a payment cannot be measured by days.
pub fn no_period() -> Text {
    Text::new(
        "구독 회차의 결제가 아니어서 일할 계산을 할 수 없습니다. used와 total을 보내 주세요.",
        "The payment is for no period of a subscription: send used and total.",
    )
}

/// Why a mixed payment is not refunded in part.
fn mixed_in_part() -> Text {
    Text::new(
        "면세 금액이 일부 포함된 카카오페이·페이코 결제는 키움페이에 환불할 면세 금액을 알릴 수 없어 \
         전액만 환불할 수 있습니다. 키움페이에 보낸 요청은 없습니다.",
        "A KakaoPay or Payco payment that is tax-free in part can only be refunded whole: KiwoomPay \
         cannot be told the tax-free part. Nothing was sent.",
    )
}

/// Why there is no refund, as the caller sees it.
impl From<RefundError> for ApiError {
    fn from(error: RefundError) -> Self {
        match error {
            RefundError::NotFound => Code::PaymentNotFound.into(),
            RefundError::NotAllowed => Code::RefundNotAllowed.into(),
            RefundError::OutcomeUnknown => Code::OutcomeUnknown.into(),
            RefundError::ExceedsBalance => Code::RefundExceedsBalance.into(),
            RefundError::TaxFreeMisfit => Self::invalid_field("taxFreeAmount", TaxFree::misfit()),
            RefundError::MixedInPart => {
                Self::from(Code::RefundNotAllowed).with_text(mixed_in_part())
            }
            RefundError::NoPeriod => Self::invalid_field("proRata", no_period()),
            RefundError::TakenOver => Code::RequestInProgress.into(),
            RefundError::Stopping => Code::ShuttingDown.into(),
            RefundError::NoTurn(reason) => reason.into(),
            RefundError::Gateway(error) => not_sent(error),
            RefundError::Database(error) => error.into(),
        }
    }
}
