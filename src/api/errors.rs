//! Why no money moved, as a caller reads it.

use crate::http::error::{ApiError, Code, GatewayAnswer};
use crate::http::fields::TaxFree;
use crate::kiwoom::GatewayError;
use crate::kiwoom::pace::NoTurn;
use crate::payments::charge::NotCharged;
use crate::payments::refund::{CannotSend, RefundError};
use crate::rules::contract::Contract;
use crate::rules::ids::PaymentLinkId;
use crate::rules::money::Won;
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
            NotCharged::OtherContract(cpid) => Self::from(Code::BillingKeyInactive).with_text(Text::new(
                format!(
                    "다른 계약(CPID {cpid})으로 등록한 카드여서 결제할 수 없습니다. 카드를 다시 등록해 주세요."
                ),
                format!(
                    "The card was registered under another contract (CPID {cpid}) and cannot be charged: \
                     register it again."
                ),
            )),
            NotCharged::TaxType(reason) => Self::invalid_field("taxFreeAmount", reason),
            NotCharged::NoTurn(reason) => reason.into(),
            NotCharged::Gateway(error) => not_sent(error),
            NotCharged::OtherKey => Code::ChargeInProgress.into(),
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
        GatewayError::ReadyRefused { code, message, setting }
        | GatewayError::Refused { code, message, setting, .. } => {
            tracing::error!(code, "KiwoomPay refuses our calls: check the contract and the key");
            let gateway = GatewayAnswer { result_code: code, message };
            match setting {
                Some(setting) => merchant_setting(gateway, setting),
                None => ApiError::from(Code::GatewayUnavailable).with_gateway(gateway),
            }
        }
        GatewayError::NotSent(_) | GatewayError::Unknown(_) => Code::GatewayUnavailable.into(),
    }
}

/// An error when a sale under this contract may not have this tax-free part in won.
pub fn takes(contract: &Contract, amount: Won, tax_free: i64) -> Result<(), ApiError> {
    let checked = contract.tax_type.check(amount, tax_free);
    checked.map_err(|reason| ApiError::invalid_field("taxFreeAmount", reason))
}

/// 409 that names the payment page link in the way.
pub fn link_open(id: PaymentLinkId) -> ApiError {
    ApiError::from(Code::PaymentLinkOpen)
        .with_detail("paymentLink", Text::new(id.to_string(), id.to_string()))
}

/// Why a cancellation was not sent.
fn why_not_sent(reason: CannotSend) -> Text {
    match reason {
        CannotSend::NeedsAccount => Text::new(
            "계좌이체·가상계좌 결제는 환불받을 계좌의 은행코드와 계좌번호가 있어야 취소할 수 있어 API로 환불할 수 \
             없습니다. 키움페이 가맹점 관리자에서 취소해 주세요. 취소 통지가 오면 환불로 기록합니다.",
            "A bank transfer or virtual account is cancelled with the bank code and account number of \
             the buyer, which this API does not send. Cancel it in KiwoomPay's merchant pages: the \
             notice of it is booked as a refund.",
        ),
        CannotSend::WholeOnly => Text::new(
            "이 결제수단은 부분 취소할 수 없습니다. 전체 금액으로만 환불해 주세요.",
            "This method cannot be cancelled in part: refund the whole amount.",
        ),
        CannotSend::UnknownMethod => Text::new(
            "취소 방법이 알려지지 않은 결제수단입니다. 키움페이 가맹점 관리자에서 취소해 주세요. 취소 통지가 오면 \
             환불로 기록합니다.",
            "How this method is cancelled is not known. Cancel it in KiwoomPay's merchant pages: the \
             notice of it is booked as a refund.",
        ),
    }
}

/// A call that was refused because of the merchant's set-up: 502, with what has to be mended.
pub fn merchant_setting(gateway: GatewayAnswer, setting: &str) -> ApiError {
    let reason = Text::new(
        "키움페이와의 계약에 맞게 수정해야 합니다.",
        "Has to be mended to fit the contract with KiwoomPay.",
    );
    ApiError::from(Code::MerchantSetting).with_gateway(gateway).with_detail(setting, reason)
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
            RefundError::CannotSend(reason) => {
                Self::from(Code::RefundNotAllowed).with_text(why_not_sent(reason))
            }
            RefundError::NoContract(cpid) => Self::from(Code::RefundNotAllowed).with_text(Text::new(
                format!(
                    "이 결제를 승인한 계약(CPID {cpid})의 연동키가 없어 환불하지 못했습니다. \
                     KIWOOM_RETIRED_CONTRACTS에 추가해 주세요."
                ),
                format!(
                    "The key of the contract that it was paid under (CPID {cpid}) is not in the settings: \
                     nothing was refunded. Add it to KIWOOM_RETIRED_CONTRACTS."
                ),
            )),
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
