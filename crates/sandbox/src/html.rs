//! The little there is to making HTML by hand safely.

use std::fmt::Write;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::wire;

/// `text` with every character that means something in HTML replaced.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// An amount as Koreans write it: `9,900원`.
pub fn won(amount: u64) -> String {
    let digits = amount.to_string();
    let mut grouped = String::with_capacity(digits.len() + 8);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + "원"
}

/// A table, or the word that there is nothing. A column has a heading and a class; cells are HTML.
/// On a phone each cell stands under the last one, with its heading beside it.
pub fn table<const N: usize>(columns: [(&str, &str); N], rows: &[[String; N]]) -> String {
    if rows.is_empty() {
        return "<p class=\"empty\">없습니다.</p>".to_owned();
    }
    let mut table = "<table class=\"stack\"><thead><tr>".to_owned();
    for (heading, class) in columns {
        let _ = write!(table, "<th scope=\"col\" class=\"{class}\">{heading}</th>");
    }
    table += "</tr></thead><tbody>";
    for row in rows {
        table += "<tr>";
        for ((heading, class), cell) in columns.iter().zip(row) {
            let _ = write!(
                table,
                "<td class=\"{class}\" data-label=\"{heading}\"><span>{cell}</span></td>"
            );
        }
        table += "</tr>";
    }
    table + "</tbody></table>"
}

/// What a page may load: the sandbox's own scripts and styles.
const OWN: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The same for the window: merchants' pages frame it, and its form leads on to theirs.
const WINDOW: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; \
    base-uri 'none'; frame-ancestors *";

/// A page in UTF-8.
pub fn page(status: StatusCode, html: String) -> Response {
    with_policy(OWN, status, html)
}

/// A page of the window, in UTF-8.
pub fn window(status: StatusCode, html: String) -> Response {
    with_policy(WINDOW, status, html)
}

fn with_policy(policy: &'static str, status: StatusCode, html: String) -> Response {
    let page = wire::bytes(status, "text/html; charset=utf-8", html.into_bytes());
    ([(header::CONTENT_SECURITY_POLICY, policy)], page).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_can_open_a_tag_or_leave_an_attribute() {
        assert_eq!(escape("<b a='1' b=\"2\">&"), "&lt;b a=&#39;1&#39; b=&quot;2&quot;&gt;&amp;");
    }

    #[test]
    fn amounts_are_grouped_by_thousands() {
        for (amount, shown) in [(0, "0원"), (999, "999원"), (1000, "1,000원")] {
            assert_eq!(won(amount), shown);
        }
        assert_eq!(won(9_999_999_999), "9,999,999,999원");
    }
}
