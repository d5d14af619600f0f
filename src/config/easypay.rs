//! What the payment window offers, and how.

use super::read::Reader;

/// Which methods of the payment window the contract has.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "six independent switches of the contract")]
pub struct EasyPayConfig {
    /// 카카오페이
    pub kakaopay: bool,
    /// 네이버페이
    pub naverpay: bool,
    /// 삼성페이
    pub samsungpay: bool,
    /// 페이코
    pub payco: bool,
    /// 신용카드
    pub card: bool,
    /// 계좌이체
    pub bank: bool,
    /// `KIWOOM_METHODS_FIELD`: the field of the window that lists its methods (protocol section 3).
    pub methods_field: String,
    /// `ORDER_EXPIRES_MINUTES`: an order that is not paid by then expires.
    pub expires_minutes: i64,
    /// `SHOP_NAME`: who is paid, as payment pages say it.
    pub shop_name: Option<String>,
    /// `EASYPAY_LINKS_IN_EVENTS`: events of what was declined carry an address to pay at.
    pub links_in_events: bool,
}

impl EasyPayConfig {
    pub(super) fn read(r: &mut Reader) -> Self {
        Self {
            kakaopay: r.switch("KAKAOPAY_ENABLED", false),
            naverpay: r.switch("NAVERPAY_ENABLED", false),
            samsungpay: r.switch("SAMSUNGPAY_ENABLED", false),
            payco: r.switch("PAYCO_ENABLED", false),
            card: r.switch("CARD_ENABLED", false),
            bank: r.switch("BANK_ENABLED", false),
            methods_field: r.methods_field(),
            expires_minutes: r.number("ORDER_EXPIRES_MINUTES", 1..=43_200, 30),
            shop_name: r.shop_name(),
            links_in_events: r.switch("EASYPAY_LINKS_IN_EVENTS", false),
        }
    }
}
