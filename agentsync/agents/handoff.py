"""What a session leaves: an entry at the top of the journal, with its commits and files, and its words."""

import itertools
import re
import time
from collections.abc import Sequence
from typing import NamedTuple

from agentsync.agents.caller import Caller
from agentsync.base import git
from agentsync.base.text import clean
from agentsync.ledger import history
from agentsync.ledger.events import Handoff, new_id, to_rfc3339
from agentsync.ledger.view import View

DAY = 86_400  # seconds that a session's work reaches back, where nothing says when it began
LISTED = 30  # commits, and files
MOST = 1000  # records, and moves of HEAD, that are looked through
_ENTRY = re.compile(rb"^##[ \t].*$", re.MULTILINE)
_DATED = re.compile(rb"^##[ \t].*\d{4}-\d\d-\d\d.*$", re.MULTILINE)
_FENCED = re.compile(rb"^(`{3,}|~{3,}).*?(?:^\1[`~]*[ \t\r]*$|\Z)", re.MULTILINE | re.DOTALL)


class Words(NamedTuple):
    """The words of an entry in one language."""

    title: str
    entry: str
    branch: str
    commits: str
    files: str
    more: str
    unknown: str


WORDS = {
    "fr": Words(
        title="# Journal de passation",
        entry="## [{time} UTC] - Agent : {agent}",
        branch="**Branche** : `{branch}`",
        commits="**Commits** :",
        files="**Fichiers modifiés** :",
        more="- … et {count} de plus",
        unknown="inconnu",
    ),
    "en": Words(
        title="# Handover journal",
        entry="## [{time} UTC] - Agent: {agent}",
        branch="**Branch**: `{branch}`",
        commits="**Commits**:",
        files="**Modified files**:",
        more="- … and {count} more",
        unknown="unknown",
    ),
}


class Commit(NamedTuple):
    """A commit that was made in this worktree; `short` is how git abbreviates it."""

    id: str
    short: str
    subject: str


class Work(NamedTuple):
    """What a session has done: its commits, newest first, and the files of these and of its uncommitted edits."""

    commits: tuple[Commit, ...]
    files: tuple[str, ...]


class Begin(NamedTuple):
    """When a session's work began, in seconds since 1970; `told`: commits of that second that are handed over."""

    since: float
    told: tuple[str, ...] = ()


def began(view: View, by: Caller, now: float) -> Begin:
    """The caller's work began with its last handoff in this worktree, at most a day ago."""
    for entry in itertools.islice(history.newest(view.ledger, since=now - DAY), MOST):
        if entry.kind == "handoff" and (entry.agent_owner, entry.worktree) == (by.agent_owner, by.worktree):
            return Begin(entry.happened_at, tuple(entry.record["commits"]))
    return Begin(now - DAY)


def work(worktree: git.Worktree, begin: Begin, journal: str) -> Work:
    """What was done in a worktree since then, as git tells: the log of HEAD's moves has what was committed here."""
    commits = tuple(one for one in _commits(worktree, begin.since) if one.id not in begin.told)
    files = dict.fromkeys(_files_of(worktree, commits) + _uncommitted(worktree))
    return Work(commits, tuple(path for path in files if path != journal))


def _commits(worktree: git.Worktree, since: float) -> tuple[Commit, ...]:
    argv = ["log", "-g", "-n", str(MOST), "--no-show-signature", "--format=%H%x00%h%x00%ct%x00%gs%x00%s", "HEAD", "--"]
    status, said = git.answer(argv, cwd=worktree.root)
    rows = [line.split("\0", 4) for line in said.decode(errors="replace").split("\n")] if status == 0 else []
    made = {
        row[0]: Commit(row[0], row[1], row[4])
        for row in rows
        if len(row) == 5 and row[3].startswith("commit") and int(row[2]) >= int(since)
    }
    if not made:
        return ()
    argv = ["rev-list", "-n", str(MOST), f"--since={int(since)}", "HEAD", "--"]  # without those that were amended
    still = git.run(argv, cwd=worktree.root).decode().split()
    return tuple(made[id_] for id_ in still if id_ in made)


def _files_of(worktree: git.Worktree, commits: Sequence[Commit]) -> list[str]:
    if not commits:
        return []
    argv = ["diff-tree", "-r", "--root", "-z", "--no-commit-id", "--name-only", "--stdin"]
    stdin = "".join(f"{one.id}\n" for one in commits).encode()
    return _names(git.run(argv, cwd=worktree.root, stdin=stdin))


def _uncommitted(worktree: git.Worktree) -> list[str]:
    status, said = git.answer(["diff", "--name-only", "-z", "--no-ext-diff", "HEAD", "--"], cwd=worktree.root)
    return _names(said) if status == 0 else []


def _names(out: bytes) -> list[str]:
    return [name for name in out.decode("utf-8", "surrogateescape").split("\0") if name]


def entry(by: Caller, work: Work, text: str, language: str, now: float) -> str:
    """The entry as Markdown; lines end in LF."""
    words = WORDS[language]
    moment = time.strftime("%Y-%m-%d %H:%M", time.gmtime(now))
    lines = [words.entry.format(time=moment, agent=by.agent_owner or words.unknown), ""]
    facts = [f"- {words.branch.format(branch=_code(by.branch))}"] if by.branch else []
    facts += _listed(words.commits, [f"`{one.short}` {_plain(one.subject)}" for one in work.commits], words.more)
    facts += _listed(words.files, [f"`{_code(path)}`" for path in work.files], words.more)
    return "\n".join([*lines, *facts, *([""] if facts else []), text.strip(), "", "---", "", ""])


def _listed(title: str, rows: Sequence[str], more: str) -> list[str]:
    if not rows:
        return []
    rest = [f"  {more.format(count=len(rows) - LISTED)}"] if len(rows) > LISTED else []
    return [f"- {title}", *(f"  - {row}" for row in rows[:LISTED]), *rest]


def _code(text: str) -> str:
    return clean(text).replace("`", "'")


def _plain(text: str) -> str:
    return clean(text).replace("<", "‹").replace(">", "›")


def insert(journal: bytes, text: str) -> bytes:
    """The journal with an entry before its first one; all else stays byte for byte.

    The first entry is the first heading of the second level that has a date, else the first one; not in fenced code.
    Without any the entry comes at the end.
    """
    newline = b"\r\n" if journal.count(b"\r\n") * 2 > journal.count(b"\n") else b"\n"
    at = _first_entry(journal)
    before, after = journal[:at], journal[at:]
    gap = b"" if not before or before.endswith(newline * 2) else newline if before.endswith(b"\n") else newline * 2
    data = text.replace("\r\n", "\n").encode(errors="replace").replace(b"\n", newline)
    return before + gap + (data if after else data.removesuffix(newline)) + after


def _first_entry(journal: bytes) -> int:
    fenced = [found.span() for found in _FENCED.finditer(journal)]
    for pattern in (_DATED, _ENTRY):
        for found in pattern.finditer(journal):
            if not any(start < found.start() < end for start, end in fenced):
                return found.start()
    return len(journal)


def has_conflict(journal: bytes) -> bool:
    """Whether git has left a conflict in it."""
    return any(journal.startswith(mark) or b"\n" + mark in journal for mark in (b"<<<<<<< ", b">>>>>>> "))


def record(by: Caller, path: str, work: Work, blob: str | None, now: float) -> Handoff:
    """The record of a handoff."""
    return Handoff(
        id=new_id(now),
        timestamp=to_rfc3339(now),
        recorded="",
        file_path=path,
        commits=[one.id for one in work.commits[:MOST]],
        files=list(work.files[:MOST]),
        new_blob=blob,
        **by.without("process"),
    )
