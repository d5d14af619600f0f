//! The methods that the payment window offers.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::config::{Config, EasyPayConfig};
use crate::context::{AppState, Context};
use crate::http::answer::{self, Success};
use crate::http::description::{self, described};
use crate::http::error::ApiError;
use crate::http::extract::{FromField, one_of};
use crate::kiwoom::tax;
use crate::rules::contract::Contract;
use crate::rules::text::Text;

/// A method of the hosted window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// 카카오페이
    KakaoPay,
    /// 네이버페이
    NaverPay,
    /// 삼성페이
    SamsungPay,
    /// 페이코
    Payco,
    /// 신용카드
    Card,
    /// 계좌이체
    Bank,
}

const ALL: [Method; 6] = [
    Method::KakaoPay,
    Method::NaverPay,
    Method::SamsungPay,
    Method::Payco,
    Method::Card,
    Method::Bank,
];

impl Method {
    /// PAYMETHOD.
    pub fn code(self) -> &'static str {
        match self {
            Self::KakaoPay => "KAKAOPAY",
            Self::NaverPay => "NAVERPAY",
            Self::SamsungPay => "SAMSUNGPAY",
            Self::Payco => "PAYCO",
            Self::Card => "CARD",
            Self::Bank => "BANK",
        }
    }

    /// PAYMETHOD under the contract, which may have another one for cards.
    pub fn code_of(self, config: &Config) -> &'static str {
        match self {
            Self::Card => config.kiwoom.card_method.code(),
            _ => self.code(),
        }
    }

    /// As customers know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::KakaoPay => "카카오페이",
            Self::NaverPay => "네이버페이",
            Self::SamsungPay => "삼성페이",
            Self::Payco => "페이코",
            Self::Card => "신용카드",
            Self::Bank => "계좌이체",
        }
    }

    /// The same in English.
    pub fn english_name(self) -> &'static str {
        match self {
            Self::KakaoPay => "KakaoPay",
            Self::NaverPay => "Naver Pay",
            Self::SamsungPay => "Samsung Pay",
            Self::Payco => "PAYCO",
            Self::Card => "Card",
            Self::Bank => "Bank transfer",
        }
    }

    fn is_switched_on(self, config: &EasyPayConfig) -> bool {
        match self {
            Self::KakaoPay => config.kakaopay,
            Self::NaverPay => config.naverpay,
            Self::SamsungPay => config.samsungpay,
            Self::Payco => config.payco,
            Self::Card => config.card,
            Self::Bank => config.bank,
        }
    }
}

described!(Method as "EasyPayMethod", description::one_of(ALL.map(Method::code)));

impl FromField for Method {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, &ALL.map(|method| (method.code(), method)))
    }
}

/// Each method that the window offers: those that are switched on. With none of them switched on the
/// sandbox offers the easy payments, and KiwoomPay cards, which every contract has.
pub fn offered(config: &Config) -> Vec<Method> {
    let on: Vec<_> = ALL.into_iter().filter(|m| m.is_switched_on(&config.easypay)).collect();
    if !on.is_empty() {
        return on;
    }
    let sandbox = config.kiwoom.gateway.is_sandbox();
    if sandbox { ALL[..4].to_vec() } else { vec![Method::Card] }
}

/// PAYMETHOD of each method that is offered, and the contract of its own where it has one.
pub fn codes(config: &Config) -> Vec<(&'static str, Option<&Contract>)> {
    let own = |method: Method| config.kiwoom.contracts.own(method.code()).map(Arc::as_ref);
    offered(config).into_iter().map(|method| (method.code_of(config), own(method))).collect()
}

/// The contract of a window for the method that was chosen, or for all that it shows.
pub fn contract(ctx: &Context, chosen: Option<Method>) -> &Arc<Contract> {
    let contracts = ctx.kiwoom.contracts();
    chosen.and_then(|method| contracts.own(method.code())).unwrap_or(&contracts.window)
}

/// PAYMETHOD of each method that the window shows for an order of which `tax_free_amount` won are
/// tax-free: the one that was chosen, or all that are offered without a contract of their own and can
/// take it. The field that keeps it from being shown, and why.
pub fn shown(
    ctx: &Context,
    chosen: Option<Method>,
    tax_free_amount: i64,
) -> Result<Vec<&'static str>, ApiError> {
    let offered = offered(&ctx.config);
    if chosen.is_some_and(|method| !offered.contains(&method)) {
        let reason = Text::new("사용하지 않는 결제수단입니다.", "This method is switched off.");
        return Err(ApiError::invalid_field("method", reason));
    }
    let is_shared = |method: &Method| ctx.kiwoom.contracts().own(method.code()).is_none();
    let together = || offered.into_iter().filter(is_shared).collect();
    let methods: Vec<_> = chosen.map_or_else(together, |method| vec![method]);
    if methods.is_empty() {
        let ko = "결제수단마다 계약이 따로 있으므로 하나를 지정해야 합니다.";
        let en = "Each method has a contract of its own: one has to be chosen.";
        return Err(ApiError::invalid_field("method", Text::new(ko, en)));
    }
    let codes = methods.into_iter().map(|method| method.code_of(&ctx.config));
    let codes: Vec<_> =
        codes.filter(|code| tax_free_amount == 0 || tax::is_taken_by_method(code)).collect();
    if codes.is_empty() {
        let ko = "계좌이체는 전액 과세만 가능하여 면세 금액이 있는 주문을 결제할 수 없습니다.";
        let en = "A bank transfer is taxed whole: it cannot pay an order with a tax-free part.";
        return Err(ApiError::invalid_field("taxFreeAmount", Text::new(ko, en)));
    }
    Ok(codes)
}

/// The methods.
#[derive(Serialize, ToSchema)]
pub struct MethodsBody {
    methods: Vec<MethodBody>,
}

#[derive(Serialize, ToSchema)]
struct MethodBody {
    /// PAYMETHOD.
    #[schema(value_type = Method)]
    code: &'static str,
    name: &'static str,
    /// Always `true`: the others are not listed.
    enabled: bool,
}

/// List the methods of the payment window.
///
/// The payment methods that the window offers: those that are switched on.
#[utoipa::path(
    get, path = "/easypay/methods", operation_id = "listEasyPayMethods", tag = "easypay",
    responses((status = 200, description = "The methods", body = Success<MethodsBody>))
)]
pub async fn list(State(ctx): State<AppState>) -> Response {
    let body =
        |method: Method| MethodBody { code: method.code(), name: method.name(), enabled: true };
    answer::ok(MethodsBody { methods: offered(&ctx.config).into_iter().map(body).collect() })
}
