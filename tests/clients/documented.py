"""Runs the programs of docs/clients.md that use the packages, and compares what they print.

    documented.py TOOLS

A program is a block after <!-- not run: scripts/check-clients.sh runs it -->; the `text` block after it is what it
prints. The Korean document has the same ones. BASE_URL is the service.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from kiwoom_billing import KiwoomBilling

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = Path(sys.argv[1]).resolve()
FOLDER = TOOLS / "out/package-typescript"
PROGRAM = re.compile(
    r"<!-- not run: scripts/check-clients.sh runs it -->\n```(typescript|python)\n(.*?)```\n```text\n(.*?)```", re.DOTALL)


def programs(document):
    return PROGRAM.findall((ROOT / document).read_text(encoding="utf-8"))


def register(number):
    return KiwoomBilling(os.environ["BASE_URL"]).register_card({
        "cardNumber": number, "expireDate": "3012", "cardPassword": "12", "birthDate": "901231",
        "customerName": "홍길동", "customerId": "user123",
    })["billingKey"]


def main():
    found = programs("docs/clients.md")
    languages = {language for language, _, _ in found}
    if languages != {"typescript", "python"} or found != programs("docs/ko/clients.md"):
        sys.exit("docs/clients.md and docs/ko/clients.md: the same programs in TypeScript and Python are expected")
    environment = {
        **os.environ, "BILL_KEY": register("4111111111111111"), "LOST_KEY": register("4000000000000119"),
    }
    for number, (language, text, expected) in enumerate(found):
        text = text.replace("http://localhost:3000", os.environ["BASE_URL"])
        source = FOLDER / f"example/documented-{number}.{'ts' if language == 'typescript' else 'py'}"
        source.write_text(text, encoding="utf-8")
        if language == "typescript":
            subprocess.run([TOOLS / "node_modules/.bin/tsc", "--project", FOLDER / "tsconfig.test.json"], check=True)
            command = ["node", FOLDER / f"build/example/documented-{number}.js"]
        else:
            command = [TOOLS / "bin/python", source]
        printed = subprocess.run(command, env=environment, check=True, text=True, stdout=subprocess.PIPE).stdout
        if printed != expected:
            sys.exit(f"docs/clients.md, the program in {language}, prints:\n{printed}and not:\n{expected}")
    print(f"{len(found)} programs of docs/clients.md print what they show")


main()
