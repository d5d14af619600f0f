#!/usr/bin/env python3
"""Whether a step of the schema would hold up those who write: from 0041 on, none that does is let in.

    scripts/check-migrations.py

The rules on locks are squawk's (PyPI), which is installed below target/ci-tools. Ours are on what it does not
know of, and on indexes, which src/storage/database/migrating.rs makes. Samples show that each rule refuses
what it is for, and nothing else. Exit code 1 when something is wrong.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
SQUAWK = "squawk-cli==2.70.0"
# Steps before it were written when a service stood still for them.
FIRST = 41
# What rewrites or scans a table that others wait for, or ends a transaction that is not its own.
RULES = {
    "require-concurrent-index-creation", "require-concurrent-reindex", "adding-field-with-default",
    "adding-foreign-key-constraint", "adding-not-nullable-field", "adding-required-field",
    "adding-serial-primary-key-field", "changing-column-type", "constraint-missing-not-valid",
    "disallowed-unique-constraint", "transaction-nesting", "syntax-error",
}
ALONE = "-- no-transaction\n"
REWRITE = re.compile(
    r"\b(vacuum|cluster|set (un)?logged|set tablespace|set access method"
    r"|add column (if not exists )?\w+ \w*serial)\b")
INDEXES = re.compile(r"(create (unique )?index concurrently (?!on |if )\w+ on [^;]+; ?)+")

REFUSED = [
    ("create index a on payments (id);", "require-concurrent-index-creation"),
    ("create index concurrently a on payments (id);", "begins with -- no-transaction"),
    (ALONE + "create index concurrently if not exists a on payments (id);", "indexes with names"),
    (ALONE + "create index concurrently on payments (id);", "indexes with names"),
    (ALONE + "create index concurrently a on payments (id); select 1;", "indexes with names"),
    (ALONE + "select 1;", "indexes with names"),
    ("set lock_timeout = 0; alter table payments add column a text;", "lock_timeout"),
    ("alter table payments alter column id type text;", "changing-column-type"),
    ("alter table payments add column a uuid default gen_random_uuid();", "adding-field-with-default"),
    ("alter table payments add column a int generated always as (b) stored;", "adding-field-with-default"),
    ("alter table payments add column a text not null;", "adding-required-field"),
    ("alter table payments alter column id set not null;", "adding-not-nullable-field"),
    ("alter table payments add constraint a check (amount > 0);", "constraint-missing-not-valid"),
    ("alter table a add constraint b foreign key (c) references d (id);", "adding-foreign-key-constraint"),
    ("alter table payments add constraint a unique (order_no);", "disallowed-unique-constraint"),
    ("alter table payments add column a bigserial;", "rewrites"),
    ("cluster payments using payments_pkey;", "rewrites"),
    ("alter table payments set unlogged;", "rewrites"),
    ("reindex table payments;", "require-concurrent-reindex"),
    ("commit; create table a (b int); begin;", "transaction-nesting"),
    ("create tabel a (b int);", "syntax-error"),
]
LET_IN = [
    "create table a (b text not null, c bigserial, d bigint default 0);\ncreate index d on a (b);",
    "alter table payments add column a text not null default 'x';",
    ALONE + "-- Of one customer.\n\ncreate unique index concurrently a\n    on payments (id);",
    ALONE + "create index concurrently a on payments (id);\n-- Another.\ncreate index concurrently b on payments (id);\n",
    "alter table payments add constraint a check (amount > 0) not valid;",
    "alter table payments validate constraint a;",
    "alter table payments validate constraint a;\nalter table payments alter column b set not null;",
]


def squawk():
    """The program, installed when it is not there."""
    folder = TARGET / "ci-tools" / "squawk"
    installed = folder / "installed"
    if not installed.exists() or installed.read_text() != SQUAWK:
        try:
            venv.create(folder, clear=True, with_pip=True)
        except subprocess.CalledProcessError:
            subprocess.run([ROOT / "scripts/apt-install.sh", "python3-venv"], check=True)
            venv.create(folder, clear=True, with_pip=True)
        pip = [folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, SQUAWK], check=True)
        installed.write_text(SQUAWK)
    return folder / "bin/squawk"


def of_locks(program, text):
    """What squawk says of a step."""
    command = [program, "--pg-version=14.0", "--reporter=json"]
    if not text.startswith(ALONE):
        command.append("--assume-in-transaction")
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(text)
        file.flush()
        said = subprocess.run([*command, file.name], capture_output=True, text=True, check=False)
    if said.returncode not in (0, 1):
        sys.exit(said.stderr)
    return [f'{one["rule_name"]}: {one["message"]}' for one in json.loads(said.stdout or "[]")
            if one["rule_name"] in RULES]


def of_ours(text):
    """What squawk does not know, and what migrating.rs would not carry out, or carry out otherwise."""
    code = re.sub(r"(?m)^--.*$", "", text).lower()
    code = " ".join(code.split())
    if REWRITE.search(code):
        yield "it rewrites a table under a lock"
    if text.startswith(ALONE) and not INDEXES.fullmatch(code):
        yield "what begins with -- no-transaction is indexes with names, made concurrently"
    if not text.startswith(ALONE) and "concurrently" in code:
        yield "what is made concurrently begins with -- no-transaction"
    if "lock_timeout" in code:
        yield "lock_timeout is set by migrating.rs"


def main():
    program = squawk()
    problems = []

    def complaints(text):
        return of_locks(program, text) + list(of_ours(text))

    for text, why in REFUSED:
        if not any(why in said for said in complaints(text)):
            problems.append(f"{why} does not refuse: {text}")
    for text in LET_IN:
        problems += [f"{text}: {said}" for said in complaints(text)]
    steps = sorted((ROOT / "migrations").glob("*.sql"))
    looked_at = [step for step in steps if int(step.name.split("_")[0]) >= FIRST]
    for step in looked_at:
        problems += [f"{step.name}: {said}" for said in complaints(step.read_text())]
    print(*problems, sep="\n", end="\n" if problems else "")
    print(f"migrations: {len(looked_at)} of {len(steps)} looked at, {len(REFUSED)} samples refused")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
