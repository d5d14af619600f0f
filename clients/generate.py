"""Writes the types of both packages from the service's description, or says that they are stale.

    generate.py DESCRIPTION TOOLS [--check]

TOOLS has `bin` of the Python tools and `node_modules`.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
DESCRIPTION, TOOLS = (Path(argument).resolve() for argument in sys.argv[1:3])
TYPESCRIPT = HERE / "typescript/src/api.ts"
PYTHON = HERE / "python/kiwoom_billing/types.py"
PYTHON_OPTIONS = [
    "--input-file-type", "openapi", "--output-model-type", "typing.TypedDict", "--target-python-version", "3.10",
    "--enum-field-as-literal", "all", "--use-standard-collections", "--use-union-operator", "--formatters", "builtin",
    "--disable-timestamp", "--use-schema-description", "--use-field-description",
]


def lasting(value):
    """Without what changes from day to day, and without refusals, which all have one shape."""
    if isinstance(value, list):
        return [lasting(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {name: lasting(part) for name, part in value.items() if name not in ("example", "examples")}
    if isinstance(kept.get("responses"), dict):
        kept["responses"] = {status: answer for status, answer in kept["responses"].items() if status[0] in "2d"}
    return kept


def run(*command):
    path = f"{TOOLS / 'bin'}:{TOOLS / 'node_modules/.bin'}:{os.environ['PATH']}"
    done = subprocess.run([str(part) for part in command], env={**os.environ, "PATH": path}, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(done.stdout)


def main():
    document = lasting(json.loads(DESCRIPTION.read_text(encoding="utf-8")))
    del document["webhooks"]
    stale = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "openapi.json"
        source.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        typescript, python = Path(folder) / "api.ts", Path(folder) / "types.py"
        run("openapi-typescript", source, "--output", typescript)
        run("datamodel-codegen", "--input", source, "--output", python, *PYTHON_OPTIONS)
        for made, kept in ((typescript, TYPESCRIPT), (python, PYTHON)):
            text = made.read_text(encoding="utf-8")
            if "--check" not in sys.argv:
                kept.write_text(text, encoding="utf-8")
            elif not kept.exists() or kept.read_text(encoding="utf-8") != text:
                stale.append(kept.relative_to(HERE.parent))
    if stale:
        sys.exit(f"Stale: {', '.join(map(str, stale))}. Write them again with: scripts/check-clients.sh types")


main()
