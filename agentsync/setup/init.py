"""`init` and `uninstall`: all that agentsync puts into a clone, and takes out again; planned first, then done."""

from __future__ import annotations

import compileall
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from agentsync.base import config, config_text, files, git
from agentsync.base.errors import AgentsyncError
from agentsync.base.git import Clone, Worktree
from agentsync.base.settings import CONFIG_PATH, SEED_WATCH, Report, Settings
from agentsync.ledger import notes
from agentsync.ledger.log import Ledger
from agentsync.ledger.view import View
from agentsync.observe.request import Request
from agentsync.report import attributes, leftovers, obstacle, region
from agentsync.report.phrases import PHRASES, STARTERS, starter
from agentsync.setup import agent_hooks, documents, elsewhere, git_filter, hooks, local_files
from agentsync.setup.changes import Change, Edit, Remove, Say, Write, carried_out, carry_out
from agentsync.setup.hook_scripts import PACKAGE
from agentsync.setup.interpreter import check_interpreter
from agentsync.setup.preconditions import check_trees, check_trusted
from agentsync.sync import sync

# What outlives an uninstall without --purge: the ledger, under which name it was written, what was cut off it,
# and what nobody has taken in yet.
KEPT = ("ledger.jsonl", "writer.json", "torn")
LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")


@dataclass(frozen=True)
class Wish:
    """What somebody asked `init` for. `language` None: found out. `local`: nothing that git would track.

    `manager`: the hook manager whose files may get our lines; "" for none.
    """

    language: str | None = None
    hooks: bool = True
    local: bool = False
    manager: str = ""


@dataclass(frozen=True)
class Plan:
    """What is touched, what to commit then, the language and where it comes from, whether watching begins."""

    changes: tuple[Change, ...]
    commit: tuple[str, ...]
    settings: Settings
    language_from: str
    begins: bool
    local: bool


def init(clone: Clone, wish: Wish, *, python: str, environ: Mapping[str, str], now: float) -> Plan:
    """Put in what is missing; where nothing is, change nothing. Raises AgentsyncError, then nothing was touched."""
    plan = plan_init(clone, wish, python=python, environ=environ)
    begin(clone, plan, now=now)
    history_is_done(clone)
    return plan


def plan_init(clone: Clone, wish: Wish, *, python: str, environ: Mapping[str, str]) -> Plan:
    """What `init` would do. Raises AgentsyncError for what cannot work here."""
    here = clone.worktree()
    check_trusted(clone)
    check_trees(clone)
    local = wish.local or local_files.is_local(clone)
    check_interpreter(here.root, python)
    there = _configured(clone, here)
    settings, language_from = _settings(clone, here, wish, environ, there)
    apart = there is not None and there[1] != CONFIG_PATH  # whatever we wrote into the tree would be in its way
    begins = _is_new(clone)
    changes = [
        *local_files.plan_excludes(clone, local=local),
        *(hooks.plan_install(clone, here, python, wish.manager) if wish.hooks else ()),
        *_plan_filter(clone, here, settings, python),
        *(() if apart else local_files.plan_gitignore(here, local=local)),
        *local_files.plan_doors(clone, here),
        *(_plan_config(here, settings) if there is None else ()),
        *(() if apart else _plan_report(here, settings, local=local)),
    ]
    if begins:
        changes.append(Say(f"{clone.store}/ledger.jsonl", "write", "the ledger, with what the documents hold now"))
    return Plan(tuple(changes), tuple(_to_commit(here, changes, local)), settings, language_from, begins, local)


def begin(clone: Clone, plan: Plan, *, now: float) -> None:
    """Carry out a plan, and take what the documents hold now. Raises AgentsyncError, then nothing was touched."""
    fresh = not os.path.lexists(clone.store)
    try:
        with carried_out(plan.changes):
            config.begin_with(clone, plan.settings)
            config.in_force(clone, clone.here)
            if plan.begins:
                files.replace_file(_history_due(clone), b"", durable=True)
                sync(Request(clone, plan.settings, "init", git.worktrees(clone), now, begin=True))
    except BaseException:
        if fresh:
            shutil.rmtree(clone.store, ignore_errors=True)
        raise
    leftovers.clear(clone, git.worktrees(clone), plan.settings.report.path)
    compileall.compile_dir(PACKAGE, quiet=2)  # not every installer has done it, and hooks are in a hurry


def history_is_due(clone: Clone) -> bool:
    """Whether watching has begun, and nobody has taken in the history since, nor said that it is not wanted."""
    return os.path.exists(_history_due(clone))


def history_is_done(clone: Clone) -> None:
    """Ask for the history no more."""
    with suppress(OSError):
        os.unlink(_history_due(clone))


def _history_due(clone: Clone) -> str:
    return f"{clone.store}/history-due"


def _plan_filter(clone: Clone, here: Worktree, settings: Settings, python: str) -> Iterator[Change]:
    """What git runs on the report's file, and the attribute that says so."""
    yield from git_filter.plan_install(clone, python)
    if not attributes.fit(clone, here, settings):
        path = f"{clone.common_dir}/info/attributes"
        yield Edit(path, "write", edit=partial(attributes.way, clone, here, settings), paths=(path,))


def _is_new(clone: Clone) -> bool:
    try:
        return View(Ledger(clone.store)).catch_up().state.since is None
    except OSError as error:
        raise AgentsyncError(
            f"{clone.store} cannot be used", cause=error.strerror or "", hint="move it out of the way, then try again"
        ) from None


def _configured(clone: Clone, here: Worktree) -> tuple[Settings, str] | None:
    """The settings of the configuration here, else on another branch, and what to call it; None: there is none."""
    path = f"{here.root}/{CONFIG_PATH}"
    if os.path.lexists(path):
        return config.load(path), CONFIG_PATH
    found = elsewhere.find(clone)
    return (found.settings, f"{CONFIG_PATH} of {found.ref}") if found else None


def _settings(
    clone: Clone, here: Worktree, wish: Wish, environ: Mapping[str, str], there: tuple[Settings, str] | None
) -> tuple[Settings, str]:
    """The settings that are there, else those to write, and where their language comes from."""
    if there:
        settings, where = there
        if wish.language not in (None, settings.report.language):
            raise AgentsyncError(
                f'{where} says language = "{settings.report.language}"',
                cause="init never changes an existing configuration",
                hint=f'write language = "{wish.language}" there',
            )
        return there
    earlier = config.last_valid(clone)
    settings = earlier or Settings(watch=(*SEED_WATCH, *documents.proposed(here, SEED_WATCH)))
    language, source = wish.language, "--language"
    if language is None and earlier:
        language, source = settings.report.language, "the configuration of this clone's other branches"
    if language is None:
        language, source = _language(here, settings.report.path, environ)
    return settings._replace(report=settings.report._replace(language=language)), source


def _language(here: Worktree, path: str, environ: Mapping[str, str]) -> tuple[str, str]:
    try:
        found = region.section_language(files.read_document(here.root, path) or b"")
    except (files.UnreadableError, OSError):
        found = None
    if found:
        return found, f"the section in {path}"
    name = next((name for name in LOCALE if environ.get(name)), None)
    if name and environ[name].lower().startswith("fr"):
        return "fr", f"the locale ({name}={environ[name]})"
    return "en", f"the locale ({name}={environ[name]})" if name else "no section, no locale: the default"


def _plan_config(here: Worktree, settings: Settings) -> Iterator[Change]:
    yield Write(f"{here.root}/{CONFIG_PATH}", data=config_text.default_text(settings).encode(), new=True)


def _plan_report(here: Worktree, settings: Settings, *, local: bool) -> Iterator[Change]:
    """A report file, where there is none: with the section's heading and no report yet."""
    path = f"{here.root}/{settings.report.path}"
    if local or os.path.lexists(path) or _in_git(here, settings.report.path):
        return
    folder = os.path.dirname(path)
    while folder != here.root:
        if os.path.islink(folder):
            raise AgentsyncError(f"{path} could not be written", cause=f"{folder} is a symbolic link", hint="remove it")
        folder = os.path.dirname(folder)
    yield Write(path, note="no report yet", data=_empty_report(settings), new=True)


def _empty_report(settings: Settings) -> bytes:
    """Text of its own where git does not see the region, so that there is something to commit."""
    phrases = PHRASES[settings.report.language]
    if settings.report.commit == "agentsync":
        return starter(settings.report.language)
    return region.put(b"", f"{phrases.notice}\n", "", phrases.heading)


def _in_git(here: Worktree, path: str) -> bool:
    """Whether git has the file, though it is not here: deleted, left out, or nothing is checked out yet."""
    literally = "--literal-pathspecs"
    listed = git.run([literally, "ls-files", "-z", "--", path], cwd=here.root)
    return bool(listed or git.answer([literally, "ls-tree", "HEAD", "--", path], cwd=here.root)[1])


def _to_commit(here: Worktree, changes: list[Change], local: bool) -> Iterator[str]:
    """What lies in the tree and git would show; a symlink and all that is local are ignored."""
    for change in changes:
        inside = os.path.relpath(change.path, here.root)
        if not local and isinstance(change, Write) and not inside.startswith(("../", ".git/")):
            yield inside


def uninstall(clone: Clone, *, purge: bool) -> list[Change]:
    """Take out what `init` put in; the ledger stays, unless `purge`. Raises AgentsyncError, then nothing changed."""
    settings = config.last_valid(clone) or Settings()
    leftovers.clear(clone, git.worktrees(clone), settings.report.path)
    changes = plan_uninstall(clone, purge=purge)
    carry_out(changes)
    for folder in (*(f"{one.root}/{local_files.FOLDER}" for one in git.worktrees(clone)), clone.store):
        with suppress(OSError):  # somebody else has something in it
            os.rmdir(folder)
    return changes


def plan_uninstall(clone: Clone, *, purge: bool) -> list[Change]:
    """What `uninstall` would do. Raises AgentsyncError."""
    check_trusted(clone)
    every = git.worktrees(clone)
    first = every[0] if every and not clone.here else clone.worktree()
    return [
        *_plan_to_show(clone, every),
        *hooks.plan_uninstall(clone, first),
        *agent_hooks.plan_remove_all(clone, every),
        *local_files.plan_no_excludes(clone),
        *(change for worktree in every for change in _plan_worktree(worktree, purge=purge)),
        *_plan_store(clone, purge=purge),
    ]


def _plan_to_show(clone: Clone, every: list[Worktree]) -> Iterator[Change]:
    """Nothing is hidden from git any more: each file has the region that is committed, and so has the index."""
    if not git_filter.is_there(clone):
        return
    paths = [f"{clone.common_dir}/config", f"{clone.common_dir}/info/attributes"]
    free = []
    for worktree in every:
        report = _report_path(worktree)
        path = f"{worktree.root}/{report}"
        if why := obstacle.in_progress(worktree) or obstacle.of_index(worktree, report):
            yield Say(path, "keep", f"its report may show in `git status`: {why}")
            continue
        try:
            differs = git_filter.uncover(worktree, report, dry_run=True)
        except (files.UnreadableError, region.BrokenRegionError) as error:
            yield Say(path, "keep", f"its report stays in it, and may show in `git status`: {error}")
            continue
        free.append((worktree, report))
        if differs:
            paths.append(path)
            yield Say(path, "restore", "with the report that is committed, or none")
    yield Edit(paths[0], "remove", git_filter.WHAT, edit=partial(_show, clone, free), paths=tuple(paths))


def _show(clone: Clone, reports: list[tuple[Worktree, str]]) -> None:
    for worktree, report in reports:
        git_filter.uncover(worktree, report, dry_run=False)
    git_filter.remove(clone)


def _plan_worktree(worktree: Worktree, *, purge: bool) -> Iterator[Change]:
    tracked = _tracked(worktree)
    for path, ours in ((CONFIG_PATH, _as_written), (_report_path(worktree), _nothing_but_report)):
        full = f"{worktree.root}/{path}"
        if not os.path.isfile(full):
            continue
        if path in tracked and path == CONFIG_PATH:
            yield Say(full, "keep", "git tracks it; `git rm -r .agentsync` removes it for everybody")
        elif path not in tracked and ours(full, purge):
            yield Remove(full)
        elif path == CONFIG_PATH:
            yield Say(full, "keep", "somebody has edited it; --purge removes it too")
    waiting = f"{worktree.root}/{notes.IN_WORKTREE}"
    if os.path.isdir(waiting) and not os.path.islink(waiting) and (purge or not os.listdir(waiting)):
        yield Remove(waiting)
    keep = [".gitignore"] if ".agentsync/.gitignore" in tracked else []
    yield from local_files.plan_no_doors(worktree, keep=keep)
    for name in ("agentsync-report", "agentsync-agent"):
        if os.path.lexists(f"{worktree.git_dir}/{name}"):
            yield Remove(f"{worktree.git_dir}/{name}")


def _report_path(worktree: Worktree) -> str:
    try:
        return config.load(f"{worktree.root}/{CONFIG_PATH}").report.path
    except AgentsyncError:
        return Report().path


def _tracked(worktree: Worktree) -> set[str]:
    args = ["--literal-pathspecs", "ls-files", "-z", "--", ".agentsync", _report_path(worktree)]
    return set(os.fsdecode(git.run(args, cwd=worktree.root)).split("\0"))


def _as_written(path: str, purge: bool) -> bool:
    """Whether a configuration is what `init` wrote."""
    try:
        with open(path, encoding="utf-8") as file:
            return purge or file.read() == config_text.default_text(config.load(path))
    except (OSError, ValueError, AgentsyncError):
        return purge


def _nothing_but_report(path: str, purge: bool) -> bool:
    """Whether a file holds nothing but an untouched region, which has no report or may be lost."""
    try:
        with open(path, "rb") as file:
            content = file.read()
        found = region.find(content)
    except (OSError, region.BrokenRegionError):
        return False
    text = region.strip(content).replace(b"\r\n", b"\n")
    untouched = found is None or (found.intact and (purge or not found.id))
    return untouched and (text in STARTERS if found is None else text in (b"", *STARTERS))


def _plan_store(clone: Clone, *, purge: bool) -> Iterator[Change]:
    if not os.path.isdir(clone.store):
        return
    if purge:
        yield Remove(clone.store)
        return
    waiting = f"{clone.store}/{notes.FOLDER}"
    for name in sorted(os.listdir(clone.store)):
        path = f"{clone.store}/{name}"
        if path == waiting and os.path.isdir(path) and os.listdir(path):
            yield Say(path, "keep", "notes that are not in the ledger yet; --purge removes them too")
        elif name not in KEPT and name != "hooks.json":  # that one is gone with the hooks
            yield Remove(path)
    if os.path.lexists(f"{clone.store}/ledger.jsonl"):
        yield Say(f"{clone.store}/ledger.jsonl", "keep", "the ledger; --purge removes it too")
