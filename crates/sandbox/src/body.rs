//! Bodies of requests: as KiwoomPay's manual has them (JSON of strings in CP949), or as it is seen to
//! take them from merchants' programs.

use axum::http::HeaderMap;
use encoding_rs::EUC_KR;
use serde_json::{Map, Value};

use crate::wire::{Fields, Refusal, charset_named, header_text, is_euc_kr};
use crate::{charset, codes};

/// Reads a body. Unless it has to be `strict`, any Content-Type will do, text is in the charset that it
/// names or else in UTF-8, and whole numbers count as strings.
pub fn parse(strict: bool, headers: &HeaderMap, body: &[u8]) -> Result<Fields, Refusal> {
    let content_type = header_text(headers, "content-type");
    let text = if strict {
        require_euc_kr(content_type)?;
        decode(body)?
    } else {
        decode_leniently(content_type, body)?
    };
    let Ok(Value::Object(values)) = serde_json::from_str(&text) else {
        return Err(Refusal::new(codes::NOT_JSON, "요청 본문이 JSON 객체가 아닙니다."));
    };
    let values: Map<String, Value> = if strict {
        values
    } else {
        values.into_iter().map(|(name, value)| (name, digits_as_text(value))).collect()
    };
    if let Some((name, _)) = values.iter().find(|(_, value)| !value.is_string()) {
        let message = format!("{name} 값은 문자열이어야 합니다(숫자도 따옴표로 감싸 주세요).");
        return Err(Refusal::new(codes::NOT_A_STRING, message));
    }
    Ok(values.into())
}

/// What can be read of a body without judging it, for the records and for choosing a fault.
pub fn peek(body: &[u8]) -> Fields {
    let (text, _, _) = EUC_KR.decode(body);
    match serde_json::from_str(&text) {
        Ok(Value::Object(values)) => values.into(),
        _ => Fields::default(),
    }
}

fn require_euc_kr(content_type: &str) -> Result<(), Refusal> {
    let kind = content_type.split(';').next().unwrap_or_default();
    if kind.trim().eq_ignore_ascii_case("application/json") && is_euc_kr(content_type) {
        return Ok(());
    }
    let message = "Content-Type은 application/json;charset=EUC-KR이어야 합니다.";
    Err(Refusal::new(codes::NOT_JSON, message))
}

fn decode(body: &[u8]) -> Result<String, Refusal> {
    if charset::is_utf8_korean(body) {
        let message = "본문의 한글이 UTF-8입니다. EUC-KR(CP949) 바이트로 보내 주세요.";
        return Err(Refusal::new(codes::NOT_CP949, message));
    }
    charset::decode(body).ok_or_else(|| {
        Refusal::new(codes::NOT_CP949, "본문이 올바른 EUC-KR(CP949) 바이트가 아닙니다.")
    })
}

/// Under a charset that is not the body's, Korean text is garbled, so that it shows in the receipt.
fn decode_leniently(content_type: &str, body: &[u8]) -> Result<String, Refusal> {
    if is_euc_kr(content_type) {
        return Ok(EUC_KR.decode(body).0.into_owned());
    }
    if let Ok(text) = std::str::from_utf8(body) {
        return Ok(text.trim_start_matches('\u{feff}').to_owned());
    }
    let cp949 = charset_named(content_type).is_none().then(|| charset::decode(body));
    cp949.flatten().ok_or_else(|| {
        let message =
            "본문이 Content-Type의 charset과 다릅니다. UTF-8이나 EUC-KR(CP949)로 보내 주세요.";
        Refusal::new(codes::NOT_CP949, message)
    })
}

fn digits_as_text(value: Value) -> Value {
    if value.is_u64() { value.to_string().into() } else { value }
}
