"""Which path is watched, and what git and the hooks' sh are asked for it."""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path

import pytest

from agentsync.base.globs import is_glob, literal, path_problem
from agentsync.base.settings import (
    Report,
    Settings,
    Watch,
    from_json,
    pathspecs,
    shell_pathspecs,
    to_json,
    type_of,
    watched,
)

NAMES = [
    "AGENT_SYNC.md",
    "a/b/c.md",
    "a/x.md",
    "ab/c.md",
    "abc",
    "abcd/e/f.md",
    "docs/.hidden.md",
    "docs/10-Memoire.md",
    "docs/a*b.md",
    "docs/a?b.md",
    "docs/a[b].md",
    "docs/ab.md",
    "docs/architecture/deep/x.md",
    "docs/architecture/x.md",
    "docs/back\\slash.md",
    "docs/new\nline.md",
    "docs/quote'\".md",
    "docs/two words.md",
    "docs/x.md",
    "docs/é.md",
    "docs/🤖.md",
    "x.md",
    "é.md",
]
GLOBS = [
    "*",
    "*.md",
    "?.md",
    "??.md",
    "**",
    "**/*.md",
    "**/x.md",
    "docs/*",
    "docs/**",
    "docs/**/x.md",
    "docs/*/x.md",
    "docs/**/*.md",
    "**/deep/**",
    "***/x.md",
    "a/**/c.md",
    "a**/c.md",
    "a**",
    "a**c",
    "ab**/f.md",
    "docs/a\\*b.md",
    "docs/a\\?b.*",
    "docs/a\\[b\\].*",
    "docs/back\\\\slash.*",
    "docs/new?line.md",
    "docs?x.md",
    "docs/\\.hidden.*",
]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    git(root, "init", "-q")
    blob = git(root, "hash-object", "-w", "--stdin").strip()
    entries = "".join(f"100644 {blob}\t{name}\0" for name in NAMES)
    git(root, "update-index", "-z", "--index-info", stdin=entries)
    return root


def git(root: Path, *args: str, stdin: str = "") -> str:
    env = {**os.environ, "HOME": str(root), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    env = {key: value for key, value in env.items() if key not in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")}
    done = subprocess.run(["git", *args], cwd=root, env=env, input=stdin.encode(), capture_output=True, check=True)
    return done.stdout.decode()


def found_by_git(root: Path, specs: list[str]) -> set[str]:
    return set(git(root, "ls-files", "-z", "--", *specs).split("\0")) - {""}


def settings(*paths: str) -> Settings:
    return Settings(watch=tuple(Watch(path, "docs") for path in paths))


@pytest.mark.parametrize("glob", GLOBS)
def test_a_glob_watches_what_git_finds_with_it(repository: Path, glob: str) -> None:
    names = found_by_git(repository, [":(top)"])
    want = found_by_git(repository, [f":(top,glob){glob}"])
    made = watched(settings(glob))
    if is_glob(glob):
        assert {name for name in names if made.type_of(name)} == want
    else:
        assert {name for name in names if made.type_of(name)} == found_by_git(repository, pathspecs(settings(glob)))


COSTLY = {
    "**/a/**/b/**/c.md": "**/a/**",
    "a**/b/**/c.md": "a**/b/**",
    "docs/*a*b*c*d.md": "docs/**",
    "*a*b*c*d.md": "**",
    "**/*a*b*c.md": "**/**",
    "docs/**/" + "x/" * 50 + "*.md": "docs/**/" + "x/" * 7 + "**",
    "docs/\\**/*/x*.md": "docs/\\**/*/x*.md",
    "docs/**/*.md": "docs/**/*.md",
}


@pytest.mark.parametrize("glob", COSTLY)
def test_git_is_given_nothing_that_takes_it_long(glob: str) -> None:
    """Each `**`, and each `*` in one name, multiplies what git tries; a path can be made for it."""
    assert pathspecs(settings(glob)) == [f":(top,glob){COSTLY[glob]}"]


def test_and_finds_all_that_is_watched_by_it(tmp_path: Path) -> None:
    chance = random.Random(4)
    names = {
        "/".join("".join(chance.choices("ab", k=2)) for _ in range(chance.randint(1, 5))) + ".md" for _ in range(400)
    }
    git(tmp_path, "init", "-q")
    blob = git(tmp_path, "hash-object", "-w", "--stdin").strip()
    git(tmp_path, "update-index", "-z", "--index-info", stdin="".join(f"100644 {blob}\t{one}\0" for one in names))
    for _ in range(30):
        glob = "/".join(chance.choice(("**", "*", "a*", "*a*b", "*b", "?*a*", "a?", "aa")) for _ in range(4)) + "*"
        want = found_by_git(tmp_path, [f":(top,glob){glob}"])
        assert {name for name in names if type_of(settings(glob), name)} == want
        assert want <= found_by_git(tmp_path, pathspecs(settings(glob))), glob


@pytest.mark.parametrize("name", NAMES)
def test_a_name_with_its_wildcards_escaped_is_that_name_alone(repository: Path, name: str) -> None:
    path = "".join("\\" + char if char in "*?[\\" else char for char in name)
    assert (is_glob(path), literal(path)) == (False, name)
    assert found_by_git(repository, pathspecs(settings(path))) == {name}
    assert [other for other in NAMES if type_of(settings(path), other)] == [name]


@pytest.mark.parametrize("path", [*GLOBS, *(name.replace("\\", "\\\\") for name in NAMES)])
def test_the_shells_lines_find_all_that_is_watched(repository: Path, path: str) -> None:
    lines = shell_pathspecs(settings(path))
    assert not any("\n" in line for line in lines)
    assert found_by_git(repository, pathspecs(settings(path))) <= found_by_git(repository, lines)


def test_a_newline_beside_wildcard_characters_stays_found_by_the_shell(repository: Path) -> None:
    for path in ("docs/new\nline.md", "docs/new\nlin*", "docs/new\\\nline.*"):
        lines = shell_pathspecs(settings(path))
        assert len(lines) == 2
        assert "docs/new\nline.md" in found_by_git(repository, lines)
    assert found_by_git(repository, shell_pathspecs(settings("docs/a*b.m\nd"))) == set()


def test_the_shell_always_asks_for_the_configuration_too() -> None:
    assert ":(top,literal).agentsync/config.toml" in shell_pathspecs(settings("a"))
    assert ":(top,literal).agentsync/config.toml" not in pathspecs(settings("a"))


def test_a_name_goes_before_globs_and_globs_go_in_order() -> None:
    one = Settings(watch=(Watch("docs/**", "docs"), Watch("**/x.md", "x"), Watch("docs/x.md", "named")))
    assert [type_of(one, path) for path in ("docs/x.md", "docs/y.md", "x.md", "y.md")] == ["named", "docs", "x", None]


def test_neither_gits_nor_agentsyncs_own_files_are_ever_watched_by_a_glob() -> None:
    for path in (".git/config", ".GIT/x", "sub/.git/x", ".agentsync/config.toml", ".Agentsync/x"):
        assert type_of(settings("**", "*/*", "**/*.toml", ".?it/*"), path) is None
    assert type_of(settings("**"), ".github/x.yml") == "docs"


BY_THE_WAY = """
.#x.md #x.md# x.md~ .x.md.swp .x.md.swo ~$x.md .~lock.x.md# .syncthing.x.md.tmp ~syncthing~x.md.tmp
x.sync-conflict-20251010-153000-ABCDEFG.md
x (conflicted copy).md
x (Ada's conflicted copy 2025-10-10).md
x (conflicted copy 2025-10-10 153000).md
x (Ada's Conflicted Copy).md
"""


def test_what_editors_and_syncing_programs_leave_is_no_document_of_a_glob() -> None:
    """Unless an entry names it."""
    _, short, *long = BY_THE_WAY.split("\n")[:-1]
    for name in (*short.split(" "), *long):
        for path in (name, f"docs/{name}"):
            assert type_of(settings("**", "docs/*", "*.md"), path) is None, path
            assert type_of(settings("**", path), path) == "docs", path
    for path in ("docs/a#b.md", "docs/sync-conflict.md", "docs/conflicted copy.md", "docs/(a) b.md", ".#docs/x.md"):
        assert type_of(settings("**"), path) == "docs", path


def test_a_name_that_is_no_utf_8_can_be_asked_for() -> None:
    assert type_of(settings("docs/*"), os.fsdecode(b"docs/\xff.md")) == "docs"


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("**/" * 20 + "*a*a*a*a*b", "a/" * 300 + "a" * 250),
        ("*a" * 30 + "b", "a" * 250),
        ("**/*a*" * 10 + "/b", ("a" * 60 + "/") * 60),
        ("**/" * 8 + "b", "a/" * 2000),
    ],
)
def test_no_glob_takes_for_ever(glob: str, path: str) -> None:
    """Trying all ways would outlast everybody who waits, so coming back at all is the test."""
    assert type_of(settings(glob), path) is None


@pytest.mark.parametrize(
    "path",
    [
        *("", "/etc/passwd", "../x", "a/../x", "a//b", "a/", "./a", "a/.", ".git/config", "a/.GIT/x", ".agentsync/x"),
        *("a\0b", "docs\\x.md", "a\\/b", "\\.\\./x", "a\\", "docs/[a", "docs/[ab].md", "*\n", "a" * 1001),
        *(".AGENTSYNC", ".git"),
    ],
)
def test_a_path_that_cannot_be_watched_is_told_with_what_to_write(path: str) -> None:
    problem = path_problem(path)
    assert problem is not None
    assert all(problem)


@pytest.mark.parametrize(
    "path",
    [
        "AGENT_SYNC.md",
        "docs/**/*.md",
        "docs/\\[a].md",
        "docs/a]",
        "a\nb",
        "a b",
        "é",
        "a\\*b",
        "a\\\\b",
        "...",
        ".github/x",
    ],
)
def test_a_path_that_can_be_watched_is_fine(path: str) -> None:
    assert path_problem(path) is None


def test_settings_survive_json() -> None:
    one = Settings(7, 8, 9, False, 10, Report("R.md", "en", 0), (Watch("a", "b"), Watch("**", "c")))
    assert from_json(json.loads(json.dumps(to_json(one)))) == one
