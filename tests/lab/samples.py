"""What commands print in the documentation: run here, compared by a test, and written anew by `make samples`.

A sample is an indented or a `console` block with `$ COMMAND` and its output; `...` stands for what is left out. BEFORE
and AFTER are what happens in the repository between two of them, unseen; a command that stands there a second time is
called `COMMAND #2`.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab import first_hour, picture
from lab.stage import ROOT, Stage, steady

CLI = ROOT / "docs" / "cli.md"
README = ROOT / "README.md"
FOR_AGENTS = ROOT / "docs" / "for-agents.md"
# They do not end, or ask something of this machine; tests of their own run them.
NOT_RUN = ("agentsync watch", "agentsync serve", "agentsync service install --port 8765")
_COMMAND = re.compile(r"^(    |)\$ (.*)$")


@dataclass(frozen=True)
class Sample:
    """A command in a page, the lines below it, and where these begin in the page (counted from 0)."""

    command: str
    output: tuple[str, ...]
    line: int
    indent: str


def samples(page: Path) -> Iterator[Sample]:
    """All samples of a page, in order."""
    lines = page.read_text(encoding="utf-8").split("\n")
    fence = ""
    for number, line in enumerate(lines):
        if line.startswith("```"):
            fence = "" if fence else line
        found = _COMMAND.match(line)
        if found and (found[1] or fence == "```console"):
            yield Sample(found[2], tuple(_output(lines[number + 1 :], found[1])), number + 1, found[1])


def _output(lines: list[str], indent: str) -> Iterator[str]:
    """What belongs to the command above; an empty line does if something of it comes after."""
    empty = 0
    for line in lines:
        if line.startswith((f"{indent}$ ", "```")) or (indent and line and not line.startswith(indent)):
            return
        if not line:
            empty += 1
            continue
        yield from [""] * empty
        empty = 0
        yield line.removeprefix(indent)


CLI_DOCUMENTS = (
    *("AGENTS.md", "ROADMAP.md", "docs/passation.md", "docs/architecture/30-Contracts.md"),
    *("design/store.md", "design/queue.md"),
)
COMMIT = "git commit -q -a -m"
BEFORE = {
    "agentsync status": (
        "git add -A",
        f"{COMMIT} 'Set agentsync up'",
        "printf '\\nNext: the export.\\n' >> docs/passation.md",
        f"CLAUDECODE=1 {COMMIT} 'docs: what comes next'",
        "printf '\\nThree retries, then the queue.\\n' >> docs/architecture/30-Contracts.md",
        f"CODEX_THREAD_ID=1 {COMMIT} 'contracts: retries and the queue'",
        "printf '\\n- Ask first.\\n' >> AGENTS.md",
        f"{COMMIT} 'agents: ask first'",
        "printf '\\n- Export\\n' >> ROADMAP.md",
    ),
    "agentsync log --all -n 3": ("agentsync consolidate",),
    "AGENTSYNC_AGENT=claude-code agentsync scan": ("printf '\\nDone.\\n' >> docs/passation.md",),
    "agentsync consolidate": ("agentsync consolidate", f"{COMMIT} 'docs: done'"),
    "agentsync consolidate #2": (
        "printf '\\n- Import\\n' >> ROADMAP.md",
        f"{COMMIT} import",
        "git rev-parse HEAD > .git/MERGE_HEAD",
    ),
    "agentsync brief": (
        "git worktree add -q -b side ../side",
        "cd ../side && printf '\\n- Search\\n' >> ROADMAP.md && AGENTSYNC_AGENT=cursor agentsync scan; cd ../notes",
        "AGENTSYNC_AGENT=codex-local agentsync claim docs/architecture",
    ),
    "agentsync overlaps": ("printf '\\n- Order\\n' >> ROADMAP.md", f"{COMMIT} 'roadmap: order' ROADMAP.md"),
    "agentsync rescue --list": (
        "printf '\\nLost.\\n' >> docs/passation.md",
        "AGENTSYNC_AGENT=cursor agentsync scan",
        "git checkout -q docs/passation.md",
        "agentsync scan",
    ),
    "agentsync claims": ("agentsync claim docs/architecture --ttl 4h --note 'the memory module'",),
    "agentsync check": ("agentsync consolidate", "sed -i.bak '/agentsync:end/d' AGENT_SYNC.md"),
}
AFTER = {
    "agentsync uninstall": ("agentsync init --language en",),
    "agentsync agent claude-code": ("agentsync agent --unset",),
    "agentsync consolidate #2": ("rm .git/MERGE_HEAD", "agentsync consolidate"),
    "agentsync check": ("mv AGENT_SYNC.md.bak AGENT_SYNC.md",),
}


def cli_stage(folder: Path) -> Stage:
    """The repository in which the commands of docs/cli.md are run."""
    stage = Stage(folder, "notes")
    for name in CLI_DOCUMENTS:
        (stage.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (stage.folder / name).write_text(f"# {Path(name).stem.title()}\n")
    for command in ("git init -q", "git add .", "git commit -q -m 'The project'"):
        assert stage.run(command, **first_hour.days_ago(40))[0] == 0
    return stage


def cli(folder: Path) -> Iterator[tuple[Sample, str]]:
    """The samples of docs/cli.md, each with what its command prints now."""
    stage = cli_stage(folder)
    seen: dict[str, int] = {}
    for sample in samples(CLI):
        seen[sample.command] = seen.get(sample.command, 0) + 1
        key = sample.command + (f" #{seen[sample.command]}" if seen[sample.command] > 1 else "")
        for command in BEFORE.get(key, ()):
            stage.run(command)
        if sample.command not in NOT_RUN:
            yield sample, stage.run(_with_id(stage, sample.command))[1]
        for command in AFTER.get(key, ()):
            stage.run(command)


def _with_id(stage: Stage, command: str) -> str:
    """A command that names a record, with the id of one that is there."""
    if not re.search(r"\b[0-9a-f]{8}\b", command):
        return command
    asked = "agentsync rescue --list" if " rescue " in command else "agentsync log --agent codex-local"
    ids = re.findall(r"\b([0-9a-f]{8})$", stage.run(asked)[1], re.MULTILINE)
    return re.sub(r"\b[0-9a-f]{8}\b", ids[0], command)


def fits(sample: Sample, output: str) -> bool:
    """Whether the page says what the command says; `...` stands for anything."""
    expected = re.escape(steady("\n".join(sample.output))).replace(re.escape("..."), ".*")
    return re.fullmatch(expected, steady(output)) is not None


def rewritten(page: Path, runs: Iterator[tuple[Sample, str]]) -> str:
    """The page with what its commands print now. Lines that are left out stay so; who has left them out looks again."""
    lines: list[str | None] = list(page.read_text(encoding="utf-8").split("\n"))
    for sample, output in runs:
        if fits(sample, output):
            continue
        if any("..." in line for line in sample.output):
            print(f"{page.name}: look at `{sample.command}`; it says\n{output}", file=sys.stderr)
            continue
        new = "\n".join(f"{sample.indent}{line}".rstrip() for line in output.rstrip("\n").split("\n"))
        lines[sample.line - 1] = f"{lines[sample.line - 1]}\n{new}"
        for number in range(sample.line, sample.line + len(sample.output)):
            lines[number] = None
    return "\n".join(line for line in lines if line is not None)


WRITTEN: dict[Path, Callable[[Path], str]] = {
    CLI: lambda folder: rewritten(CLI, cli(folder)),
    first_hour.PAGE: first_hour.page,
    picture.FILE: picture.svg,
}


def main() -> None:
    """Write the pages of WRITTEN, or those that are named."""
    for page, make in WRITTEN.items():
        if not sys.argv[1:] or page.name in sys.argv[1:]:
            with tempfile.TemporaryDirectory() as folder:
                page.write_text(make(Path(folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
