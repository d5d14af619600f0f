//! What KiwoomPay's notifications need: a URL that it takes and reaches, and proxies whose word
//! counts.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::{Client, Method, StatusCode, redirect};
use tokio::net::lookup_host;
use url::Url;

use super::report::Report;
use crate::config::Config;

const URL: &str = "notification URL";
const PROXIES: &str = "TRUSTED_PROXIES";
/// The longest URL that the merchant pages take (protocol section 1).
const MAX_URL_BYTES: usize = 100;
/// KiwoomPay waits about 9 seconds (protocol section 4).
const PATIENCE: Duration = Duration::from_secs(9);

/// The URL that has to be registered in the merchant pages.
pub(super) async fn check(config: &Config, report: &mut Report) {
    if config.kiwoom.gateway.is_sandbox() {
        return report.skipped(
            URL,
            "샌드박스는 서비스를 직접 호출합니다 (the sandbox calls the service itself)",
        );
    }
    let Some(public) = &config.public_url else {
        return report.failed(
            URL,
            "PUBLIC_URL이 없어 통지를 받을 주소를 알 수 없습니다 (set PUBLIC_URL: where notifications are to come)",
        );
    };
    let text = format!("{}/webhook/kiwoom", public.as_str().trim_end_matches('/'));
    match unfit(&text).await {
        Some(why) => report.failed(URL, format_args!("{text}: {why}")),
        None => match answers(&text).await {
            Ok(()) => report.ok(
                URL,
                format_args!(
                    "{text} ({}바이트). 이곳에서 연결했습니다. KiwoomPay에서도 연결되는지는 테스트 결제로 확인해 주세요 ({0} bytes; \
                     reached from here: a test payment shows whether KiwoomPay reaches it)",
                    text.len()
                ),
            ),
            Err(why) => report.failed(URL, format_args!("{text}: {why}")),
        },
    }
}

/// Why KiwoomPay does not take the URL, or can never reach it.
async fn unfit(text: &str) -> Option<String> {
    if text.len() > MAX_URL_BYTES {
        return Some(format!(
            "{}바이트입니다. KiwoomPay에는 {MAX_URL_BYTES}바이트까지 등록할 수 있습니다 ({0} bytes: the merchant pages take \
             {MAX_URL_BYTES})",
            text.len()
        ));
    }
    let url = Url::parse(text).ok()?;
    let port = url.port_or_known_default()?;
    if !matches!(port, 80 | 443) {
        return Some(format!(
            "KiwoomPay는 80과 443 포트로만 통지합니다 (port {port}: KiwoomPay calls ports 80 and 443 alone)"
        ));
    }
    let host = url.host_str()?.trim_matches(['[', ']']);
    let mut addresses = match lookup_host((host, port)).await {
        Ok(addresses) => addresses,
        Err(error) => {
            return Some(format!("{host}을(를) 찾을 수 없습니다 ({host} is not found): {error}"));
        }
    };
    addresses.all(|address| is_local(address.ip())).then(|| {
        format!("{host}은(는) 내부 주소입니다 ({host} is an address of this machine or network)")
    })
}

fn is_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified()
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || ip.is_unspecified()
        }
    }
}

/// Asks with a method that a notification never has: the service says that it does not take it, and
/// counts nothing.
async fn answers(url: &str) -> Result<(), String> {
    let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().timeout(PATIENCE);
    let client = client.build().map_err(|error| error.to_string())?;
    let answer = client.request(Method::OPTIONS, url).send().await.map_err(|error| {
        let error = error.without_url();
        format!("이곳에서 연결할 수 없습니다. 프록시와 인증서를 확인해 주세요 (not reached from here: look at the proxy and its \
                 certificate): {error}")
    })?;
    let status = answer.status();
    if status == StatusCode::METHOD_NOT_ALLOWED && answer.headers().contains_key("x-request-id") {
        return Ok(());
    }
    Err(format!(
        "이 서비스가 아닌 곳에서 응답했습니다({status}). 프록시가 /webhook/을 서비스로 전달하고 다른 곳으로 보내지 않는지 확인해 주세요 ({status}, \
         and not from this service: the proxy has to pass /webhook/ on, without a redirect)"
    ))
}

/// Whether the proxies of the settings are believable.
pub(super) fn check_proxies(config: &Config, report: &mut Report) {
    let proxies = &config.trusted_proxies;
    let wide = proxies.iter().find(|net| net.prefix_len() < 8);
    let senders = &config.webhook_allowed_ips;
    let sender = proxies.iter().find(|net| senders.iter().any(|ip| net.contains(&ip.addr())));
    if let Some(net) = wide {
        report.failed(
            PROXIES,
            format_args!(
                "{net}: 거의 모든 주소를 프록시로 신뢰하므로 누구나 KiwoomPay를 사칭할 수 있습니다. 프록시의 주소만 설정해 주세요 (believes \
                 almost everybody, who can then pose as KiwoomPay: name the proxies alone)"
            ),
        );
    } else if let Some(net) = sender {
        report.failed(
            PROXIES,
            format_args!(
                "{net}: 통지를 보내는 주소가 포함되어 있습니다. 프록시의 주소만 설정해 주세요 (holds an address that notifications come \
                 from: name the proxies alone)"
            ),
        );
    } else if !proxies.is_empty() {
        let proxies: Vec<String> = proxies.iter().map(ToString::to_string).collect();
        report.ok(PROXIES, proxies.join(", "));
    } else if config.is_production() {
        report.failed(
            PROXIES,
            "비어 있습니다. 프록시를 거친 통지는 모두 403으로 거절됩니다. 리버스 프록시의 주소를 설정해 주세요 (empty: every \
             notification through a proxy is refused with 403; name the reverse proxy)",
        );
    } else {
        report.skipped(PROXIES, "프록시가 없습니다 (no proxies)");
    }
}
