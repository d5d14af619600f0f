//! The hosted window (통합결제창): the hash that binds an order, and the fields the browser posts
//! (protocol section 3).

use serde_json::{Map, Value, json};

use crate::kiwoom::client::KiwoomClient;
use crate::kiwoom::error::GatewayError;
use crate::kiwoom::pace::Turn;
use crate::kiwoom::spelling;
use crate::kiwoom::tax;
use crate::kiwoom::text::{CustomerName, OrderNo, ProductName};
use crate::kiwoom::wire::Fields;
use crate::rules::money::Won;

/// Where the window is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// `P`: a PC's pop-up or frame.
    Pc,
    /// `M`: a phone's page.
    Mobile,
    /// `W`: an app's web view.
    WebView,
}

impl Device {
    fn code(self) -> &'static str {
        match self {
            Self::Pc => "P",
            Self::Mobile => "M",
            Self::WebView => "W",
        }
    }
}

/// An order for the window.
pub struct WindowOrder<'a> {
    /// Its number.
    pub order_no: &'a OrderNo,
    /// Won.
    pub amount: Won,
    /// Its tax-free part in won.
    pub tax_free_amount: i64,
    /// What the buyer sees.
    pub product_name: &'a ProductName,
    /// The buyer's name.
    pub customer_name: &'a CustomerName,
    /// The merchant's id of the buyer; may be empty.
    pub customer_id: &'a str,
    /// The buyer's address; may be empty.
    pub email: &'a str,
    /// What the window shows.
    pub methods: &'a [&'static str],
    /// The field that says so: its name is not documented for sure.
    pub methods_field: &'a str,
    /// Where it is shown.
    pub device: Device,
    /// Where the browser goes after success, failure, and when it was closed.
    pub urls: [&'a str; 3],
    /// APPURL: where an app comes back to.
    pub app_url: Option<&'a str>,
    /// CASHRECEIPTFLAG, as [`cash_receipt`] gives it.
    pub cash_receipt: Option<&'static str>,
    /// CPQUOTA.
    pub quota: Option<&'a str>,
}

/// Whether the window needs APPURL: in an app's web view, for cards and bank transfers, which leave it
/// for the app of the card company or the bank.
pub fn needs_app(device: Device, methods: &[&str]) -> bool {
    device == Device::WebView && methods.iter().any(|m| matches!(*m, "CARD" | "CARDK" | "BANK"))
}

/// CASHRECEIPTFLAG for a window that shows `methods`, which has one word for 카카오페이 and another for
/// bank transfers. `None` when the window shows neither or both.
pub fn cash_receipt(methods: &[&str], wanted: bool) -> Option<&'static str> {
    let shows = |methods: &[&str], code: &[&str]| methods.iter().any(|m| code.contains(m));
    match (shows(methods, &["KAKAOPAY"]), shows(methods, &["BANK", "VACCOUNT"]), wanted) {
        (true, false, true) => Some("Y"),
        (true, false, false) => Some("N"),
        (false, true, true) => Some("1"),
        (false, true, false) => Some("0"),
        _ => None,
    }
}

/// PAYMETHOD of the window that shows several methods.
pub const TOTAL: &str = "TOTAL";

impl KiwoomClient {
    /// Where a form opens the hosted window.
    pub fn form_action(&self) -> String {
        format!("{}/pay/linkEnc", self.window_url.as_str().trim_end_matches('/'))
    }

    /// Asks for the hash and gives the fields for `KiwoomPaySDK.f_payTotalLink` or a form. Moves no
    /// money, so it is retried. The turn is one for the order's method, or [`TOTAL`].
    pub async fn window(&self, turn: Turn, order: &WindowOrder<'_>) -> Result<Value, GatewayError> {
        let method = turn.method();
        let amount = order.amount.to_string();
        let contract = turn.contract();
        let request = Fields::new(&contract.cpid, method)
            .with("TYPE", order.device.code())
            .with("ORDERNO", order.order_no.as_str())
            .with("AMOUNT", &amount);
        let answer = self.ask("/pay/hash", contract, &request).await?;
        let hash = answer.get("KIWOOM_ENC");
        let hash = hash.ok_or_else(|| GatewayError::NotSent("hash answered without it".into()))?;
        let (tax_code, tax_free) = tax::code(order.tax_free_amount, order.amount);
        let [home, fail, close] = order.urls;
        let mut fields = Map::new();
        for (name, value) in [
            ("PAYMETHOD", method),
            ("TYPE", order.device.code()),
            ("CPID", &contract.cpid),
            ("ORDERNO", order.order_no.as_str()),
            ("AMOUNT", &amount),
            ("KIWOOM_ENC", &hash),
            ("PRODUCTTYPE", contract.product_type.code()),
            ("PRODUCTNAME", &spelling::on_wire(order.product_name.as_str())),
            ("PRODUCTCODE", ""),
            ("USERID", &spelling::on_wire(order.customer_id)),
            ("USERNAME", &spelling::name(order.customer_name.as_str()).unwrap_or_default()),
            ("EMAIL", &spelling::address(order.email).unwrap_or_default()),
            ("TAXFREECD", tax_code),
            ("HOMEURL", home),
            ("FAILURL", fail),
            ("CLOSEURL", close),
            ("DIRECTRESULTFLAG", "Y"),
        ] {
            fields.insert(name.to_owned(), json!(value));
        }
        fields.insert(order.methods_field.to_owned(), json!(order.methods.join(",")));
        if let Some(part) = tax_free {
            for name in tax::window_fields(order.methods) {
                fields.insert(name.to_owned(), json!(part));
            }
        }
        for (name, value) in [
            ("APPURL", order.app_url),
            ("CASHRECEIPTFLAG", order.cash_receipt),
            ("CPQUOTA", order.quota),
        ] {
            if let Some(value) = value {
                fields.insert(name.to_owned(), json!(value));
            }
        }
        Ok(Value::Object(fields))
    }
}
