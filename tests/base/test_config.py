"""The configuration: what it may say, what a mistake is told, and what hooks read instead of it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsync.base import config_text
from agentsync.base.config import in_force, last_valid, load
from agentsync.base.config_text import default_text, parse
from agentsync.base.errors import ConfigError
from agentsync.base.git import Clone, Worktree
from agentsync.base.globs import path_problem
from agentsync.base.settings import Report, Settings, Watch, shell_pathspecs, to_json

DOCS = Path(__file__).parent.parent.parent / "docs" / "configuration.md"
WATCH = '[[watch]]\npath = "docs/x.md"\ntype = "docs"\n'


def refused(text: str | bytes) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse(text if isinstance(text, bytes) else text.encode(), "c.toml")
    assert caught.value.hint
    assert caught.value.message.isprintable()
    return caught.value


def test_an_empty_file_means_the_defaults() -> None:
    assert parse(b"", "c.toml") == Settings()


def test_each_key_takes_effect() -> None:
    text = """
check_interval_seconds = 1
consolidation_threshold = 2
consolidation_interval_minutes = 3
record_authors = false
stale_after_days = 4
[report]
path = "R.md"
language = "en"
keep = 0
commit = "with-work"
[[watch]]
path = 'docs/a\\*b/**'
type = "a-b_1"
"""
    want = Settings(1, 2, 3, False, 4, Report("R.md", "en", 0, "with-work"), (Watch("docs/a\\*b/**", "a-b_1"),))
    assert parse(text.encode(), "c.toml") == want
    assert parse(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(), "c.toml") == want


@pytest.mark.parametrize(
    ("text", "line", "says", "hints"),
    [
        ("check_intervall_seconds = 3", 1, "unknown key", "check_interval_seconds"),
        ("\n[report]\nkepp = 1", 3, "unknown key 'kepp'", "did you mean keep"),
        ("zzz = 1", 1, "unknown key", "stale_after_days"),
        ('[[watch]]\npath = "a"\ntype = "b"\n\nglob = "c"', 5, "unknown key", "path, type"),
        ("# x\nconsolidation_threshold = true", 2, "not a whole number", "consolidation_threshold = 5"),
        ('consolidation_threshold = "5"', 1, "a text", "consolidation_threshold = 5"),
        ("consolidation_threshold = 5.0", 1, "with a point", "consolidation_threshold = 5"),
        ("consolidation_threshold = 0", 1, "is 0", "from 1 to"),
        ("check_interval_seconds = -30", 1, "-30", "check_interval_seconds = 30"),
        ("check_interval_seconds = 86401", 1, "86401", "86400"),
        ("check_interval_seconds = 1979-05-27", 1, "a date", "30"),
        ("consolidation_interval_minutes = 1" + "0" * 100, 1, "not between", "60"),
        ("\n\nconsolidation_interval_minutes = " + "9" * 5000, 3, "thousands of digits", "configuration.md"),
        ("record_authors = 1", 1, "not true or false", "record_authors = true"),
        ("report = 3", 1, "not a table", "[report]"),
        ("[report]\nkeep = -1", 2, "-1", "from 0 to"),
        ("[report]\nkeep = false", 2, "not a whole number", "keep = 20"),
        ("[report]\nlanguage = 'de'", 2, "'de'", 'language = "fr" or language = "en"'),
        ("[report]\nlanguage = 1", 2, "not a text", 'language = "fr"'),
        ("[report]\ncommit = 'always'", 2, "'always'", 'commit = "with-work"'),
        ("[report]\npath = '../x.md'", 2, "out of the repository", "without .."),
        ("[report]\npath = 'docs/*.md'", 2, "wildcard", "AGENT_SYNC.md"),
        ("[report]\npath = 'src/report.py'", 2, "a document", ".md"),
        ("report.path = 'R.md'\nreport . keep = -1", 2, "-1", "keep"),
        ("x = '''\nkeep = 1'''\n[report] # [[watch]]\n\"keep\" = 9.5", 1, "unknown key 'x'", "the keys"),
        ('[report] # keep = 2\npath = "keep = 3.md"\n"keep" = 9.5', 3, "a number with a point", "keep"),
        ('report = { language = "fr", keep = -1 }', 1, "-1", "keep"),
        ("[report]\n'k\\x' = 1\n", 2, "unknown key", "keep"),
        ("watch = []", 1, "nothing is watched", "[[watch]]"),
        ("watch = 'docs'", 1, "watch is a text", "[[watch]]"),
        ("[watch]\npath = 'a'", 1, "watch is a table", "two brackets"),
        ("watch = [\n 'docs/x.md',\n]", 1, "a text", "[[watch]]"),
        ("[[watch]]\ntype = 'docs'", 1, "no path", 'path = "docs/x.md"'),
        (WATCH + "[[watch]]\npath = 'a'", 4, "no type", "type"),
        (WATCH + "[[watch]]\ntype = 'a'\npath = '/etc/passwd'", 6, "outside the repository", "root"),
        (WATCH + "[[watch]]\ntype = 'a'\npath = '.git/config'", 6, "inside .git", "git's own"),
        (WATCH + "[[watch]]\npath = 'a'\ntype = 'Docs'", 6, "'Docs'", "small letters"),
        (WATCH + "[[watch]]\npath = 'a'\ntype = ''", 6, "type is ''", "small letters"),
        (WATCH + "[[watch]]\npath = 3\ntype = 'a'", 5, "a number", "path ="),
        (WATCH + "\n" + WATCH, 6, "watched twice", "one of the two"),
        (WATCH + "[[watch]]\npath = '\\*'\ntype = 'a'\n[[watch]]\npath = '\\*'\ntype = 'b'", 8, "twice", "one"),
        (f"x = '''\n[report]\n'''\n{WATCH}", 1, "unknown key 'x'", "the keys"),
        ("[report]\n'language' = '''\nde'''", 2, "de", "fr"),
        ("a = 1\na = 2", 2, "not TOML", "configuration.md"),
        ("x = [", 1, "not TOML", "configuration.md"),
        ("\n\nx = 'abc", 3, "not TOML", "configuration.md"),
        ("x = " + "[" * 9999, 1, "too deep", "configuration.md"),
        (b"# \xc3\xa9\n# \xff", 2, "not UTF-8", "UTF-8"),
        ("#" * (64 * 1024 + 1), 1, "larger than 64 KiB", "glob"),
        ('"\\u001b[31m" = 1', 1, "unknown key", "the keys"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_to_write(text: str | bytes, line: int, says: str, hints: str) -> None:
    error = refused(text)
    assert error.message.startswith(f"c.toml:{line}: ")
    assert says in error.message
    assert hints in error.hint


def test_more_paths_than_a_thousand_are_refused() -> None:
    entries = "".join(f"[[watch]]\npath = 'd{n}'\ntype = 'a'\n" for n in range(1001))
    assert refused(entries).message == "c.toml:3001: more than 1000 paths"


@pytest.mark.parametrize(
    "text",
    [
        "a." * 30_000 + "a = 1",
        f"[{'a.' * 30_000}a]",
        "x = {" + "a." * 30_000 + "a = 1}",
        "".join(f"[t{number}]\n" for number in range(8000)),
        "".join(f"[[t{number}]]\n" for number in range(7000)),
    ],
)
def test_what_would_take_minutes_to_read_is_refused_unread(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may push such a file, and every hook of everybody who pulls it would read it."""
    monkeypatch.delattr("tomllib.loads")
    assert refused(text).message.startswith("c.toml:")


def test_dots_in_texts_and_comments_are_no_keys() -> None:
    text = f"# {'a.' * 20}\n" + WATCH.replace("docs/x.md", "docs/1.2.3.4.5.6.7.8.9.10.md")
    assert parse(text.encode(), "c.toml").watch[0].path == "docs/1.2.3.4.5.6.7.8.9.10.md"


PATHS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(lambda p: not path_problem(p))
REPORTS = st.builds(
    Report,
    PATHS.filter(lambda path: path.isprintable() and not set(path) & set("*?[\\")).map(lambda path: f"{path}.md"),
    st.sampled_from(["fr", "en"]),
    st.integers(0, 10_000),
    st.sampled_from(["agentsync", "with-work"]),
    st.sampled_from(["", "main", "release/1.0", "équipe"]),
    st.sampled_from([Report().message, "docs: synchronisé à {time}"]),
)
WATCHES = st.lists(
    st.builds(Watch, PATHS, st.from_regex(r"[a-z][a-z0-9_-]{0,31}", fullmatch=True)), min_size=1, max_size=4
)


@settings(deadline=None)
@given(
    st.builds(
        Settings,
        st.integers(1, 86_400),
        st.integers(1, 1_000_000),
        st.integers(1, 525_600),
        st.booleans(),
        st.integers(0, 36_500),
        REPORTS,
        WATCHES.filter(lambda all_: len({one.path.replace("\\", "") for one in all_}) == len(all_)).map(tuple),
    )
)
def test_what_init_writes_says_exactly_the_settings(one: Settings) -> None:
    assert parse(default_text(one).encode(), "c.toml") == one


def test_what_init_writes_explains_each_key() -> None:
    text = default_text(Settings())
    for key in (*Settings._fields, *Report._fields, *Watch._fields):
        assert key in text
    assert text.count("[[watch]]\n") == 8


# What hooks read.


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "work" / ".agentsync"
    folder.mkdir(parents=True)
    return folder / "config.toml"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "common" / "agentsync"


def clone(store: Path) -> Clone:
    return Clone(str(store.parent), None)


def now(config: Path, store: Path) -> tuple[Settings, str | None]:
    found = in_force(clone(store), Worktree("w", str(config.parent.parent), ""))
    return found.settings, found.problem


def test_a_configuration_is_prepared_once_and_again_when_it_changes(config: Path, store: Path) -> None:
    config.write_text("consolidation_threshold = 7")
    assert now(config, store) == (Settings(consolidation_threshold=7), None)
    first = os.stat(store / "settings.json").st_ino, os.stat(store / "settings.json").st_mtime_ns
    assert now(config, store) == (Settings(consolidation_threshold=7), None)
    assert first == (os.stat(store / "settings.json").st_ino, os.stat(store / "settings.json").st_mtime_ns)
    config.write_text("consolidation_threshold = 17")
    assert now(config, store)[0].consolidation_threshold == 17


def test_a_prepared_configuration_costs_a_hook_no_toml(config: Path, store: Path) -> None:
    config.write_text(default_text(Settings(consolidation_threshold=7)))
    code = (
        "import sys; from agentsync.base import config, git; root, common = sys.argv[1:]; "
        "found = config.in_force(git.Clone(common, None), git.Worktree('w', root, '')); "
        "print(found.settings.consolidation_threshold, found.problem, *({'tomllib'} & set(sys.modules)))"
    )

    def run() -> str:
        argv = [sys.executable, "-S", "-c", code, str(config.parent.parent), str(store.parent)]
        env = {"PYTHONPATH": str(DOCS.parent.parent)}
        return subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout

    assert run().startswith("7 None ")
    assert run() == "7 None\n"


def test_the_shell_gets_the_lines_of_what_is_watched(config: Path, store: Path) -> None:
    config.write_text(WATCH)
    settings, _ = now(config, store)
    assert (store / "pathspecs").read_text() == "".join(f"{line}\n" for line in shell_pathspecs(settings))
    assert sorted(os.listdir(store)) == ["pathspecs", "settings.json", "settings.lock"]


def test_a_missing_file_leaves_the_last_valid_settings_without_a_word(config: Path, store: Path) -> None:
    assert now(config, store) == (Settings(), None)
    assert not store.exists()
    config.write_text("consolidation_threshold = 7")
    now(config, store)
    config.unlink()
    assert now(config, store) == (Settings(consolidation_threshold=7), None)
    assert now(config.parent.parent / "other" / "config.toml", store) == (Settings(consolidation_threshold=7), None)


def test_a_bad_file_leaves_the_last_valid_settings_and_says_why(config: Path, store: Path) -> None:
    config.write_text("consolidation_threshold = 0")
    settings, problem = now(config, store)
    assert settings == Settings()
    config.write_text("consolidation_threshold = 7")
    now(config, store)
    config.write_text("\nconsolidation_treshold = 9")
    for _ in range(2):
        settings, problem = now(config, store)
        assert settings == last_valid(clone(store)) == Settings(consolidation_threshold=7)
        assert problem is not None
        assert f"{config}:2: unknown key" in problem
        assert "did you mean consolidation_threshold" in problem


def test_a_bad_file_is_read_once(config: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each hook would pay for it; the shell's list is newer than the file, too."""
    config.write_text("consolidation_threshold = 0")
    first = now(config, store)
    assert shell_pathspecs(Settings()) == (store / "pathspecs").read_text().splitlines()
    monkeypatch.delattr(config_text, "parse")
    assert now(config, store) == first
    assert os.stat(store / "pathspecs").st_mtime >= os.stat(config).st_mtime


def test_worktrees_with_different_configurations_do_not_disturb_each_other(tmp_path: Path, store: Path) -> None:
    configs = []
    for number in (1, 2):
        config = tmp_path / f"w{number}" / ".agentsync" / "config.toml"
        config.parent.mkdir(parents=True)
        config.write_text(f"consolidation_threshold = {number}\n[[watch]]\npath = 'd{number}.md'\ntype = 'docs'\n")
        configs.append(config)
        now(config, store)
    before = os.stat(store / "settings.json").st_ino
    assert [now(config, store)[0].consolidation_threshold for config in configs] == [1, 2]
    assert os.stat(store / "settings.json").st_ino == before
    lines = (store / "pathspecs").read_text().splitlines()
    assert {":(top,literal)d1.md", ":(top,literal)d2.md"} <= set(lines)
    configs[0].write_text("broken")
    assert now(configs[0], store)[0].consolidation_threshold == 1


def test_a_worktree_that_is_gone_is_forgotten(tmp_path: Path, store: Path, config: Path) -> None:
    gone = tmp_path / "gone" / ".agentsync" / "config.toml"
    gone.parent.mkdir(parents=True)
    gone.write_text("[[watch]]\npath = 'gone.md'\ntype = 'docs'\n")
    now(gone, store)
    gone.unlink()
    gone.parent.rmdir()
    gone.parent.parent.rmdir()
    config.write_text(WATCH)
    now(config, store)
    assert "gone.md" not in (store / "pathspecs").read_text()
    assert "gone.md" not in (store / "settings.json").read_text()


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", "{}", '{"v":2}', '{"v":9}', "null", "[" * 99999, '{"v":2,"worktrees":[1]}']
)
def test_damaged_prepared_settings_are_made_anew(config: Path, store: Path, damage: str) -> None:
    config.write_text("consolidation_threshold = 7")
    now(config, store)
    (store / "settings.json").write_text(damage)
    assert now(config, store)[0].consolidation_threshold == 7
    assert json.loads((store / "settings.json").read_text())["v"] == 2


def test_a_store_that_cannot_be_written_hides_no_settings(config: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    config.write_text("consolidation_threshold = 7")
    assert now(config, tmp_path / "file" / "agentsync") == (Settings(consolidation_threshold=7), None)


def test_what_is_no_plain_file_is_refused(config: Path, store: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.toml").write_text("consolidation_threshold = 7")
    config.symlink_to(tmp_path / "secret.toml")
    with pytest.raises(ConfigError, match="symbolic link"):
        load(str(config))
    config.unlink()
    os.mkfifo(config)
    assert stat.S_ISFIFO(os.stat(config).st_mode)
    with pytest.raises(ConfigError, match="not a regular file"):
        load(str(config))
    settings, problem = now(config, store)
    assert settings == Settings()
    assert problem is not None
    assert "not a regular file" in problem
    config.unlink()
    config.mkdir()
    with pytest.raises(ConfigError, match="not a regular file"):
        load(str(config))


def test_a_folder_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "config.toml").write_text("")
    (tmp_path / ".agentsync").symlink_to("real")
    with pytest.raises(ConfigError, match="symbolic link"):
        load(str(tmp_path / ".agentsync" / "config.toml"))


def test_a_file_that_is_not_there_is_an_error_where_somebody_asks_for_it(config: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        load(str(config))
    assert "init" in caught.value.hint


# What people read.


@pytest.mark.parametrize("key", [*Settings._fields, *Report._fields, *Watch._fields])
def test_each_key_stands_in_the_documentation(key: str) -> None:
    assert f"`{key}`" in DOCS.read_text(encoding="utf-8")


def test_the_documentations_examples_are_valid_and_its_defaults_true() -> None:
    text = DOCS.read_text(encoding="utf-8")
    blocks = [block.split("```")[0] for block in text.split("```toml\n")[1:]]
    assert blocks
    for block in blocks:
        parse(block.encode(), "docs")
    flat = to_json(Settings())
    for key, value in {**flat, **flat["report"]}.items():
        if isinstance(value, int | str):
            assert f"| `{key}` | `{json.dumps(value)}` |" in text
