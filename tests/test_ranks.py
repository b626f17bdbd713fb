"""The table of docs/how-it-works.md is the program: every module stands in it, and ranks import downwards only."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "agentsync"
RANKS = ("pure", "files and git", "steps", "doors")
# What would cost a commit more than all that its hook does.
SLOW = (
    "argparse asyncio ast click collections contextlib copy dataclasses datetime enum functools git hashlib "
    "importlib.util inspect json logging msgspec operator pathlib platform random re rich shutil signal socket "
    "sqlite3 ssl string subprocess tempfile threading tomllib traceback types typing unittest urllib weakref"
).split()
# A pure module may do no more than compute.
IMPURE = {"subprocess", "socket", "pathlib", "shutil", "tempfile", "fcntl", "git", "random", "select"}


def table() -> dict[str, str]:
    """Module (as a path below agentsync/) to rank, as the page has it."""
    ranks, rank = {}, ""
    page = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    for first, second in re.findall(r"^\| ([a-z ]*?) ?\| (`[^|]+`) \|", page, re.MULTILINE):
        rank = first or rank
        if rank in RANKS:
            ranks.update(dict.fromkeys(re.findall(r"`([^`]+\.py)`", second), rank))
    return ranks


def modules() -> list[str]:
    """Every module of the package, as a path below agentsync/."""
    return sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py"))


def imports(module: str) -> set[str]:
    """The modules of the package that a module imports, anywhere in it, but for type checkers alone."""
    found: set[str] = set()
    for node in running(ast.parse((PACKAGE / module).read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "agentsync":
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.split(".")[0] == "agentsync"]
        for name in names:
            path = name.replace(".", "/").removeprefix("agentsync").lstrip("/")
            found.update(each for each in (f"{path}.py", f"{path}/__init__.py") if (PACKAGE / each).is_file())
    return found - {"__init__.py"}


def running(tree: ast.AST) -> list[ast.AST]:
    """All nodes that are executed: not those under `if TYPE_CHECKING`."""
    found = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            found += [each for branch in node.orelse for each in [branch, *running(branch)]]
        else:
            found += [node, *running(node)]
    return found


def test_every_module_stands_in_the_table() -> None:
    """And nothing that is gone."""
    assert sorted(table()) == modules()


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_from_its_rank_or_below(module: str) -> None:
    """Nothing imports a door but a door."""
    ranks = table()
    above = {each for each in imports(module) if RANKS.index(ranks[each]) > RANKS.index(ranks[module])}
    assert not above, f"{module} ({ranks[module]}) imports {sorted(above)}"


@pytest.mark.parametrize("module", [module for module, rank in table().items() if rank == "pure"])
def test_a_pure_module_reads_nothing(module: str) -> None:
    """No clock, no file, no environment, no git: `now` and everything else are arguments."""
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    nodes = running(tree)
    names = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module.split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    assert not names & IMPURE
    calls = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
    forbidden = {"open", "time.time", "time.monotonic", "os.open", "os.stat", "os.getenv", "print", "input"}
    if module == "jsontext.py":
        forbidden.remove("open")  # its `load` is for those that read files
    assert not calls & forbidden
    assert not any(call.endswith((".now", ".utcnow", ".today")) for call in calls)
    assert not any(ast.unparse(node) == "os.environ" for node in nodes if isinstance(node, ast.Attribute))


def test_no_import_goes_round() -> None:
    """At the top of a module, none of two modules imports the other."""
    graph = {module: top_level(module) for module in modules()}
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join((*way, module))
        if module not in done:
            for each in graph[module]:
                visit(each, (*way, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def top_level(module: str) -> set[str]:
    """What is imported with the module, not later in a function."""
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    late = {id(n) for f in ast.walk(tree) if isinstance(f, (ast.FunctionDef, ast.Lambda)) for n in ast.walk(f)}
    found: set[str] = set()
    for node in running(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in late and (node.module or "").startswith("agentsync"):
            for name in (node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)):
                path = name.replace(".", "/").removeprefix("agentsync").lstrip("/")
                found.update(each for each in (f"{path}.py",) if (PACKAGE / each).is_file())
    return found


def test_a_hook_imports_nothing_slow() -> None:
    """Looked up in the process itself, started as git's hooks start it."""
    script = (
        "import sys; before = set(sys.modules); sys.path.insert(0, sys.argv[1]); import agentsync.hook\n"
        "print(*(set(sys.modules) - before))"
    )
    argv = [sys.executable, "-I", "-S", "-c", script, str(ROOT)]
    loaded = set(subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split())
    assert "agentsync.observe.look" in loaded, "the way of a commit is what is measured"
    assert not loaded & set(SLOW)
    assert not {name.split(".")[0] for name in loaded} & {"click", "rich", "git", "msgspec"}
