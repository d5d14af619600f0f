#!/usr/bin/env python3
"""Runs the commands that the documents show, as they stand, and compares what they print.

    scripts/check-docs.py [--bin FOLDER] [FILE ...]

FILE: *.md, docs/*.md and docs/ko/*.md by default. FOLDER has the built programs: target/release or
target/debug, the newer one, by default. Needs bash, curl, jq and a PostgreSQL that the service finds
by itself. Exit code 1 when a document is wrong, or names a file or heading that is not there.

Each document gets an empty folder, a service with the sandbox in it, and one bash session with
`set -euo pipefail`. Its ```bash blocks run there in order, and its ```python blocks with python3. A
block that cannot run here has the reason on the line before it: <!-- not run: REASON -->

A ```text or ```json block right after a block is what that block prints, errors included. In it …
stands for any text, a line of … for any lines; ids, dates and times may differ. Each answer with a
status of 400 or more has to be shown there, as "success":false or <RESULT>FAIL.

What differs from a reader's terminal: the service has a free port in place of 3000, and the
functions in check-docs-session.sh stand for the commands of the same name.
"""

import argparse
import concurrent.futures
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
DOCUMENTS = ["*.md", "docs/*.md", "docs/ko/*.md"]
FENCE = re.compile(r"^( *)```(\S*)\s*$")
MARK = re.compile(r"^ *<!-- not run: (\S.*) -->$")
RUN = {"bash", "python"}
SHOWN = {"text", "json"}
# Anything else could hide a command from this check.
OTHER = {"caddyfile", "csv", "haproxy", "javascript", "kotlin", "nginx", "sql", "typescript", "yaml"}
PATIENCE_SECS = 120

# What is different each time.
VARIABLE = [
    (r"\b(bk|sub|pay|ref|evt|con|link)_[0-9a-f-]{8,}", r"\1_ID"),
    (r"/easypay/pay/[a-p]{72}\b", "/easypay/pay/TOKEN"),
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


def prose(path):
    """The lines of a document outside its blocks."""
    inside = False
    for line in path.read_text().splitlines():
        if FENCE.match(line):
            inside = not inside
        elif not inside:
            yield line


def anchors(path):
    """The names of a document's headings in links."""
    headings = (line.lstrip("#").strip() for line in prose(path) if line.startswith("#"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def wrong_names(path):
    """The links to no file or heading, and the names of sources that are not there."""
    problems = []
    text = "\n".join(prose(ROOT / path))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (ROOT / path).parent / name if name else ROOT / path
        if not file.exists():
            problems.append(f"{path}: no such file: {target}")
        elif anchor and anchor not in anchors(file):
            problems.append(f"{path}: no such heading: {target}")
    for name in re.findall(r"`([\w./-]+/[\w.-]+\.(?:rs|sql|sh|py))`", text):
        if not (ROOT / name).exists() and not (ROOT / "src" / name).exists():
            problems.append(f"{path}: no such source: {name}")
    return problems


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
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def script(blocks, folder, port):
    """The session: each block in a file of its own, so that a mistake stays within it."""
    lines = [". \"$ROOT/scripts/check-docs-session.sh\"", "start"]
    for number, block in enumerate(blocks):
        source = folder / f"block-{number}"
        source.write_text(block.text.replace("localhost:3000", f"localhost:{port}"))
        (folder / f"heads-{number}").mkdir()
        run = f". {source}" if block.language == "bash" else f"python3 {source}"
        lines.append(f"HEADS={folder}/heads-{number}; export HEADS; echo {number} >{folder}/begun")
        lines.append(f"{run} >{folder}/printed-{number} 2>&1")
    return "\n".join(lines + [f"echo done >{folder}/begun", ""])


def failures(folder, number):
    """The statuses of the answers that failed. Of several heads to one call, the last one counts."""
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


def run(blocks, programs, port):
    """Runs the blocks of a document: what is wrong with them, and how many ran to their end."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="check-docs-"))
    # PostgreSQL runs as somebody else when this runs as root.
    folder.chmod(0o755)
    keep = ["PATH", "HOME", "USER", "LANG", "TMPDIR", "PG_BIN_DIR"]
    env = {name: os.environ[name] for name in keep if name in os.environ}
    env |= {"ROOT": str(ROOT), "BIN": str(programs), "PORT": str(port)}
    (folder / "session").write_text(script(blocks, folder, port))
    (folder / "begun").write_text("start\n")
    session = subprocess.Popen(["bash", folder / "session"], cwd=folder, env=env,
                               stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        status = f"exit code {session.wait(PATIENCE_SECS)}"
    except subprocess.TimeoutExpired:
        status = f"nothing within {PATIENCE_SECS} s"
    stop(session)
    begun = (folder / "begun").read_text().strip()
    if begun == "start":
        return [f"{blocks[0].path}: the service does not start"], 0
    finished = len(blocks) if begun == "done" else int(begun)
    judged = [(block, judge(block, folder, n, port)) for n, block in enumerate(blocks[:finished])]
    problems = [f"{block}: {problem}" for block, problem in judged if problem]
    if finished < len(blocks):
        printed = (folder / f"printed-{finished}").read_text(errors="replace")
        problems.append(f"{blocks[finished]}: ends with {status}:\n{printed}")
    shutil.rmtree(folder, ignore_errors=True)
    return problems, finished


def check(path, programs):
    """What there is to say of a document, and how much of it is wrong."""
    blocks, problems = blocks_of(path)
    runnable = [block for block in blocks if block.language in RUN]
    said = [f"{block}: not run: {block.mark}" for block in runnable if block.mark]
    to_run = [block for block in runnable if not block.mark]
    problems += wrong_names(path)
    count = 0
    if to_run:
        wrong, count = run(to_run, programs, free_port())
        problems += wrong
    said += [f"WRONG {problem}" for problem in problems]
    return said + [f"{path}: {count} blocks ran, {len(problems)} wrong"], len(problems)


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
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for said, count in pool.map(lambda path: check(path, programs), files):
            print("\n".join(said), flush=True)
            wrong += count
    sys.exit(1 if wrong or not files else 0)


main()
