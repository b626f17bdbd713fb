"""What `agentsync doctor` examines: a check says what it found and what to type; adding one is one line in CHECKS."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial

from agentsync.base import files, git, watchdog
from agentsync.base.background import LOCK
from agentsync.base.errors import AgentsyncError, LockedError
from agentsync.base.git import Worktree
from agentsync.base.settings import CONFIG_PATH
from agentsync.ledger import notes, watermark
from agentsync.ledger.events import to_rfc3339
from agentsync.ledger.view import View
from agentsync.report import attributes, obstacle
from agentsync.report.leftovers import left as left_behind
from agentsync.setup import git_filter, hooks, local_files, repository
from agentsync.setup.agent_coverage import agents
from agentsync.setup.changes import carry_out
from agentsync.setup.hook_scripts import Script
from agentsync.setup.patient import Patient, Result

LOG_LINES = 5  # of hook-errors.log, shown
PATIENCE = 2.0  # seconds for the ledger's lock
STARTING = 60  # seconds for an interpreter


def examine(patient: Patient) -> list[Result]:
    """The results of all checks, in order. A check that cannot be made is a finding."""
    patient.take_in()
    results = []
    for check in CHECKS:
        try:
            results += git.steadily(patient.clone, partial(_made, check, patient))
        except (AgentsyncError, OSError) as error:
            what = getattr(error, "message", None) or str(error)
            cause = getattr(error, "cause", "")
            name = check.__name__.replace("_", " ")
            results.append(Result(name, False, f"{what}: {cause}" if cause else what, getattr(error, "hint", "")))
    return results


def _made(check: Callable[[Patient], Iterable[Result]], patient: Patient, _: object) -> list[Result]:
    return list(check(patient))


def mend(results: list[Result]) -> list[str]:
    """Mend what can be mended; what could not be is told."""
    failed = []
    for result in results:
        if not result.ok and result.fix:
            try:
                result.fix()
            except (AgentsyncError, OSError) as error:
                failed.append(f"{result.check}: {error}")
    return failed


def git_version(patient: Patient) -> Iterator[Result]:
    """git is new enough."""
    version = patient.facts.git_version
    text, oldest = (".".join(map(str, numbers)) for numbers in (version, repository.OLDEST))
    yield Result(
        "git",
        version >= repository.OLDEST,
        f"git {text}",
        "" if version >= repository.OLDEST else f"install {oldest} or newer",
    )


def configuration(patient: Patient) -> Iterator[Result]:
    """The configuration is valid; where it is not, the last valid one goes on."""
    problem = patient.configuration.problem
    if problem:
        yield Result("configuration", False, f"{problem}; the last valid configuration goes on", f"edit {CONFIG_PATH}")
    elif not os.path.exists(f"{patient.here.root}/{CONFIG_PATH}"):
        yield Result("configuration", True, "none on this branch; the clone's last valid one goes on")
    else:
        yield Result("configuration", True, f"{CONFIG_PATH} is valid")


def hooks_path(patient: Patient) -> Iterator[Result]:
    """Where core.hooksPath makes git look."""
    folder = hooks.folder_of(patient.clone, patient.here)
    if patient.facts.hooks_path and not folder.own:
        yield Result("core.hooksPath", True, f"git looks for hooks in {folder.path}, which agentsync does not change")


def hook_files(patient: Patient) -> Iterator[Result]:
    """git reaches each hook."""
    broken = [state for state in patient.hooks if not state.works]
    for state in broken:
        what = f"{state.name}: {hooks.STATES[state.state]} ({state.path})"
        yield Result("hooks", False, what, state.advice, patient.install_hooks)
    if not broken:
        by_state: dict[str, list[str]] = {}
        for state in patient.hooks:
            by_state.setdefault(hooks.STATES[state.state], []).append(state.name)
        yield Result("hooks", True, "; ".join(f"{what}: {', '.join(names)}" for what, names in by_state.items()))


def proof(patient: Patient) -> Iterator[Result]:
    """Each hook is as this version writes it, and what it starts can start."""
    for state in patient.hooks:
        if state.state in ("ours", "chained", "behind") and not hooks.is_as_written(patient.clone, state):
            what = f"{state.path} differs from what `agentsync init` writes"
            yield Result("proof", False, what, "agentsync doctor --fix", patient.install_hooks)
    state = patient.hooks[0]
    if state.state == "called":
        found = shutil.which("agentsync") is not None
        what = "a hook manager calls agentsync"
        what += "; commit a watched file to see that it does" if found else ", which is not on the PATH"
        yield Result("proof", found, what, "" if found else "install agentsync where the PATH leads, with pipx")
    elif state.works and (script := hooks.script_at(state.path)):
        problem = _start(script)
        hint = "reinstall agentsync, then run `agentsync init`" if problem else ""
        yield Result("proof", not problem, problem or f"{script.python} starts, and finds agentsync", hint)


def _start(script: Script) -> str:
    """Start what a hook starts, with nothing to do; what is wrong with it, "" for nothing."""
    code = "import sys; sys.path.append(sys.argv[1]); import agentsync.hook"
    argv = [script.python, "-I", "-S", "-c", code, os.path.dirname(os.path.dirname(script.entry))]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=STARTING, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{script.python} cannot be started: {error}"
    said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    return f"{script.python} does not find agentsync: {said}" if done.returncode else ""


def ledger(patient: Patient) -> Iterator[Result]:
    """There is a ledger that can be written, and nobody holds its lock for long."""
    if patient.view.state.since is None:
        yield Result("ledger", False, "nothing is recorded here yet", "run `agentsync init`")
        return
    try:
        with patient.ledger.transaction(PATIENCE):
            pass
    except LockedError:
        yield Result("ledger", False, f"it is locked{_by_whom(patient.ledger.path)}", "wait, or end that process")
    except (AgentsyncError, OSError) as error:
        why = getattr(error, "strerror", None) or str(error)
        hint = "what is seen is kept in .agentsync/notes until it is writable"
        yield Result("ledger", False, f"{patient.ledger.path} cannot be written: {why}", hint)
    else:
        records = patient.view.cursor.records
        yield Result("ledger", True, f"{records} record{'s' * (records != 1)}, writable, not locked")


def _by_whom(path: str) -> str:
    """Which processes hold a lock of the file, where the system tells (Linux)."""
    try:
        inode = os.stat(path).st_ino
        with open("/proc/locks", encoding="ascii") as locks:
            fields = [line.split() for line in locks]
    except OSError:
        return ""
    holders = {one[4] for one in fields if one[1] == "FLOCK" and one[5].rpartition(":")[2] == str(inode)}
    return f" by process {', '.join(sorted(holders))}" if holders else ""


def ledger_content(patient: Patient) -> Iterator[Result]:
    """No line is damaged, and the ledger still holds what it held."""
    damaged, unknown = patient.view.cursor.damaged, patient.view.cursor.unknown
    if damaged:
        yield Result("records", False, f"damaged lines, the first at byte {damaged[0]}", "agentsync verify")
    if unknown:
        yield Result("records", True, f"{unknown} of kinds that only a later version knows; they are kept and skipped")
    for notice in watermark.notices(patient.ledger):
        hint = "find out who did that; `agentsync doctor --fix` accepts the ledger as it is now"
        yield Result("records", False, watermark.explain(notice), hint, lambda: _accept(patient))


def _accept(patient: Patient) -> None:
    with patient.ledger.transaction(PATIENCE):
        watermark.accept(View(patient.ledger).catch_up())


def noted(patient: Patient) -> Iterator[Result]:
    """No note waits to be taken in, and nothing else lies there."""
    every = git.worktrees(patient.clone)
    waiting = notes.waiting(patient.clone, every, time.time())
    count = len(waiting.commits) + len(waiting.rewritings) + len(waiting.tools)
    count += sum(len(one.events) for one in waiting.observations)
    if count:
        yield Result("notes", False, f"{count} observation(s) not in the ledger yet", "agentsync scan", patient.look)
    for path in notes.others(patient.clone, every, waiting):
        yield Result("notes", False, f"{path} is not a complete note", "look at it, then remove it")


def owed(patient: Patient) -> Iterator[Result]:
    """Each worktree's report shows the newest consolidation."""
    for name, why in patient.survey.owed.items():
        reason = f": {why}" if why else ""
        hint = "agentsync consolidate" if not why or "missing" in why else "finish that, then `agentsync consolidate`"
        yield Result("report", False, f"not written in worktree {name}{reason}", hint, patient.look)


def report_hidden(patient: Patient) -> Iterator[Result]:
    """git does not see the reports, where the configuration says so."""
    settings = patient.configuration.settings
    path = settings.report.path
    if settings.report.commit != "agentsync":
        return
    if not git_filter.is_current(patient.clone, patient.python):
        there = attributes.is_installed(patient.clone.folder)
        program = git_filter.program(patient.clone)
        gone = there and bool(program) and not os.access(program, os.X_OK)
        what = "is from another version" if there else "is not installed"
        what = "calls an interpreter that is gone" if gone else what
        fix = partial(git_filter.install, patient.clone, patient.python)
        yield Result("report filter", not (gone or not there), f"git's filter {what}", "agentsync init", fix)
    for worktree in git.worktrees(patient.clone):
        if foreign := attributes.foreign_filter(patient.clone, worktree, path):
            what = f"{path} has filter={foreign} in worktree {worktree.name}, so git sees the reports there"
            yield Result("report filter", True, what)
            continue
        why = obstacle.of_index(worktree, path)
        if why:
            what = f"no report is written in worktree {worktree.name}: {why}"
            yield Result("report filter", False, what, _way_out(why, worktree, path))
        elif not attributes.is_installed(patient.clone.folder):
            continue
        elif (found := attributes.in_force(worktree, path)) != attributes.OURS:
            what = (
                f"git sees the reports in worktree {worktree.name}: its attributes give {path} {found or 'no'} filter"
            )
            put_right = partial(attributes.way, patient.clone, worktree, settings)
            yield Result("report filter", False, what, "agentsync init", put_right)
        else:
            yield Result("report filter", True, f"git does not see the reports in {path} of worktree {worktree.name}")


def _way_out(why: str, worktree: Worktree, path: str) -> str:
    """What to type so that the report's index entry can be changed again."""
    ways = {
        obstacle.LOCKED: f"wait; if no git command is running, remove {worktree.git_dir}/index.lock",
        f"{path} {obstacle.SPARSE}": f"git sparse-checkout add {path}",
        f"{path} {obstacle.ASSUMED}": f"git update-index --no-assume-unchanged {path}",
    }
    return ways.get(why, "end that")


def paused(patient: Patient) -> Iterator[Result]:
    """No operation of git keeps a worktree's files from being looked at."""
    for one in patient.survey.paused:
        what = f"worktree {one['worktree']} is paused: {one['operation']} has been in progress since {one['since']}"
        yield Result("paused", False, what, f"end it: git {_ending(one['operation'])}")


def _ending(operation: str) -> str:
    return {"bisect": "bisect reset", "sequencer": "cherry-pick --quit"}.get(
        operation, f"{operation} --abort (or --quit)"
    )


def documents(patient: Patient) -> Iterator[Result]:
    """All watched documents are there and can be read."""
    missing = patient.survey.missing
    if missing:  # no finding: the seed's list is a start, and one that appears is a change
        yield Result("documents", True, f"not there (yet): {', '.join(missing)}; the list is in {CONFIG_PATH}")
    for path, why in patient.survey.unreadable.items():
        yield Result("documents", False, f"{path} cannot be watched: {why}", "put a regular file there")


def hook_errors(patient: Patient) -> Iterator[Result]:
    """No hook has failed, and no look in the background was ended by force."""
    lock = f"{patient.clone.store}/{LOCK}"
    with suppress(OSError):
        began = os.stat(lock)
        if began.st_size and not files.is_held(lock):
            what = f"the look in the background that began at {to_rfc3339(began.st_mtime)} was killed"
            yield Result("hook errors", True, f"{what}; whoever looks next records what it would have seen")
    path = f"{patient.clone.store}/hook-errors.log"
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read(1 << 20).splitlines()
    except OSError:
        return
    for line in lines[-LOG_LINES:]:
        hint = f"`agentsync doctor --fix` removes {path}"
        yield Result("hook errors", False, line, hint, lambda: _forget_errors(patient.clone.store))


def _forget_errors(store: str) -> None:
    for name in ("hook-errors.log", "hook-errors.told", watchdog.ENDED):
        if os.path.lexists(f"{store}/{name}"):
            os.unlink(f"{store}/{name}")


def coverage(patient: Patient) -> Iterator[Result]:
    """How many changes hooks saw, and how many only others did."""
    sources = patient.view.state.sources
    if sources:
        told = ", ".join(f"{count} by {source}" for source, count in sorted(sources.items()))
        yield Result("coverage", True, f"changes seen: {told}")


def door(patient: Patient) -> Iterator[Result]:
    """The ledger is where people look for it."""
    path = f"{patient.here.root}/.agentsync/ledger.jsonl"
    if patient.view.state.since is not None and not os.path.exists(path):
        what = "the symlink .agentsync/ledger.jsonl is missing"
        plan = partial(local_files.plan_doors, patient.clone, patient.here)
        yield Result("symlink", False, what, "agentsync doctor --fix", lambda: carry_out(plan()))


def leftovers(patient: Patient) -> Iterator[Result]:
    """Nothing of ours was left behind by a process that was killed."""
    report = patient.configuration.settings.report.path
    for one in left_behind(patient.clone, git.worktrees(patient.clone), report):
        if one.holds_an_edit():
            what = f"{one.path} may hold an edit that was made while a report was written"
            hint = f"compare it with {one.document}, take over what is missing there, and remove it"
            yield Result("leftovers", False, what, hint)
        else:
            what = f"{one.path} was left behind, and holds nothing new"
            yield Result("leftovers", False, what, "agentsync doctor --fix", patient.look)


# In the order in which they are shown.
CHECKS: tuple[Callable[[Patient], Iterator[Result]], ...] = (
    git_version,
    configuration,
    hooks_path,
    hook_files,
    proof,
    ledger,
    ledger_content,
    noted,
    report_hidden,
    owed,
    paused,
    documents,
    hook_errors,
    coverage,
    agents,
    door,
    leftovers,
)
