//! The easy-pay methods that are switched on.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::config::EasyPayConfig;
use crate::context::AppState;
use crate::http::answer::{self, Success};
use crate::http::description::{self, described};
use crate::http::extract::{FromField, one_of};
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
}

const ALL: [Method; 4] = [Method::KakaoPay, Method::NaverPay, Method::SamsungPay, Method::Payco];

impl Method {
    /// PAYMETHOD.
    pub fn code(self) -> &'static str {
        match self {
            Self::KakaoPay => "KAKAOPAY",
            Self::NaverPay => "NAVERPAY",
            Self::SamsungPay => "SAMSUNGPAY",
            Self::Payco => "PAYCO",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::KakaoPay => "카카오페이",
            Self::NaverPay => "네이버페이",
            Self::SamsungPay => "삼성페이",
            Self::Payco => "페이코",
        }
    }

    /// Whether the contract has it.
    pub fn is_enabled(self, config: &EasyPayConfig) -> bool {
        match self {
            Self::KakaoPay => config.kakaopay,
            Self::NaverPay => config.naverpay,
            Self::SamsungPay => config.samsungpay,
            Self::Payco => config.payco,
        }
    }
}

described!(Method as "EasyPayMethod", description::one_of(ALL.map(Method::code)));

impl FromField for Method {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, &ALL.map(|method| (method.code(), method)))
    }
}

/// The methods that are switched on.
pub fn enabled(config: &EasyPayConfig) -> Vec<Method> {
    ALL.into_iter().filter(|m| m.is_enabled(config)).collect()
}

/// The methods.
#[derive(Serialize, ToSchema)]
pub struct MethodsBody {
    methods: Vec<MethodBody>,
}

#[derive(Serialize, ToSchema)]
struct MethodBody {
    /// PAYMETHOD.
    code: &'static str,
    name: &'static str,
    /// Always `true`: the others are not listed.
    enabled: bool,
}

/// 활성화된 결제수단 조회.
#[utoipa::path(
    get, path = "/easypay/methods", tag = "easypay",
    responses((status = 200, description = "The methods", body = Success<MethodsBody>))
)]
pub async fn list(State(ctx): State<AppState>) -> Response {
    let methods = enabled(&ctx.config.easypay).into_iter();
    let body = |m: Method| MethodBody { code: m.code(), name: m.name(), enabled: true };
    answer::ok(MethodsBody { methods: methods.map(body).collect() })
}
