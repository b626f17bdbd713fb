"""What became of writing a report."""

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """The first three are what others are told; the rest stays in this room."""

    CURRENT = "current"  # the file shows it already
    WRITTEN = "written"
    OWED = "owed"  # not written yet: the next hook, command or poll of the worktree does it
    NOTED = "noted"  # written, and git's index has the file's new stat
    RACED = "raced"  # somebody has written the file or the index meanwhile


class Outcome(NamedTuple):
    """`why`: for a person, if the report is owed."""

    kind: Kind
    why: str = ""


CURRENT, WRITTEN, NOTED, RACED = map(Outcome, (Kind.CURRENT, Kind.WRITTEN, Kind.NOTED, Kind.RACED))


def owed(why: str) -> Outcome:
    """The report is not written, for this reason."""
    return Outcome(Kind.OWED, why)
