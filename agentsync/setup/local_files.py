"""What lies in a clone beside the hooks: exclude patterns, and the folder `.agentsync` of a worktree."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator

from agentsync.base.blocks import with_block, without_block
from agentsync.base.errors import AgentsyncError
from agentsync.setup.changes import Op, Remove, Step, Write

FOLDER = ".agentsync"
GITIGNORE = b"# agentsync keeps the rest of this folder to itself.\n*\n!.gitignore\n!config.toml\n"
_ALL_LOCAL = b"# Nothing of agentsync is shared through this repository.\n*\n"
_PATTERNS = "/.agentsync/*\n!/.agentsync/.gitignore\n!/.agentsync/config.toml\n"


def plan_excludes(common_dir: str, *, local: bool) -> list[Op]:
    """Keep git from seeing what lies in `.agentsync`, on branches without its .gitignore too. `local`: all of it."""
    path, data = _exclude_file(common_dir)
    wanted = with_block(data, f"/{FOLDER}/\n" if local else _PATTERNS)
    return [] if data == wanted else [Write(path, wanted)]


def plan_no_excludes(common_dir: str) -> list[Op]:
    """The exclude file as it was."""
    path, data = _exclude_file(common_dir)
    if data is None or (wanted := without_block(data)) == data:
        return []
    return [Remove(path) if wanted is None else Write(path, wanted)]


def _exclude_file(common_dir: str) -> tuple[str, bytes | None]:
    path = os.path.realpath(os.path.join(common_dir, "info", "exclude"))
    try:
        with open(path, "rb") as file:
            return path, file.read()
    except FileNotFoundError:
        return path, None


def make_doors(root: str, git_dir: str, common_dir: str, *, local: bool = False, dry_run: bool = False) -> list[Step]:
    """Make `.agentsync/` in a worktree, its .gitignore and the symlink to the ledger. Raises AgentsyncError.

    A .gitignore that is there stays as it is, and so does anything at the symlink's place that is no symlink.
    """
    folder = os.path.join(root, FOLDER)
    target = _ledger_from(root, git_dir, common_dir)
    steps = []
    if _is_folder(folder):
        if not os.path.lexists(f"{folder}/.gitignore"):
            steps.append(Step("write", f"{folder}/.gitignore"))
        if _link(f"{folder}/ledger.jsonl") not in (target, _OTHER):
            steps.append(Step("write", f"{folder}/ledger.jsonl", f"symlink to {target}"))
    else:
        steps = [Step("write", f"{folder}/{name}") for name in (".gitignore", "ledger.jsonl")]
    if steps and not dry_run:
        with _explained(folder):
            _make(root, {os.path.basename(step.path) for step in steps}, target, _ALL_LOCAL if local else GITIGNORE)
    return steps


def remove_doors(root: str, *, dry_run: bool = False, keep: Collection[str] = ()) -> list[Step]:
    """Take out what `make_doors` made in a worktree, where it is still as it was made. Raises AgentsyncError.

    `keep`: names that stay, because git tracks them.
    """
    folder = os.path.join(root, FOLDER)
    if not _is_folder(folder):
        return []
    steps = []
    link = _link(f"{folder}/ledger.jsonl")
    if link not in (None, _OTHER) and str(link).endswith("/agentsync/ledger.jsonl"):
        steps.append(Step("remove", f"{folder}/ledger.jsonl"))
    if ".gitignore" not in keep and _read(f"{folder}/.gitignore") in (GITIGNORE, _ALL_LOCAL):
        steps.append(Step("remove", f"{folder}/.gitignore"))
    if not dry_run:
        with _explained(folder):
            for step in steps:
                os.unlink(step.path)
        with contextlib.suppress(OSError):
            os.rmdir(folder)
    return steps


_OTHER = object()  # something that is no symlink


def _link(path: str) -> object:
    """Where a symlink points; None if nothing is there."""
    try:
        return os.readlink(path)
    except FileNotFoundError:
        return None
    except OSError:
        return _OTHER


def _ledger_from(root: str, git_dir: str, common_dir: str) -> str:
    ledger = os.path.join(os.path.realpath(common_dir), "agentsync", "ledger.jsonl")
    main = os.path.realpath(git_dir) == os.path.realpath(common_dir)
    return os.path.relpath(ledger, os.path.join(os.path.realpath(root), FOLDER)) if main else ledger


def _is_folder(folder: str) -> bool:
    """Whether `.agentsync` is there. Raises AgentsyncError if it is no folder: a link leads elsewhere."""
    if not os.path.lexists(folder):
        return False
    if os.path.islink(folder) or not os.path.isdir(folder):
        raise AgentsyncError(
            f"{folder} is not a folder",
            cause="agentsync keeps its configuration there and follows no symbolic link",
            hint="move it out of the way, then run `agentsync init` again",
        )
    return True


def _make(root: str, names: set[str], target: str, gitignore: bytes) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(os.path.join(root, FOLDER))
    # By the folder's descriptor: it cannot become a link to somewhere else meanwhile.
    at = os.open(os.path.join(root, FOLDER), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if ".gitignore" in names:
            with open(os.open(".gitignore", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=at), "wb") as file:
                file.write(gitignore)
        if "ledger.jsonl" in names:
            temporary = f"ledger.jsonl.{os.getpid()}.new"
            os.symlink(target, temporary, dir_fd=at)
            os.rename(temporary, "ledger.jsonl", src_dir_fd=at, dst_dir_fd=at)
    finally:
        os.close(at)


def _read(path: str) -> bytes | None:
    if os.path.islink(path):
        return None
    try:
        with open(path, "rb") as file:
            return file.read(1 << 16)
    except OSError:
        return None


@contextlib.contextmanager
def _explained(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AgentsyncError(
            f"{folder} could not be changed", cause=str(error.strerror), hint="make the folder writable, then try again"
        ) from None
