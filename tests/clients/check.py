"""Feeds a description to the tools that read OpenAPI, compiles what they write, and prints a table.

    check.py DESCRIPTION FOLDER TOOLS [NAME…]

TOOLS has `bin` of the Python tools and `node_modules`, FOLDER is inside it. Without names all of it is made; `cheap` stands for
what CI runs for every change. Ends with 1 when anything was refused, warned of or does not compile.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
DESCRIPTION, OUT, TOOLS = (Path(argument).resolve() for argument in sys.argv[1:4])
NODE = TOOLS / "node_modules"
CHEAP = ["unique ids", "spectral", "redocly", "openapi-typescript", "openapi-python-client"]
# Of each part of the table: what it says when nothing is wrong.
FINE = {"reads": ("yes",), "warnings": (0,), "compiles": ("yes", "syntax", "-")}
# The generator's own jar has the libraries that its Java and Kotlin need.
JAR = next(TOOLS.glob("lib/python*/site-packages/openapi_generator_cli/openapi-generator.jar"), "")
# What is taken out for OpenAPI Generator, as callers are told to do it.
FILTER = re.search(r"jq '(del.*?)' >", (HERE.parent.parent / "docs/clients.md").read_text(encoding="utf-8"), re.DOTALL)
# What the generator says of every document of OpenAPI 3.1, whatever is in it, and of words that are
# reserved in its language and get another name; examples go into its own documents only.
NOT_OURS = re.compile(r"OpenAPI 3\.1 support|Failed to get the schema name: null|reserved word|cannot be used as|"
                      r"matches existing language type|Codegen property is null|Ignoring complex example")


def run(*command, cwd=None):
    """Status and output. The tools of Python and Node are found first."""
    path = f"{TOOLS / 'bin'}:{NODE / '.bin'}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "CI": "1", "GOFLAGS": "-mod=mod", "GOPROXY": "off"}
    done = subprocess.run([str(part) for part in command], cwd=cwd or OUT, env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


def log(name, text):
    (OUT / f"{name.replace(' ', '-')}.log").open("a", encoding="utf-8").write(text)


def step(name, *command, cwd=None):
    """Whether the command went well; its output is kept."""
    status, text = run(*command, cwd=cwd)
    log(name, f"$ {' '.join(map(str, command))}\n{text}\n")
    return status == 0, text


def row(reads, warnings=0, compiles="-"):
    word = {True: "yes", False: "NO"}
    return {"reads": word[reads], "warnings": warnings, "compiles": word.get(compiles, compiles)}


def files(folder, ending):
    return sorted(folder.rglob(f"*{ending}"))


def unique_ids(name):
    document = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    items = [*document["paths"].values(), *document.get("webhooks", {}).values()]
    ids = [operation.get("operationId", "none") for item in items for operation in item.values()]
    names = Counter(word.lower() for word in [*ids, *document["components"]["schemas"]])
    twice = [word for word, count in names.items() if count > 1]
    log(name, f"{len(ids)} operations; twice: {twice}\n")
    return row(not twice, len(twice))


def spectral(name):
    _, text = step(name, "spectral", "lint", "--ruleset", HERE / "spectral.yaml", "--format", "json",
                   "--quiet", DESCRIPTION)
    findings = json.loads(text[text.index("["):text.rindex("]") + 1])
    return row(all(finding["severity"] for finding in findings), len(findings))


def redocly(name):
    _, text = step(name, "redocly", "lint", "--config", HERE / "redocly.yaml", "--format", "json", DESCRIPTION)
    totals = json.loads(text[text.index("{"):text.rindex("}") + 1])["totals"]
    return row(totals["errors"] == 0, totals["errors"] + totals["warnings"])


def strict(name, folder, **but):
    """TypeScript as strict as the compiler can be, but for some settings."""
    settings = json.loads((HERE / "tsconfig.json").read_text(encoding="utf-8"))
    settings["compilerOptions"] |= but
    settings["include"] = ["**/*.ts"]
    (folder / "tsconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    return step(name, "tsc", "--project", folder)[0]


def openapi_typescript(name):
    folder = OUT / name
    folder.mkdir()
    reads, text = step(name, "openapi-typescript", DESCRIPTION, "--output", folder / "api.ts")
    shutil.copy(HERE / "uses.ts", folder)
    return row(reads, text.count("⚠"), reads and strict(name, folder))


def hey_api(name):
    folder = OUT / name
    reads, text = step(name, "openapi-ts", "-i", DESCRIPTION, "-o", folder)
    return row(reads, len(re.findall(r"(?i)warn", text)), reads and strict(name, folder))


def orval(name):
    folder = OUT / name
    folder.mkdir()
    reads, text = step(name, "orval", "--input", DESCRIPTION, "--output", folder / "api.ts", "--client", "fetch")
    return row(reads, len(re.findall(r"(?i)warn", text)), reads and strict(name, folder))


def openapi_python_client(name):
    reads, text = step(name, "openapi-python-client", "generate", "--path", DESCRIPTION, "--meta", "none",
                       "--output-path", OUT / "python_client", "--config", HERE / "python-client.yaml")
    warned = len(re.findall(r"(?m)^WARNING|^Unable|^Warning", text))
    return row(reads, warned, reads and step(name, sys.executable, "-m", "compileall", "-q", OUT / "python_client")[0])


def datamodel_code_generator(name):
    source = OUT / f"{name.replace('-', '_')}.py"
    reads, text = step(name, "datamodel-codegen", "--input", DESCRIPTION, "--input-file-type", "openapi", "--output", source,
                       "--output-model-type", "pydantic_v2.BaseModel", "--formatters", "builtin")
    # A format that it does not know is that of a string.
    warned = len(re.findall(r"(?i)warning: (?!format of)", text))
    return row(reads, warned, reads and step(name, "python", source)[0])


def generated(name, generator, *options):
    folder, source = OUT / name, OUT / "openapi-generator.json"
    if not source.exists():
        source.write_bytes(subprocess.run(["jq", FILTER[1], DESCRIPTION], stdout=subprocess.PIPE, check=True).stdout)
    reads, text = step(name, "openapi-generator-cli", "generate", "-i", source, "-g", generator,
                       "-o", folder, *options)
    warned = [line for line in text.splitlines() if "WARN" in line and not NOT_OURS.search(line)]
    return folder, reads, len(warned)


def typescript_fetch(name):
    folder, reads, warned = generated(name, "typescript-fetch")
    # Its own runtime.ts reads elements of arrays without a look.
    return row(reads, warned, reads and strict(name, folder, noUncheckedIndexedAccess=False))


def python(name):
    folder, reads, warned = generated(name, "python")
    compiles = step(name, sys.executable, "-m", "compileall", "-q", folder)[0]
    return row(reads, warned, compiles and step(name, "python", "-c", "import openapi_client", cwd=folder)[0])


def php(name):
    folder, reads, warned = generated(name, "php")
    checks = [step(name, "php", "-l", file)[0] for file in files(folder / "lib", ".php")]
    return row(reads, warned, "no PHP" if not shutil.which("php") else bool(checks) and all(checks))


def java(name):
    folder, reads, warned = generated(name, "java", "--library", "native",
                                      "--additional-properties=openApiNullable=false,useJakartaEe=false,"
                                      "hideGenerationTimestamp=true")
    sources = [*files(folder / "src/main", ".java"), *files(HERE / "java", ".java")]
    compiles = step(name, "javac", "-nowarn", "-encoding", "UTF-8", "-cp", JAR, "-d", folder / "classes", *sources)[0]
    return row(reads, warned, compiles)


def kotlinc(name, folder, *sources):
    compiler = NODE / "kotlin-compiler/bin/kotlinc"
    return step(name, "bash", compiler, "-nowarn", "-classpath", JAR, "-d", folder / "classes.jar", *sources)


def kotlin(name):
    """What it calls over the network, OkHttp 4, is not in Debian: its syntax is read, and its names are not looked up."""
    folder, reads, warned = generated(name, "kotlin", "--additional-properties=serializationLibrary=jackson")
    _, text = kotlinc(name, folder, folder / "src/main/kotlin")
    compiles = "error: unresolved reference 'okhttp3'" in text and "syntax error" not in text.lower()
    return row(reads, warned, "syntax" if compiles else False)


def kotlin_spring(name):
    """The types that the example in clients/kotlin-spring has, and what of it needs no Spring."""
    folder, reads, warned = generated(
        name, "kotlin", "--additional-properties=serializationLibrary=jackson,dateLibrary=string,modelPackage=shop.api",
        "--global-property=models,modelDocs=false,modelTests=false")
    example = HERE.parent.parent / "clients/kotlin-spring/src/main/kotlin/shop"
    sources = [example / f"{file}.kt" for file in ("Outcome", "Transport", "KiwoomBilling")]
    return row(reads, warned, kotlinc(name, folder, folder / "src/main/kotlin", *sources)[0])


def go(name):
    folder, reads, warned = generated(name, "go", "--additional-properties=enumClassPrefix=true,isGoSubmodule=false")
    if not shutil.which("go", path=f"{TOOLS / 'bin'}:{os.environ['PATH']}"):
        return row(reads, warned, "no compiler")
    shutil.rmtree(folder / "test", ignore_errors=True)
    compiles = step(name, "go", "build", "./...", cwd=folder)[0] and step(name, "go", "vet", ".", cwd=folder)[0]
    return row(reads, warned, compiles)


CHECKS = {
    "unique ids": unique_ids, "spectral": spectral, "redocly": redocly,
    "openapi-typescript": openapi_typescript, "openapi-python-client": openapi_python_client,
    "@hey-api/openapi-ts": hey_api, "orval": orval, "generator typescript-fetch": typescript_fetch,
    "generator python": python, "generator php": php, "generator java": java, "generator kotlin": kotlin,
    "generator go": go, "clients/kotlin-spring": kotlin_spring, "datamodel-code-generator": datamodel_code_generator,
}


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    names = sys.argv[4:] or list(CHECKS)
    wrong = []
    print(f"{'':28} {'reads':6} {'warnings':9} {'compiles':12} s")
    for name in CHEAP if names == ["cheap"] else names:
        started = time.monotonic()
        try:
            found = CHECKS[name](name.replace("/", "-").replace(" ", "-"))
        except (ValueError, KeyError, OSError) as error:
            log(name.replace("/", "-"), f"{error!r}\n")
            found = row(False)
        seconds = round(time.monotonic() - started)
        print(f"{name:28} {found['reads']:6} {found['warnings']!s:9} {found['compiles']:12} {seconds}", flush=True)
        if any(found[part] not in fine for part, fine in FINE.items()):
            wrong.append(name)
    if wrong:
        sys.exit(f"Wrong with: {', '.join(wrong)}. What was said is in {OUT}/*.log")


main()
