//! The gateway: found, trusted, in time, and open to the key and the methods of the settings.

use chrono::TimeDelta;
use kiwoom_clock::Clock;
use tokio::net::lookup_host;
use url::Url;

use super::report::Report;
use crate::config::{Config, Gateway};
use crate::easypay::methods;
use crate::kiwoom::window::TOTAL;
use crate::kiwoom::{BATCH, GatewayError, KEYGEN, KiwoomClient};
use crate::rules::contract::{Contract, Contracts};

/// The gateway's clock is told in whole seconds, and some time after it was read.
const MOST_SKEW: TimeDelta = TimeDelta::seconds(30);

/// What is asked, each of which moves no money.
#[derive(Clone, Copy)]
enum Question {
    /// Step 1 of a call.
    Ready,
    /// Step 1 of a cancellation.
    ReadyToCancel,
    /// The hash of an order of the window.
    Hash,
}

pub(super) async fn check(
    config: &Config,
    client: &KiwoomClient,
    clock: &Clock,
    report: &mut Report,
) {
    let reached = is_found(config, client.base_url(), report).await
        && is_reached(config, client, clock, report).await;
    for (contract, question, method) in questions(client.contracts(), &methods::codes(config)) {
        let name = match question {
            Question::Ready => method.to_owned(),
            Question::ReadyToCancel => format!("{method} cancel"),
            Question::Hash => format!("{method} hash"),
        };
        if !reached {
            let reason = "게이트웨이에 연결하지 못했습니다 (the gateway was not reached)";
            report.skipped(&name, reason);
            continue;
        }
        let answer = match question {
            Question::Ready => client.try_ready(contract, method, false).await,
            Question::ReadyToCancel => client.try_ready(contract, method, true).await,
            Question::Hash => client.try_hash(contract, method).await,
        };
        told(&name, &contract.cpid, answer, report);
    }
}

/// For cards that are registered and charged, and for the window with each method that it offers,
/// under the contract of its own where it has one.
fn questions<'a>(
    contracts: &'a Contracts,
    offered: &[(&'static str, Option<&'a Contract>)],
) -> Vec<(&'a Contract, Question, &'static str)> {
    let (billing, window) = (&*contracts.billing, &*contracts.window);
    let under = |question| {
        move |(code, own): &(&'static str, Option<&'a Contract>)| {
            (own.unwrap_or(window), question, *code)
        }
    };
    let of_cards = [
        (billing, Question::Ready, KEYGEN),
        (billing, Question::Ready, BATCH),
        (billing, Question::ReadyToCancel, BATCH),
    ];
    // Bank transfers are given back by hand.
    let refunded = offered.iter().filter(|(code, _)| *code != "BANK");
    let is_shared = offered.iter().any(|(_, own)| own.is_none());
    let of_all = is_shared.then_some((window, Question::Hash, TOTAL));
    of_cards
        .into_iter()
        .chain(refunded.map(under(Question::ReadyToCancel)))
        .chain(of_all)
        .chain(offered.iter().map(under(Question::Hash)))
        .collect()
}

async fn is_found(config: &Config, base: &Url, report: &mut Report) -> bool {
    let (host, port) = (base.host_str().unwrap_or_default(), base.port_or_known_default());
    if config.kiwoom.gateway.is_sandbox() {
        report.skipped("gateway DNS", format_args!("샌드박스 (the sandbox): {base}"));
        return true;
    }
    if let Some(proxy) = &config.kiwoom.proxy {
        let text = format!(
            "이름 조회는 KIWOOM_PROXY_URL의 프록시가 합니다 (the proxy of KIWOOM_PROXY_URL looks it up): {}",
            proxy.shown()
        );
        report.skipped("gateway DNS", text);
        return true;
    }
    match lookup_host((host.trim_matches(['[', ']']), port.unwrap_or(443))).await {
        Ok(addresses) => {
            let mut addresses: Vec<String> = addresses.map(|a| a.ip().to_string()).collect();
            addresses.dedup();
            report.ok("gateway DNS", format_args!("{host}: {}", addresses.join(", ")));
            true
        }
        Err(error) => {
            report.failed(
                "gateway DNS",
                format_args!(
                    "{host}을(를) 찾을 수 없습니다. 이 장비의 DNS와 KIWOOM_BASE_URL을 확인해 주세요 ({host} is not found: \
                     look at this machine's DNS, and at KIWOOM_BASE_URL): {error}"
                ),
            );
            false
        }
    }
}

async fn is_reached(
    config: &Config,
    client: &KiwoomClient,
    clock: &Clock,
    report: &mut Report,
) -> bool {
    let name = if client.base_url().scheme() == "https" { "gateway TLS" } else { "gateway" };
    let date = match client.reach().await {
        Ok(date) => date,
        Err(causes) => {
            let advice = advice(&causes, &config.kiwoom.gateway);
            report.failed(name, format_args!("{advice}: {causes}"));
            return false;
        }
    };
    report.ok(name, client.base_url());
    let skew = date.map(|date| clock.host_now() - date);
    match skew {
        None => report.skipped("gateway clock", "시각을 알려 주지 않습니다 (it does not tell the time)"),
        Some(skew) if skew.abs() <= MOST_SKEW => {
            report.ok("gateway clock", "이 장비와 일치합니다 (agrees with this machine)");
        }
        Some(skew) => report.failed(
            "gateway clock",
            format_args!(
                "이 장비의 시계와 {}초 차이가 납니다. NTP를 실행해 주세요 (this machine is ahead by {0} s: run NTP)",
                skew.num_seconds()
            ),
        ),
    }
    true
}

/// What to do, by what the library says went wrong.
fn advice(causes: &str, gateway: &Gateway) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| causes.contains(word));
    if matches!(gateway, Gateway::Sandbox) {
        "서비스가 실행 중이 아니어서 내장 샌드박스에 연결할 수 없습니다. 서비스를 실행한 뒤 다시 확인해 주세요 (the built-in sandbox \
         is part of the service, which is not running: start it first)"
    } else if says(&["NotValidForName", "not valid for name"]) {
        "인증서가 다른 호스트의 것입니다. KIWOOM_BASE_URL과 DNS를 확인해 주세요 (the certificate is another host's: look at \
         KIWOOM_BASE_URL and the DNS)"
    } else if says(&["Expired", "expired", "NotValidYet", "not valid yet"]) {
        "인증서의 유효기간이 아닙니다. 이 장비의 시계를 확인해 주세요 (the certificate is not valid at this time: look at this \
         machine's clock)"
    } else if says(&["UnknownIssuer", "SelfSigned", "CaUsedAsEndEntity", "certificate"]) {
        "인증서를 신뢰할 수 없습니다. ca-certificates를 설치하고, TLS를 중간에서 검사하는 장비가 있는지 확인해 주세요 (the certificate is \
         not trusted: install ca-certificates, and look for a device that inspects TLS)"
    } else if says(&["HandshakeFailure", "ProtocolVersion", "corrupt message", "alert"]) {
        "TLS 연결에 실패했습니다. 해당 포트가 TLS 1.2 이상인지 확인해 주세요 (no TLS 1.2 or later is spoken there)"
    } else {
        "연결할 수 없습니다. 방화벽에서 443 포트로 나가는 연결을 허용해 주세요 (cannot connect: let connections to port 443 \
         out of the firewall)"
    }
}

fn told(name: &str, cpid: &str, answer: Result<(), GatewayError>, report: &mut Report) {
    match answer {
        Ok(()) => {
            report.ok(name, format_args!("{cpid}: 연동키를 확인했습니다 (the key is accepted)"));
        }
        Err(
            GatewayError::ReadyRefused { code, message, .. }
            | GatewayError::Refused { code, message, .. },
        ) => report.failed(
            name,
            format_args!(
                "{cpid}: 거절되었습니다. CPID와 연동키가 맞는지, 이 결제수단이 계약되어 있는지 KiwoomPay에 확인해 주세요 \
                 (refused: look at the CPID and its key, and ask KiwoomPay whether this method is open \
                 to them): {code} {message}"
            ),
        ),
        Err(error @ (GatewayError::NotSent(_) | GatewayError::Unknown(_))) => report.failed(
            name,
            format_args!("{cpid}: 응답이 올바르지 않습니다 (no proper answer): {error}"),
        ),
    }
}
