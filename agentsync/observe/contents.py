"""What a document holds, in the form in which contents are compared: as git would store it, without the report region.

A content is told by git's blob id of that form; its MD5 is the seed's checksum. Equal documents have equal contents in
every worktree and on every branch, whatever line endings or filters are set there.
"""

import os
from collections.abc import Iterable
from hashlib import md5 as _md5
from hashlib import sha1, sha256
from typing import NamedTuple

from agentsync.base import git
from agentsync.base.files import MAX_DOCUMENT, UnreadableError, read_document
from agentsync.observe.sizes import Size, between


class Content(NamedTuple):
    """Blob id and MD5 of a clean content. Both None: no such file. Only the MD5 None: the blob is not in this clone."""

    blob: str | None
    checksum: str | None


NOTHING = Content(None, None)
ABSENT = 64  # blobs found to be absent from a partial clone, one git process each, before the rest is left unread
KEPT = 64 << 20  # bytes of files that are kept to count their lines
_CAT = ["cat-file", "--batch"]
_STARTER = 300  # bytes that the file which `init` makes may have
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class Contents:
    """Clean contents of blobs and files of one clone; asks git for many at once and remembers the answers."""

    def __init__(self, root: str, report_path: str, hex_length: int) -> None:
        self.root = root  # any worktree or git directory of the clone
        self.report_path = report_path
        self.sha = sha256 if hex_length == 64 else sha1
        self._known: dict[tuple[str, str], Content] = {}  # by path and raw blob id
        self._bytes: dict[str, bytes | None] = {}
        self._clean: dict[str, bytes] = {}  # by blob id, where that is not the id of bytes above
        self._room = KEPT

    def blob_id(self, data: bytes) -> str:
        """git's id of these bytes."""
        digest = self.sha(b"blob %d\0" % len(data))
        digest.update(data)
        return digest.hexdigest()

    def clean(self, path: str, data: bytes) -> bytes:
        """The bytes without the report region, where the path is the report's."""
        if path != self.report_path or not (b"agentsync:" in data or data[:2] in _UTF_16):
            return data
        from agentsync.report import region  # late: most files have none

        return region.strip(data)

    def says_nothing(self, path: str, clean: bytes) -> bool:
        """Whether it is the report's file with no text of anybody's: the same as none, so making it is no change."""
        if path != self.report_path or len(clean) > _STARTER:
            return False
        if not clean or not clean.startswith(b"# "):
            return not clean
        from agentsync.report.phrases import STARTERS  # late: most files are longer

        return clean.replace(b"\r\n", b"\n") in STARTERS

    def of(self, path: str, blob: str | None) -> Content | None:
        """The clean content of a blob in git's store; None if it has not been fetched with `ask` yet."""
        return NOTHING if blob is None else self._known.get((path, blob))

    def keep(self, content: Content, clean: bytes) -> Content:
        """Remember the bytes of a content, to count its lines; not of all files of a large first look."""
        if content.blob is not None and self._room >= len(clean):
            self._room -= len(clean)
            self._clean[content.blob] = clean
        return content

    def size(self, old: Content, new: Content) -> Size:
        """How many lines came and went, as far as both contents were read."""
        return between(self._clean_text(old.blob), self._clean_text(new.blob))

    def _clean_text(self, blob: str | None) -> bytes | None:
        if blob is None:
            return b""  # no file has no lines
        return self._clean[blob] if blob in self._clean else self._bytes.get(blob)

    def learn(self, path: str, raw: bytes, content: Content) -> None:
        """Remember what a file held, so that git need not be asked for the same bytes."""
        self._known[path, self.blob_id(raw)] = content

    def assume(self, path: str, content: Content) -> None:
        """Take what the ledger knows for the content of git's blob of that id; the report's blobs hold a region."""
        if content.blob is not None and content.checksum is not None and path != self.report_path:
            self._known[path, content.blob] = content

    def ask(self, wanted: Iterable[tuple[str, str | None]]) -> None:
        """Make `of` answer for these paths and blobs."""
        missing = {(path, blob) for path, blob in wanted if blob is not None and (path, blob) not in self._known}
        data = self.read({blob for _, blob in missing})
        for path, blob in missing:
            self._known[path, blob] = self._content(path, blob, data[blob])

    def _content(self, path: str, blob: str, data: bytes | None) -> Content:
        if data is None:
            return Content(blob, None)
        clean = self.clean(path, data)
        if self.says_nothing(path, clean):
            return NOTHING
        if clean is data:
            return Content(blob, md5(clean))
        return self.keep(Content(self.blob_id(clean), md5(clean)), clean)

    def read(self, blobs: set[str]) -> dict[str, bytes | None]:
        """The bytes of blobs; None for one that is not here (a partial clone) or larger than a document may be."""
        wanted = sorted(blobs - self._bytes.keys())
        if wanted:
            small = [blob for blob, line in self._sizes(wanted).items() if _size(line) <= MAX_DOCUMENT]
            self._bytes.update(dict.fromkeys(wanted))
            self._bytes.update(_contents(git.run(_CAT, cwd=self.root, stdin=_listed(small)), small) if small else {})
        return {blob: self._bytes[blob] for blob in blobs}

    def clean_bytes(self, root: str, path: str, blob: str) -> bytes | None:
        """The clean content of this id, out of git's store or the file in `root`; None where neither has it."""
        data = self.read({blob})[blob]
        return self.clean(path, data) if data is not None else self.in_file(root, path, blob)

    def in_file(self, root: str, path: str, blob: str) -> bytes | None:
        """The clean content of this id, if the file in `root` still has it."""
        try:
            clean = self.clean(path, read_document(root, path) or b"")
        except UnreadableError:
            return None
        return next((form for form in (clean, clean.replace(b"\r\n", b"\n")) if self.blob_id(form) == blob), None)

    def at_hand(self, path: str, blob: str) -> bytes | None:
        """The clean content of this id, if git was asked for it already."""
        data = self._bytes.get(blob)
        clean = None if data is None else self.clean(path, data)
        return clean if clean is not None and self.blob_id(clean) == blob else None

    def forget(self) -> None:
        """Keep what contents there are, and not their bytes."""
        self._bytes.clear()
        self._clean.clear()
        self._room = KEPT

    def _sizes(self, blobs: list[str]) -> dict[str, bytes]:
        """What git says of each blob's type and size; nothing of one that only the remote of a partial clone has."""
        said: dict[str, bytes] = {}
        for _ in range(ABSENT):
            status, out = git.answer(["cat-file", "--batch-check"], cwd=self.root, stdin=_listed(blobs))
            lines = out.splitlines()
            said.update(zip(blobs, lines, strict=False))
            if status == 0:
                break
            if git.answer(["config", "--get-regexp", r"^remote\..*\.promisor$"], cwd=self.root)[0]:
                git.run(["cat-file", "--batch-check"], cwd=self.root, stdin=_listed(blobs))  # raises: no partial clone
            blobs = blobs[len(lines) + 1 :]  # git gives up at the first that it may not fetch
        return said


def _listed(blobs: list[str]) -> bytes:
    return "".join(f"{blob}\n" for blob in blobs).encode()


def _size(line: bytes) -> int:
    _, kind, *rest = line.split(b" ")
    return int(rest[0]) if kind == b"blob" and rest else MAX_DOCUMENT + 1


def _contents(out: bytes, blobs: list[str]) -> dict[str, bytes]:
    found, at = {}, 0
    for blob in blobs:
        end = out.index(b"\n", at)
        size = int(out[at:end].rsplit(b" ", 1)[1])
        found[blob] = out[end + 1 : end + 1 + size]
        at = end + size + 2
    return found


def md5(data: bytes) -> str:
    """The seed's checksum, in hex."""
    return _md5(data, usedforsecurity=False).hexdigest()


def of_file(
    contents: Contents, root: str, path: str, raw: bytes, expected: Iterable[Content], *, within: bool = False
) -> Content:
    """The clean content of a file's bytes. `expected`: what it probably is; then git need not be asked.

    `within`: a git command waits, and may hold what somebody else's filter would wait for, so none is started. Raises
    UnreadableError there, and where git itself cannot tell.
    """
    data = contents.clean(path, raw)
    if contents.says_nothing(path, data):
        return NOTHING
    unix = data.replace(b"\r\n", b"\n")
    probable = {content.blob: content for content in expected}
    forms = (data,) if unix == data else (data, unix)
    for form in forms:
        content = probable.get(contents.blob_id(form))
        if content:
            return Content(content.blob, content.checksum or md5(form))
    filter_, *others = _attributes(root, path, "filter", "ident", "working-tree-encoding")
    if filter_ and within:
        raise UnreadableError(f"behind the filter {filter_}, which hooks do not run; any command does")
    if unix == data and not filter_ and not any(others):
        return contents.keep(Content(contents.blob_id(data), md5(data)), data)
    try:
        return _as_git_stores(contents, root, path, forms)
    except git.GitError as error:  # an encoding that there is not, a filter that fails
        raise UnreadableError(f"git cannot store it: {error.cause}") from None


def _attributes(root: str, path: str, *names: str) -> list[str]:
    """The values of attributes that make git store other bytes than the file has (line endings apart); "" for none."""
    said = git.run(["check-attr", "-z", *names, "--", path], cwd=root).decode(errors="replace").split("\0")[2::3]
    return ["" if value in ("unspecified", "unset", "agentsync") else value for value in said]  # ours hides the region


def _as_git_stores(contents: Contents, root: str, path: str, forms: tuple[bytes, ...]) -> Content:
    data = forms[0]
    blob = git.run(["hash-object", "--stdin", f"--path={path}"], cwd=root, stdin=data).decode().strip()
    for form in forms:
        if contents.blob_id(form) == blob:
            return contents.keep(Content(blob, md5(form)), form)
    return Content(blob, _checksum_behind_filter(root, path, data))


def _checksum_behind_filter(root: str, path: str, data: bytes) -> str:
    """The MD5 of what a filter makes of the file: a loose object in a folder of its own, never in git's store."""
    import tempfile  # late: only for files behind a filter

    with tempfile.TemporaryDirectory() as folder:
        env = {"GIT_OBJECT_DIRECTORY": folder}
        blob = (
            git.run(["hash-object", "-w", "--stdin", f"--path={path}"], cwd=root, stdin=data, env=env).decode().strip()
        )
        return md5(git.run(["cat-file", "blob", blob], cwd=root, env=env))


def hex_length(git_dir: str) -> int:
    """40 in a SHA-1 repository, 64 in a SHA-256 one."""
    if not os.path.exists(f"{git_dir}/config"):
        return 40
    with open(f"{git_dir}/config", "rb") as file:
        said = file.read().lower().replace(b" ", b"").replace(b"\t", b"")
    return 64 if b"objectformat=sha256" in said else 40
