"""The house: rooms in ranks, imports downwards only, few things at the door. The page that tells it is how-it-works."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "agentsync"
# Lowest first; what stands on one line does not import its neighbours.
RANKS: tuple[tuple[str, ...], ...] = (
    ("base",),
    ("ledger",),
    ("report",),
    ("observe",),
    ("sync",),
    ("agents",),
    ("hook", "poller", "status"),
    ("web",),
    ("setup",),
    ("cli",),
)
DOORS = {"__init__", "__main__", "_entry"}  # they start everything, late
RANK = {room: rank for rank, rooms in enumerate(RANKS) for room in rooms}
# What must do no more than compute: `now` and everything else are arguments.
PURE = (
    "ledger/events ledger/state ledger/timeline report/decide report/render report/phrases report/region observe/agents"
)
IMPURE = {"subprocess", "socket", "pathlib", "shutil", "tempfile", "fcntl", "git", "random", "select"}
# Steps that still point up, by file; one that is gone must go from here, too.
YET: dict[str, set[str]] = {}


def modules() -> list[str]:
    """Every module of the package, as a path below agentsync/."""
    return sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    """The folder of a module, or its own name where it lies at the top."""
    return module.partition("/")[0].removesuffix(".py")


def imported(module: str) -> set[str]:
    """The rooms that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse((PACKAGE / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "agentsync":
            _, _, rest = (node.module or "").partition(".")
            found |= {rest.split(".")[0]} if rest else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("agentsync.")}
    return found & set(RANK)


def test_there_are_few_things_at_the_door() -> None:
    """`ls agentsync/` tells the story: at most eight folders and seven modules."""
    listed = [path for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    assert {path.name for path in listed if path.is_dir()} <= set(RANK)
    assert {path.stem for path in listed if path.is_file()} <= {*RANK, *DOORS, "py"}
    assert sum(path.is_dir() for path in listed) <= 8
    assert sum(path.suffix == ".py" for path in listed) <= 7


@pytest.mark.parametrize("module", [module for module in modules() if room_of(module) not in DOORS])
def test_a_module_imports_downwards_only(module: str) -> None:
    """From its own room, and from those of lower ranks."""
    room = room_of(module)
    above = {each for each in imported(module) if RANK[each] >= RANK[room] and each != room}
    assert above == YET.get(module, set())


@pytest.mark.parametrize("module", PURE.split())
def test_a_pure_module_reads_nothing(module: str) -> None:
    """No clock, no file, no environment, no git."""
    nodes = list(ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))))
    names = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module.split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    assert not names & IMPURE
    calls = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
    assert not calls & {"open", "time.time", "time.monotonic", "os.open", "os.stat", "os.getenv", "print", "input"}
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
    found: set[str] = set()
    for node in ast.parse((PACKAGE / module).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("agentsync"):
            for name in (node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)):
                path = name.replace(".", "/").removeprefix("agentsync").lstrip("/")
                found.update(each for each in (f"{path}.py",) if (PACKAGE / each).is_file())
    return found


def test_the_page_names_every_room_in_the_same_order() -> None:
    """docs/how-it-works.md has one line for each rank."""
    page = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    told = [re.findall(r"`(\w+)(?:/|\.py)`", row) for row in re.findall(r"^\| \d+ \| (.*?) \|", page, re.MULTILINE)]
    assert [tuple(rooms) for rooms in told] == list(RANKS)
