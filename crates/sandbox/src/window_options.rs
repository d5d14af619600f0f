//! What a window may be asked for only with some methods: a tax-free part, a cash receipt, instalments,
//! the way back to an app.

use crate::fields::{amount, check_no_tax_free_amount, check_tax_free, is_digits, wrong};
use crate::wire::{Fields, Refusal};

/// Methods that are taxed whole.
const TAXED_WHOLE: [&str; 2] = ["BANK", "VACCOUNT"];
/// Methods that leave an app's web view for another app.
const LEAVING: [&str; 3] = ["CARD", "CARDK", "BANK"];
/// Methods that have one field for their tax-free part.
const TAX_FREE_FIELDS: [(&str, &str); 3] =
    [("CARD", "TELNO2"), ("CARDK", "TELNO2"), ("KAKAOPAY", "FREEAMT")];
/// The least amount that is paid in instalments.
const MIN_INSTALLMENT_WON: u64 = 50_000;

/// Whether a window that shows `methods` can do what `request` asks for.
pub fn check(request: &Fields, methods: &[&str]) -> Result<(), Refusal> {
    check_tax(request, methods)?;
    check_app(request, methods)?;
    check_cash_receipt(request, methods)?;
    check_installments(request)
}

/// What is said beside a method that KiwoomPay's test environment opens for some windows only.
pub fn note(request: &Fields, method: &str) -> &'static str {
    let won = amount(request.get("AMOUNT")).unwrap_or_default();
    match method {
        "PAYCO" | "APPLEPAY" if request.get("TYPE") != "M" => {
            "키움페이 테스트 환경에서는 TYPE=M일 때만 결제됩니다"
        }
        "BANK" if won < 1_000 => "키움페이 테스트 환경에서는 1,000원부터 결제됩니다",
        _ => "",
    }
}

fn check_tax(request: &Fields, methods: &[&str]) -> Result<(), Refusal> {
    check_no_tax_free_amount(request)?;
    let code = request.get("TAXFREECD");
    if matches!(code, "01" | "02")
        && let Some(method) = methods.iter().find(|method| TAXED_WHOLE.contains(method))
    {
        return wrong(&format!("{method} 결제는 전액 과세(TAXFREECD=00)만 가능합니다."));
    }
    if code != "02" {
        return Ok(());
    }
    let named = TAX_FREE_FIELDS.into_iter().filter(|(method, _)| methods.contains(method));
    for (_, field) in named {
        check_tax_free(request, field)?;
    }
    // Where the other easy payments read it is not documented.
    let field = if request.find("FREEAMT").is_some() { "FREEAMT" } else { "TELNO2" };
    check_tax_free(request, field)
}

fn check_app(request: &Fields, methods: &[&str]) -> Result<(), Refusal> {
    if request.get("TYPE") != "W" || !methods.iter().any(|method| LEAVING.contains(method)) {
        return Ok(());
    }
    let missing = ["APPURL", "FAILURL", "CLOSEURL"].into_iter().find(|f| request.get(f).is_empty());
    missing.map_or(Ok(()), |field| {
        wrong(&format!("TYPE=W에서 카드·계좌이체를 제공하려면 {field} 항목이 필요합니다."))
    })
}

fn check_cash_receipt(request: &Fields, methods: &[&str]) -> Result<(), Refusal> {
    let flag = request.get("CASHRECEIPTFLAG");
    let fits = |method: &&str| match *method {
        "KAKAOPAY" => matches!(flag, "Y" | "N"),
        "BANK" | "VACCOUNT" => matches!(flag, "1" | "0"),
        _ => true,
    };
    if flag.is_empty() || methods.iter().all(fits) {
        return Ok(());
    }
    wrong("CASHRECEIPTFLAG 항목은 KAKAOPAY는 Y/N, BANK·VACCOUNT는 1/0이어야 합니다.")
}

/// `0:2:3`: months, 0 for a payment at once.
fn check_installments(request: &Fields) -> Result<(), Refusal> {
    let list = request.get("CPQUOTA");
    if list.is_empty() {
        return Ok(());
    }
    let read = |text: &str| if is_digits(text) { text.parse::<u8>().ok() } else { None };
    let months: Option<Vec<u8>> = list.split(':').map(read).collect();
    let Some(months) = months.filter(|all| all.iter().all(|n| *n <= 12 && *n != 1)) else {
        return wrong("CPQUOTA 항목은 0(일시불)과 2~12(개월)를 ':'로 이어야 합니다.");
    };
    let won = amount(request.get("AMOUNT")).unwrap_or_default();
    if won < MIN_INSTALLMENT_WON && months.iter().any(|n| *n > 0) {
        return wrong("할부(CPQUOTA)는 50,000원부터 가능합니다.");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed<const N: usize>(fields: [(&str, &str); N], methods: &[&str]) -> bool {
        check(&Fields::from(fields), methods).is_ok()
    }

    #[test]
    fn each_method_has_its_own_field_for_the_tax_free_part() {
        let mixed = |field, part, methods: &[&str]| {
            allowed([("AMOUNT", "9900"), ("TAXFREECD", "02"), (field, part)], methods)
        };
        assert!(mixed("TELNO2", "4000", &["CARD"]) && mixed("FREEAMT", "4000", &["KAKAOPAY"]));
        assert!(mixed("TELNO2", "4000", &["PAYCO"]) && mixed("FREEAMT", "4000", &["NAVERPAY"]));
        for (field, part, method) in [
            ("FREEAMT", "4000", "CARD"),
            ("TELNO2", "4000", "KAKAOPAY"),
            ("TAXFREEAMT", "4000", "PAYCO"),
            ("PRODUCTCODE", "4000", "PAYCO"),
            ("TELNO2", "9901", "CARD"),
            ("TELNO2", "010-1234", "CARD"),
            ("TELNO2", "", "CARD"),
        ] {
            assert!(!mixed(field, part, &[method]), "{field} {part} {method}");
        }
        assert!(!mixed("TELNO2", "4000", &["CARD", "KAKAOPAY"]), "one of two fields");
        let whole = |method| allowed([("AMOUNT", "9900"), ("TAXFREECD", "01")], &[method]);
        assert!(whole("CARD") && !whole("BANK"));
    }

    #[test]
    fn a_web_view_needs_the_way_back_to_its_app_for_cards_and_transfers() {
        let urls = [("TYPE", "W"), ("FAILURL", "http://a.b"), ("CLOSEURL", "http://a.b")];
        assert!(allowed(urls, &["KAKAOPAY"]) && !allowed(urls, &["KAKAOPAY", "CARD"]));
        let [kind, fail, close] = urls;
        let app = ("APPURL", "myapp://");
        assert!(allowed([kind, fail, close, app], &["CARD", "BANK"]));
        assert!(!allowed([kind, fail, app], &["BANK"]));
        assert!(allowed([("TYPE", "M")], &["CARD"]));
    }

    #[test]
    fn receipts_and_instalments_are_written_as_the_method_wants_them() {
        let receipt = |flag, methods: &[&str]| allowed([("CASHRECEIPTFLAG", flag)], methods);
        assert!(receipt("Y", &["KAKAOPAY", "PAYCO"]) && receipt("0", &["BANK"]));
        assert!(!receipt("1", &["KAKAOPAY"]) && !receipt("N", &["BANK"]));
        let quota = |won, list| allowed([("AMOUNT", won), ("CPQUOTA", list)], &["CARD"]);
        assert!(quota("50000", "0:2:12") && quota("100", "0"));
        for (won, list) in [("49999", "0:2"), ("50000", "13"), ("50000", "0,2"), ("50000", "1")] {
            assert!(!quota(won, list), "{won} {list}");
        }
    }

    #[test]
    fn what_the_test_environment_does_not_take_is_said_beside_the_method() {
        let request = |kind, won| Fields::from([("TYPE", kind), ("AMOUNT", won)]);
        assert!(note(&request("P", "9900"), "PAYCO").contains("TYPE=M"));
        assert!(note(&request("M", "9900"), "PAYCO").is_empty());
        assert!(note(&request("P", "999"), "BANK").contains("1,000원"));
        assert!(note(&request("P", "1000"), "BANK").is_empty());
    }
}
