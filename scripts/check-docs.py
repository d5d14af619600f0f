#!/usr/bin/env python3
"""Runs the commands that the documents show, as they stand, and compares what they print.

    scripts/check-docs.py [--bin FOLDER] [FILE ...]

FILE: README.md, README.ko.md, docs/*.md and docs/ko/*.md by default. FOLDER has the built programs:
target/release or target/debug, the newer one, by default. Needs bash, curl, jq and a PostgreSQL
that the service finds by itself. Exit code 1 when a document is wrong.

Each document gets an empty folder, a service with the sandbox in it, and one bash session with
`set -euo pipefail`. Its ```bash blocks run there in order, and its ```python blocks with python3. A
block that cannot run here has the reason on the line before it: <!-- not run: REASON -->

A ```text or ```json block right after a block is what that block prints, errors included. In it …
stands for any text, a line of … for any lines; ids, dates and times may differ. Each answer with a
status of 400 or more has to be shown there, as "success":false or <RESULT>FAIL.

What differs from a reader's terminal: the service has a free port in place of 3000; `cargo run`
takes the program that is built, `make run` starts it again with the variables in front of it, and
other targets of make are looked up, not made; curl shows no progress and ends what it prints with a
line feed.
"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENTS = ["README.md", "README.ko.md", "docs/*.md", "docs/ko/*.md"]
FENCE = re.compile(r"^( *)```(\S*)\s*$")
MARK = re.compile(r"^ *<!-- not run: (\S.*) -->$")
RUN = {"bash", "python"}
SHOWN = {"text", "json"}
# Anything else could hide a command from this check.
OTHER = {"csv", "env", "javascript", "kotlin", "mermaid", "nginx", "sql", "typescript"}
PATIENCE_SECS = 120

SESSION = r"""
set -euo pipefail
touch service.pid
start() {
    "$BIN/kiwoom-billing" >>service.log 2>&1 &
    echo $! >service.pid
    for _ in $(seq 150); do
        if command curl -sf -o /dev/null "http://localhost:$PORT/health/live"; then return; fi
        kill -0 "$(cat service.pid)" 2>/dev/null || break
        sleep 0.1
    done
    echo 'the service does not start:' >&2
    tail -5 service.log >&2
    return 1
}
stop() {
    kill "$(cat service.pid)" 2>/dev/null || true
    wait "$(cat service.pid)" 2>/dev/null || true
}
trap stop EXIT
curl() {
    command curl -sS -D "$HEADS/$(date +%N)-$BASHPID" "$@" | sed -e '$a\'
}
cargo() {
    local program=kiwoom-billing
    [ "$1" = run ] || { echo "cargo $1: only run can be checked" >&2; return 1; }
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        case $1 in
        -p) program=$2; shift ;;
        -q | --locked | --release) ;;
        *) echo "cargo run: unknown option $1" >&2; return 1 ;;
        esac
        shift
    done
    "$BIN/$program" "${@:2}"
}
make() {
    if [ "${1:-}" = run ]; then stop; start; else command make -C "$ROOT" -n "$@" >/dev/null; fi
}
export -f curl
"""

# What is different each time.
VARIABLE = [
    (r"\b(bk|sub|pay|ref|evt|con)_[0-9a-f-]{8,}", r"\1_ID"),
    (r"\bkbk_[0-9a-f]{12}(_\w+)?", "kbk_ID"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "ID"),
    (r"\b(ORD|SUB|KEY)[0-9a-f]{32}", r"\1ID"),
    (r"\bcMP\d{17}\b", "TRANSACTION"),
    (r"\bC\d{4}[0-9A-F]{12}\b", "AUTOKEY"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+(\+09:00|Z)", "TIME"),
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b", "TIME"),
    (r"\b\d{4}-\d\d-\d\d\b", "DATE"),
    (r"\b\d{14}\b", "TIME"),
    (r"-\d{8}-", "-DATE-"),
    (r'"(authNumber|authNo)":"\d+"', r'"\1":"N"'),
    (r"\b[0-9a-f]{32,}\b", "HEX"),
    (r"\x1b\[[0-9;]*m", ""),
]


class Block:
    """A fenced block: what it holds, where, what it has to print, why it is not run."""

    def __init__(self, path, line, language, mark):
        self.path, self.line, self.language, self.mark = path, line, language, mark
        self.text = ""
        self.expected = None

    def __str__(self):
        return f"{self.path}:{self.line}"


def blocks_of(path):
    """The blocks of a document, and what is wrong with how they are written."""
    blocks, problems = [], []
    block, before, since, indent = None, "", None, ""
    for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
        fence = FENCE.match(line)
        if block is None and fence:
            mark = MARK.match(before)
            indent = fence[1]
            block = Block(path, number, fence[2], mark and mark[1])
            if block.language not in RUN | SHOWN | OTHER:
                problems.append(f"{block}: write `bash` for commands, `text` for the rest")
        elif block is not None and line == indent + "```":
            if block.language in SHOWN and since is not None:
                since.expected = block.text
            since = block if block.language in RUN else None
            blocks.append(block)
            block = None
        elif block is not None:
            block.text += line.removeprefix(indent) + "\n"
        elif line.strip():
            since = None
        before = line
    if block is not None:
        problems.append(f"{block}: the block does not end")
    return blocks, problems


def plain(text, port):
    """Without what is different each time; as a regular expression it may then be compared."""
    text = text.replace(f"localhost:{port}", "localhost:3000")
    for pattern, word in VARIABLE:
        text = re.sub(pattern, word, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"


def is_as_shown(printed, expected, port):
    """Whether what was printed is what the document shows."""
    pattern = ""
    # An id that is cut short is an id.
    expected = re.sub(r"\b(bk|sub|pay|ref|evt|con)_[0-9a-f-]*…", r"\1_ID", expected)
    expected = re.sub(r"\b(ORD|SUB|KEY)[0-9a-f]+…", r"\1ID", expected)
    expected = re.sub(r"\b[0-9a-f]{8}-…", "ID", expected)
    for line in plain(expected, port).splitlines():
        pattern += r"(?:.*\n)*" if line.strip() == "…" else (
            ".*".join(re.escape(part) for part in line.split("…")) + r"\n")
    return re.fullmatch(pattern, plain(printed, port)) is not None


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def script(blocks, folder, port):
    """The session: each block in a file of its own, so that a mistake stays within it."""
    lines = [SESSION, "start"]
    for number, block in enumerate(blocks):
        source = folder / f"block-{number}"
        source.write_text(block.text.replace("localhost:3000", f"localhost:{port}"))
        (folder / f"heads-{number}").mkdir()
        run = f". {source}" if block.language == "bash" else f"python3 {source}"
        lines.append(f"HEADS={folder}/heads-{number}; export HEADS; echo {number} >{folder}/begun")
        lines.append(f"{run} >{folder}/printed-{number} 2>&1")
    return "\n".join(lines + [f"echo done >{folder}/begun", ""])


def failures(folder, number):
    """The answers with a status of 400 or more: each has one status line, the last one that came."""
    found = []
    for head in sorted((folder / f"heads-{number}").iterdir()):
        statuses = re.findall(r"^HTTP/\S+ (\d+)", head.read_text(errors="replace"), re.M)
        found += [status for status in statuses[-1:] if int(status) >= 400]
    return found


def judge(block, folder, number, port):
    """What is wrong with a block that ran to its end."""
    printed = (folder / f"printed-{number}").read_text(errors="replace")
    expected = block.expected or ""
    shown = len(re.findall(r'"success": ?false|<RESULT>FAIL', expected))
    failed = failures(folder, number)
    if len(failed) != shown:
        return f"{len(failed)} answers failed {failed}, {shown} are shown:\n{printed}"
    if block.expected is not None and not is_as_shown(printed, expected, port):
        return f"prints:\n{printed}\nand not, as the document shows:\n{expected}"
    return None


def check(path, programs):
    """Runs a document. Returns what is wrong with it and how many blocks ran."""
    blocks, problems = blocks_of(path)
    for block in blocks:
        if block.language in RUN and block.mark:
            print(f"{block}: not run: {block.mark}")
    to_run = [block for block in blocks if block.language in RUN and not block.mark]
    if problems or not to_run:
        return problems, 0
    port = free_port()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="check-docs-"))
    # PostgreSQL runs as somebody else when this runs as root.
    folder.chmod(0o755)
    keep = ["PATH", "HOME", "USER", "LANG", "TMPDIR", "PG_BIN_DIR"]
    env = {name: os.environ[name] for name in keep if name in os.environ}
    env |= {"ROOT": str(ROOT), "BIN": str(programs), "PORT": str(port)}
    (folder / "session").write_text(script(to_run, folder, port))
    (folder / "begun").write_text("start\n")
    session = subprocess.Popen(["bash", folder / "session"], cwd=folder, env=env,
                               stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        status = session.wait(PATIENCE_SECS)
    except subprocess.TimeoutExpired:
        status = "none within the time limit"
    stop(session)
    begun = (folder / "begun").read_text().strip()
    if begun == "start":
        return [f"{path}: the session does not start"], 0
    finished = len(to_run) if begun == "done" else int(begun)
    for number, block in enumerate(to_run[:finished]):
        if problem := judge(block, folder, number, port):
            problems.append(f"{block}: {problem}")
    if finished < len(to_run):
        printed = (folder / f"printed-{finished}").read_text(errors="replace")
        problems.append(f"{to_run[finished]}: ends with exit code {status}:\n{printed}")
    shutil.rmtree(folder, ignore_errors=True)
    return problems, finished


def stop(session):
    """Ends a session that has not ended by itself, with its service, which ends its PostgreSQL."""
    for way in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(session.pid, way)
            session.wait(10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass


def built_programs():
    """The folder of the newest build."""
    found = [ROOT / "target" / profile for profile in ("release", "debug")]
    found = [folder for folder in found if (folder / "kiwoom-billing").exists()]
    if not found:
        sys.exit("there is no built program: run `cargo build --locked` first")
    return max(found, key=lambda folder: (folder / "kiwoom-billing").stat().st_mtime)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=pathlib.Path, help="folder of the built programs")
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    missing = [tool for tool in ("bash", "curl", "jq") if not shutil.which(tool)]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}")
    programs = (arguments.bin or built_programs()).resolve()
    files = arguments.files or sorted(
        str(path.relative_to(ROOT)) for glob in DOCUMENTS for path in ROOT.glob(glob))
    wrong = 0
    for path in files:
        problems, count = check(path, programs)
        wrong += len(problems)
        for problem in problems:
            print(f"WRONG {problem}")
        print(f"{path}: {count} blocks ran, {len(problems)} wrong", flush=True)
    sys.exit(1 if wrong or not files else 0)


main()
