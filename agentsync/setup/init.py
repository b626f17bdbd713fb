"""`init` and `uninstall`: all that agentsync puts into a clone, and takes out again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agentsync.base import config, config_text, files, git
from agentsync.base.errors import AgentsyncError
from agentsync.base.git import Clone, Worktree
from agentsync.base.settings import CONFIG_PATH, Report, Settings
from agentsync.ledger import notes
from agentsync.ledger.log import Ledger
from agentsync.ledger.view import View
from agentsync.observe.look import Request
from agentsync.report import attributes, obstacle, region
from agentsync.report.phrases import PHRASES, STARTERS, starter
from agentsync.setup import git_filter, hooks, local_files
from agentsync.setup.changes import Step
from agentsync.sync import sync

# What outlives an uninstall without --purge: the ledger, under which name it was written, how far, and what was cut.
KEPT = ("ledger.jsonl", "writer.json", "watermark.json", "torn")
LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")


@dataclass(frozen=True)
class Wish:
    """What somebody asked `init` for. `language` None: found out. `local`: nothing that git would track."""

    language: str | None = None
    hooks: bool = True
    local: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class Done:
    """What was touched (or would be), what to commit, the language and where it comes from, whether watching began."""

    steps: tuple[Step, ...]
    commit: tuple[str, ...]
    settings: Settings
    language_from: str
    began: bool
    local: bool


def init(clone: Clone, wish: Wish, *, python: str, environ: Mapping[str, str], now: float) -> Done:
    """Put in what is missing; where nothing is, change nothing. Raises AgentsyncError, then nothing was touched."""
    here = clone.worktree()
    local = wish.local or _is_local(clone)
    place = (here.root, here.git_dir, clone.common_dir)
    settings, language_from = _settings(clone, here, wish, environ)
    hooks.check_interpreter(here.root, python)
    hooks.install(
        *place, python=python, hooks=wish.hooks, local=local, dry_run=True
    )  # refuses before anything is there
    began = _is_new(clone)
    steps = [
        *hooks.install(*place, python=python, hooks=wish.hooks, local=local, dry_run=wish.dry_run),
        *_install_filter(clone, here, settings, python, dry_run=wish.dry_run),
        *local_files.make_doors(*place, local=local, dry_run=wish.dry_run),
        *_write_config(here, settings, dry_run=wish.dry_run),
        *_write_report(here, settings, local=local, dry_run=wish.dry_run),
    ]
    if not wish.dry_run:
        config.in_force(clone, here)
    if began:
        steps.append(Step("write", f"{clone.store}/ledger.jsonl", "the ledger, with what the documents hold now"))
        if not wish.dry_run:
            sync(Request(clone, settings, "init", git.worktrees(clone), now, begin=True))
    return Done(tuple(steps), tuple(_to_commit(here, steps, local)), settings, language_from, began, local)


def _install_filter(clone: Clone, here: Worktree, settings: Settings, python: str, *, dry_run: bool) -> Iterator[Step]:
    """What git runs on the report's file, and the attribute that says so."""
    if not git_filter.is_current(clone, python):
        if not dry_run:
            git_filter.install(clone, python)
        yield Step("write", f"{clone.common_dir}/config", "git's filter and merge driver for the reports")
    if not attributes.fit(clone, here, settings):
        if not dry_run:
            attributes.way(clone, here, settings)
        yield Step("write", f"{clone.common_dir}/info/attributes")


def _is_new(clone: Clone) -> bool:
    try:
        return View(Ledger(clone.store), with_index=False).catch_up().state.since is None
    except OSError as error:
        raise AgentsyncError(
            f"{clone.store} cannot be used", cause=error.strerror or "", hint="move it out of the way, then try again"
        ) from None


def _is_local(clone: Clone) -> bool:
    """Whether an earlier `init --local` keeps everything from git."""
    try:
        with open(f"{clone.common_dir}/info/exclude", "rb") as file:
            return b"\n/.agentsync/\n" in file.read()
    except OSError:
        return False


def _settings(clone: Clone, here: Worktree, wish: Wish, environ: Mapping[str, str]) -> tuple[Settings, str]:
    """The settings of the file, else those to write into it, and where their language comes from."""
    path = f"{here.root}/{CONFIG_PATH}"
    if os.path.lexists(path):
        settings = config.load(path)
        if wish.language not in (None, settings.report.language):
            raise AgentsyncError(
                f'{CONFIG_PATH} says language = "{settings.report.language}"',
                cause="init changes no configuration that is there",
                hint=f'write language = "{wish.language}" there',
            )
        return settings, CONFIG_PATH
    earlier = config.last_valid(clone)
    settings = earlier or Settings()
    language, source = wish.language, "--language"
    if language is None and earlier:
        language, source = settings.report.language, "the configuration of this clone's other branches"
    if language is None:
        language, source = _language(here, settings.report.path, environ)
    return _with_language(settings, language), source


def _with_language(settings: Settings, language: str) -> Settings:
    report = Report(**{**vars(settings.report), "language": language})
    return Settings(**{**vars(settings), "report": report})


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


def _write_config(here: Worktree, settings: Settings, *, dry_run: bool) -> Iterator[Step]:
    if not os.path.lexists(f"{here.root}/{CONFIG_PATH}"):
        yield _create(here, CONFIG_PATH, config_text.default_text(settings).encode(), "", dry_run=dry_run)


def _write_report(here: Worktree, settings: Settings, *, local: bool, dry_run: bool) -> Iterator[Step]:
    """A report file, where there is none: with the section's heading and no report yet."""
    path = settings.report.path
    if not local and not os.path.lexists(f"{here.root}/{path}") and not _in_head(here, path):
        yield _create(here, path, _empty_report(settings), "no report yet", dry_run=dry_run)


def _empty_report(settings: Settings) -> bytes:
    """Text of its own where git does not see the region, so that there is something to commit."""
    phrases = PHRASES[settings.report.language]
    if settings.report.commit == "agentsync":
        return starter(settings.report.language)
    return region.put(b"", f"{phrases.notice}\n", "", phrases.heading)


def _create(here: Worktree, path: str, data: bytes, note: str, *, dry_run: bool) -> Step:
    if not dry_run:
        try:
            files.create(here.root, path, data)
        except OSError as error:
            raise AgentsyncError(
                f"{path} could not be written", cause=error.strerror or "", hint="then run `agentsync init` again"
            ) from None
    return Step("write", f"{here.root}/{path}", note)


def _in_head(here: Worktree, path: str) -> bool:
    """Whether git has the file, though it is not here: somebody deleted it, or a sparse checkout leaves it out."""
    return bool(git.run(["--literal-pathspecs", "ls-files", "-z", "--", path], cwd=here.root))


def _to_commit(here: Worktree, steps: list[Step], local: bool) -> Iterator[str]:
    """What lies in the tree and git would show; a symlink and all that is local are ignored."""
    for step in steps:
        inside = os.path.relpath(step.path, here.root)
        if not local and step.action == "write" and not inside.startswith(("../", ".git/", ".agentsync/ledger")):
            yield inside


def uninstall(clone: Clone, *, purge: bool, dry_run: bool) -> tuple[Step, ...]:
    """Take out what `init` put in. The ledger stays, unless `purge`. Raises AgentsyncError."""
    every = git.worktrees(clone)
    first = every[0] if every and not clone.here else clone.worktree()
    steps = [*_show_reports(clone, every, dry_run=dry_run)]
    steps += hooks.uninstall(first.root, first.git_dir, clone.common_dir, dry_run=dry_run)
    for worktree in every:
        steps += _empty_worktree(worktree, purge=purge, dry_run=dry_run)
    steps += _empty_store(clone, purge=purge, dry_run=dry_run)
    return tuple(steps)


def _show_reports(clone: Clone, every: list[Worktree], *, dry_run: bool) -> Iterator[Step]:
    """Nothing is hidden from git any more: each file has the region that is committed, and so has the index."""
    if not git_filter.is_there(clone):
        return
    for worktree in every:
        path = _report_path(worktree)
        why = obstacle.in_progress(worktree) or obstacle.of_index(worktree, path)
        if why:
            yield Step("keep", f"{worktree.root}/{path}", f"its report may show in `git status`: {why}")
        elif git_filter.uncover(worktree, path, dry_run=dry_run):
            yield Step("restore", f"{worktree.root}/{path}", "with the report that is committed, or none")
    if not dry_run:
        git_filter.remove(clone)
    yield Step("remove", f"{clone.common_dir}/config", "git's filter and merge driver for the reports")


def _empty_worktree(worktree: Worktree, *, purge: bool, dry_run: bool) -> Iterator[Step]:
    tracked = _tracked(worktree)
    for path, ours in ((CONFIG_PATH, _as_written), (_report_path(worktree), _nothing_but_report)):
        if not os.path.isfile(f"{worktree.root}/{path}"):
            continue
        if path in tracked and path == CONFIG_PATH:
            yield Step("keep", f"{worktree.root}/{path}", "git tracks it: `git rm -r .agentsync` is for everybody")
        elif path not in tracked and ours(f"{worktree.root}/{path}", purge):
            yield _remove(f"{worktree.root}/{path}", dry_run=dry_run)
        elif path == CONFIG_PATH:
            yield Step("keep", f"{worktree.root}/{path}", "somebody has edited it; --purge removes it, too")
    kept = f"{worktree.root}/{notes.IN_WORKTREE}"
    if os.path.isdir(kept) and not os.path.islink(kept) and (purge or not os.listdir(kept)):
        yield _remove(kept, dry_run=dry_run)
    keep = [".gitignore"] if ".agentsync/.gitignore" in tracked else []
    yield from local_files.remove_doors(worktree.root, dry_run=dry_run, keep=keep)
    for name in ("agentsync-report", "agentsync-agent"):
        if os.path.lexists(f"{worktree.git_dir}/{name}"):
            yield _remove(f"{worktree.git_dir}/{name}", dry_run=dry_run)


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


def _empty_store(clone: Clone, *, purge: bool, dry_run: bool) -> Iterator[Step]:
    if not os.path.isdir(clone.store):
        return
    if purge:
        yield _remove(clone.store, dry_run=dry_run)
        return
    for name in sorted(os.listdir(clone.store)):
        if name not in KEPT and name != "hooks.json":  # that one is gone with the hooks
            yield _remove(f"{clone.store}/{name}", dry_run=dry_run)
    if os.path.lexists(f"{clone.store}/ledger.jsonl"):
        yield Step("keep", f"{clone.store}/ledger.jsonl", "the ledger; --purge removes it, too")
    elif not dry_run and not os.listdir(clone.store):
        os.rmdir(clone.store)


def _remove(path: str, *, dry_run: bool) -> Step:
    if not dry_run:
        try:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        except OSError as error:
            raise AgentsyncError(
                f"{path} could not be removed", cause=error.strerror or "", hint="then run `agentsync uninstall` again"
            ) from None
    return Step("remove", path)
