#!/usr/bin/env bash
# Question: an alert is renamed, and its test, which says when it must not fire, keeps the old name; or the
#     test names a file of rules that is not there. Does `promtool test rules` fail?
# Usual guess: yes. The rules, the files and the names of a test are read strictly: even an unknown key
#     is an error.
# What happens: SUCCESS, exit code 0. An alert_rule_test with `exp_alerts: []` compares nothing with
#     nothing when no rule has its alertname; a pattern of rule_files that matches no file is a warning.
#     The opposite is fine as well: an alert that fires and that no test names is nobody's concern.
#     Whoever asks for the series ALERTS instead gets all that fire, by whatever name.
# Hurts: whoever trusts such a test to keep an alert quiet at night: after the renaming it tests nothing.
# This project: the scenarios of ops/prometheus ask for ALERTS, and scripts/check-ops-names.py looks for
#     each alert in them.
set -euo pipefail

VERSION=2.42.0+ds-5+deb12u1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# The package is unpacked, not installed: that would start Prometheus.
apt-get download -qq -o APT::Sandbox::User=root "prometheus=$VERSION"
dpkg -x prometheus_*.deb .

cat >rules.yml <<'YML'
groups:
  - name: shop
    rules:
      - {alert: ShopIsDown, expr: up == 0}
YML

# ask WHAT RULES TEST: one test of a shop that is down for five minutes.
ask() {
    cat >test.yml <<YML
rule_files: [$2]
tests:
  - interval: 1m
    input_series: [{series: up, values: '0x5'}]
    $3
YML
    local status=0
    usr/bin/promtool test rules test.yml >/dev/null 2>&1 || status=$?
    echo "$1: exit code $status"
}

usr/bin/promtool --version 2>&1 | sed 's/ (.*//;q' | tee seen
{
    ask 'not ShopIsDown, which fires' rules.yml \
        'alert_rule_test: [{eval_time: 3m, alertname: ShopIsDown, exp_alerts: []}]'
    ask 'not ShopDown, which no rule has' rules.yml \
        'alert_rule_test: [{eval_time: 3m, alertname: ShopDown, exp_alerts: []}]'
    ask 'not ShopIsDown, rules that are not there' rule.yml \
        'alert_rule_test: [{eval_time: 3m, alertname: ShopIsDown, exp_alerts: []}]'
    ask 'a key that there is not' rules.yml \
        'alert_rule_test: [{eval_time: 3m, alert: ShopIsDown, exp_alerts: []}]'
    ask 'no ALERTS at all' rules.yml \
        'promql_expr_test: [{eval_time: 3m, expr: ALERTS, exp_samples: []}]'
} | tee -a seen
diff seen - <<'EXPECTED' || { echo 'the behaviour has changed' >&2 && exit 1; }
promtool, version 2.42.0+ds
not ShopIsDown, which fires: exit code 1
not ShopDown, which no rule has: exit code 0
not ShopIsDown, rules that are not there: exit code 0
a key that there is not: exit code 1
no ALERTS at all: exit code 1
EXPECTED
