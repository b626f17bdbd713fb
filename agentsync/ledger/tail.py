"""The ledger's end: what is appended from now on, read once for all who listen."""

from __future__ import annotations

from agentsync.ledger.backwards import newest_lines
from agentsync.ledger.log import Ledger


class Tail:
    """Where the ledger ended when somebody last asked. Asking costs a `stat` while nothing is appended."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.inode = ledger.inode()
        self.at = end_of(ledger)

    def new(self) -> list[tuple[int, bytes]] | None:
        """The whole lines appended since, with their offsets. None if another file lies there: it begins at its end.

        Raises LedgerError.
        """
        inode, size = self.ledger.inode(), self.ledger.size()
        if inode != self.inode or size < self.at:
            self.inode, self.at = inode, end_of(self.ledger)
            return None
        if size == self.at:
            return []
        found = list(self.ledger.lines(self.at))
        if found:
            offset, line = found[-1]
            self.at = offset + len(line) + 1
        return found


def end_of(ledger: Ledger) -> int:
    """The offset after the last whole line; what follows is being written or torn."""
    offset, line = next(newest_lines(ledger), (0, None))
    return 0 if line is None else offset + len(line) + 1
