"""What of a merge commit a person made: neither what git makes of the two sides, nor the choice of one of them."""

from collections.abc import Iterable

from agentsync.base import git
from agentsync.observe.contents import Contents
from agentsync.observe.history import Commit, Touch

_SHOW = "diff-tree --stdin --cc -p --no-renames --no-ext-diff --no-textconv --no-color --ignore-submodules=none"


class Merges:
    """Answers for the merges of one walk; asks git once for the cheap question, a few times for the rest."""

    def __init__(self, folder: str, contents: Contents) -> None:
        self.folder = folder
        self.contents = contents
        self._made: dict[tuple[str, str], bool] = {}

    def ask(self, commits: Iterable[Commit], pathspecs: list[str]) -> None:
        """Make `by_hand` answer for these commits."""
        merges = [commit for commit in commits if len(commit.parents) == 2]
        suspicious = self._with_hunks([commit.sha for commit in merges], pathspecs) if merges else set()
        for commit in merges:
            for touch in commit.touches:
                made = commit.sha in suspicious and self._merged_anew(commit, touch)
                self._made[commit.sha, touch.path] = made

    def by_hand(self, commit: Commit, touch: Touch) -> bool:
        """Whether a person made this path's content in this merge. An octopus never shows it."""
        return self._made.get((commit.sha, touch.path), False)

    def _with_hunks(self, shas: list[str], pathspecs: list[str]) -> set[str]:
        """The merges with a hunk in `--cc`: cheap, but also true where a clean merge joined neighbouring lines."""
        stdin = "".join(f"{sha}\n" for sha in shas).encode()
        try:
            out = git.run([*_SHOW.split(), "--", *pathspecs], cwd=self.folder, stdin=stdin)
        except git.GitError:
            return set(shas)  # a partial clone lacks some of their blobs; which, shows when they are read
        found, sha = set(), ""
        wanted = {sha.encode() for sha in shas}
        for line in out.split(b"\n"):
            if line in wanted:
                sha = line.decode()
            elif line.startswith((b"@@@", b"Binary files", b"mode ", b"deleted file", b"new file")):
                found.add(sha)
        return found

    def _merged_anew(self, commit: Commit, touch: Touch) -> bool:
        """Merge the three versions again: is the result, or where it conflicts one of the sides, what was committed?"""
        base = self._blob_of(self._base(commit), touch.path)
        versions = [base, *touch.before]
        data = self.contents.read({blob for blob in (*versions, touch.after) if blob})
        if any(blob is not None and data[blob] is None for blob in (*versions, touch.after)):
            return False  # a version is not here: nothing is known, so nothing is said
        clean = [self.contents.clean(touch.path, data[blob] or b"") if blob else None for blob in versions]
        result = self.contents.clean(touch.path, data[touch.after] or b"") if touch.after else None
        if result in clean[1:]:
            return False
        if None in clean[1:] or result is None:
            return True  # one side deleted it and the result is neither side
        base_, ours, theirs = (version or b"" for version in clean)
        return all(merge_file(ours, base_, theirs, *side) != result for side in ((), ("--ours",), ("--theirs",)))

    def _base(self, commit: Commit) -> str | None:
        status, out = git.answer(["merge-base", *commit.parents], cwd=self.folder)
        return out.decode().strip() if status == 0 else None

    def _blob_of(self, commit: str | None, path: str) -> str | None:
        if commit is None:
            return None
        entry = git.run(["--literal-pathspecs", "ls-tree", "-z", commit, "--", path], cwd=self.folder).decode()
        mode, _, rest = entry.partition(" ")
        return rest.split(" ")[1].split("\t")[0] if mode.startswith("100") else None


def merge_file(ours: bytes, base: bytes, theirs: bytes, *side: str) -> bytes | None:
    """What `git merge-file` makes of three contents, None where they conflict. `side`: --ours or --theirs wins."""
    conflict, merged = three_way(ours, base, theirs, *side)
    return None if conflict else merged


def three_way(ours: bytes, base: bytes, theirs: bytes, *options: str) -> tuple[bool, bytes]:
    """Whether three contents conflict, and what `git merge-file` makes of them, with markers then."""
    import tempfile  # late: few edits come here

    with tempfile.TemporaryDirectory() as folder:
        for name, data in (("ours", ours), ("base", base), ("theirs", theirs)):
            with open(f"{folder}/{name}", "wb") as file:
                file.write(data)
        status, out = git.answer(["merge-file", "-p", "-q", *options, "ours", "base", "theirs"], cwd=folder)
    return status != 0, out
