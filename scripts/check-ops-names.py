#!/usr/bin/env python3
"""What promtool does not ask of ops/: whether names that are used are there.

    scripts/check-ops-names.py RULES

Metrics, labels and their values, of the alerts, their scenarios and the dashboard, against the macro
calls in src/. Of each alert: a scenario in which it fires, a severity, texts in both languages, and the
headings of the documents that they name. Of the dashboard: that it is JSON, with panels that do not
overlap. Writes the dashboard's expressions to RULES, as recording rules that promtool can check. Exit
code 1 when something is wrong.
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OPS = ROOT / "ops"
SOURCES = {path: path.read_text() for path in sorted((ROOT / "src").rglob("*.rs"))}
EXPORTED = re.compile(r'metrics::(counter|gauge|histogram)!\(\s*"(\w+)"([^;]*?)\)\s*[.)]')
# What Prometheus itself adds.
OF_TARGETS = {"job", "instance"}
OF_PROMETHEUS = {"up": OF_TARGETS, "ALERTS": {"alertname", "alertstate", "severity"}}
WORDS = {"and", "or", "unless", "offset", "bool"}
# What Grafana puts in, and something of its kind.
VARIABLES = {"$job": "kiwoom-billing", "$instance": "a:3000", "$__rate_interval": "5m", "$__interval": "5m",
             "$__range": "1d"}
TEXTS = ("summary", "summary_en", "description", "description_en")
problems = []


def exported():
    """The labels of each series that the service exports, by its name."""
    series = dict(OF_PROMETHEUS)
    everything = "\n".join(SOURCES.values())
    # Without buckets a histogram is shown as a summary.
    distribution = ("_bucket", "le") if ".set_buckets" in everything else ("", "quantile")
    for kind, name, arguments in EXPORTED.findall(everything):
        labels = set(re.findall(r'"(\w+)"\s*=>', arguments)) | OF_TARGETS
        if kind == "histogram":
            suffix, label = distribution
            series |= {name + suffix: labels | {label}, name + "_sum": labels, name + "_count": labels}
        else:
            series[name] = labels
    return series


def says(name, value):
    """Whether the file that counts this, or one beside it, has this text. A record is made of the
    counter that its name holds."""
    counter = re.sub(r"^kiwoom_billing:(\w+):.*", r"kiwoom_billing_\1_total", name)
    folders = {path.parent for path, text in SOURCES.items() if f'"{counter}"' in text}
    return any(path.parent in folders and f'"{value}"' in text for path, text in SOURCES.items())


def check_expression(where, expression, series):
    """Whether each series, label and value is one that there may be."""
    for name, matchers in re.findall(r"([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}", expression):
        for label, value in re.findall(r'(\w+)\s*[=!]~?\s*"([^"]*)"', matchers):
            if name in series and label not in series[name]:
                problems.append(f"{where}: {name} has no label {label}")
            known = label in OF_TARGETS | {"status", "le", "route"} or name in OF_PROMETHEUS
            for one in [] if known else value.split("|"):
                # A step of a call is a number.
                if not one.isdigit() and not says(name, one):
                    problems.append(f"{where}: {name} is never counted with {label} {one}")
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b\d\w*', " ", expression)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    for name in re.findall(r"[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])", bare):
        if name not in series and name not in WORDS:
            problems.append(f"{where}: the service exports no {name}")


def expressions_of_rules(text):
    """Each rule's kind, name, expression, and what else is said of it."""
    for rule in re.split(r"^      - (?=record: |alert: )", text, flags=re.M)[1:]:
        kind, name = re.match(r"(record|alert): (\S+)", rule).groups()
        expression = re.search(r"^        expr: (?:\|\n((?:          .*\n)+)|(.*)\n)", rule, re.M)
        if not expression:
            problems.append(f"{name}: no expression that this script can read")
            continue
        yield kind, name, expression[1] or expression[2], rule


def check_alert(name, rule, scenarios):
    """Whether it is told of in full, and seen to fire."""
    if not re.search(r"^        labels: \{severity: (page|ticket)\}$", rule, re.M):
        problems.append(f"{name}: no severity, page or ticket")
    for text in TEXTS:
        found = re.search(rf"^          {text}: '.+'$", rule, re.M)
        if not found:
            problems.append(f"{name}: no {text}")
        elif text.startswith("description") and not re.search(r'docs/\S+ "', found[0]):
            problems.append(f"{name}: {text} names no document")
    for document, heading in re.findall(r'(docs/\S+\.md) "([^"]+)"', rule):
        path = ROOT / document
        if not path.exists() or not re.search(rf"^#+ {re.escape(heading)}$", path.read_text(), re.M):
            problems.append(f"{name}: {document} has no heading {heading}")
    if f'alertname="{name}"' not in scenarios:
        problems.append(f"{name}: no scenario in which it fires")


def check_alerts(series):
    """The rules, and the series that their scenarios make up. Records are series of their own."""
    scenarios = "".join(path.read_text() for path in sorted((OPS / "prometheus").glob("*_test.yml")))
    rules = (OPS / "prometheus" / "alerts.yml").read_text()
    for kind, name, expression, rule in list(expressions_of_rules(rules)):
        check_expression(name, expression, series)
        if kind == "record":
            grouped = re.search(r"sum by \(([\w, ]+)\)", expression)
            if not grouped:
                problems.append(f"{name}: a record is a sum by job and more")
                continue
            series = series | {name: set(re.split(r",\s*", grouped[1]))}
        else:
            check_alert(name, rule, scenarios)
    for made_up in set(re.findall(r"series: '([^']+)'", scenarios)):
        check_expression("scenarios", made_up, series)


def rows_and_panels(dashboard):
    """All panels, those inside a closed row too."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def check_layout(panels):
    """Ids that are used once, and places on Grafana's 24 columns that nobody else has."""
    taken, ids = set(), set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        if panel["id"] in ids or taken & cells or at["x"] + at["w"] > 24:
            problems.append(f"panel {panel['title']}: its id or place is another's")
        ids.add(panel["id"])
        taken |= cells


def check_dashboard(series):
    """The dashboard; its expressions as rules."""
    dashboard = json.loads((OPS / "grafana" / "dashboard.json").read_text())
    panels = list(rows_and_panels(dashboard))
    check_layout(panels)
    rules = []
    for panel in panels:
        where = f"panel {panel['title']}"
        if panel["type"] != "row" and not panel.get("targets"):
            problems.append(f"{where}: no query")
        for target in panel.get("targets", []):
            sources = [panel["datasource"]["uid"], target["datasource"]["uid"]]
            if sources != ["${datasource}"] * 2:
                problems.append(f"{where}: its data source is not ${{datasource}}")
            expression = target["expr"]
            for variable, value in VARIABLES.items():
                expression = expression.replace(variable, value)
            if "$" in expression:
                problems.append(f"{where}: a variable that this script does not know: {expression}")
            check_expression(where, expression, series)
            rules.append({"record": f"panel_{panel['id']}_{target['refId']}", "expr": expression})
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            asked = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"])
            expression = asked[1].replace("$job", VARIABLES["$job"])
            check_expression(f"variable {variable['name']}", expression, series)
    return rules


def main():
    series = exported()
    check_alerts(series)
    rules = check_dashboard(series)
    # YAML reads JSON.
    groups = {"groups": [{"name": "dashboard", "rules": rules}]}
    pathlib.Path(sys.argv[1]).write_text(json.dumps(groups, indent=1))
    print(f"ops: {len(series) - len(OF_PROMETHEUS)} series exported, {len(rules)} queries of the dashboard")
    for problem in problems:
        print(f"WRONG {problem}")
    sys.exit(1 if problems else 0)


main()
