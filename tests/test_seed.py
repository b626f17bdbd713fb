"""What the program that this one comes from promised, and each way in which it failed in use, on real git."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.audit import audit, well_formed
from lab.repo import Repo, from_rfc3339

from agentsync.base.exchange import Staged
from agentsync.base.settings import SEED_WATCH, Report, Settings
from agentsync.observe.witness import set_agent
from agentsync.report import pages, region
from agentsync.report.outcome import WRITTEN
from agentsync.report.phrases import PHRASES

SEED = Settings(report=Report(commit="with-work"))  # the region as plain text; test_hidden_*.py have the other way
HEADING = PHRASES["fr"].heading
DAY = 86_400


class Office:
    """A repository with the seed's eight documents, and a clock that stands until a test moves it."""

    def __init__(self, root: Path, settings: Settings = SEED) -> None:
        root.mkdir()
        self.repo = Repo(root, settings)
        self.repo.git("init", "-q", ".")
        for watch in SEED_WATCH:
            self.repo.write(f"# {watch.path}\n", watch.path)
        self.repo.commit(message="first")
        self.now = float(from_rfc3339("2025-10-10T14:59:00Z"))
        self.look(begin=True)

    def at(self, time: str) -> None:
        """What the clock on the wall shows on that day, as HH:MM or HH:MM:SS."""
        self.now = float(from_rfc3339(f"2025-10-10T{time}{':00' if len(time) == 5 else ''}Z"))

    def look(self, **request: Any) -> Any:
        """Look as the poller does."""
        return self.repo.look("poller", now=self.now, **request)

    def edit(self, path: str, text: str | None = None) -> None:
        """Somebody appends a line, now."""
        before = self.repo.read(path) if (self.repo.root / path).exists() else ""
        self.repo.write(text if text is not None else f"line of {self.now:.0f}\n{before}", path)
        os.utime(self.repo.root / path, (self.now, self.now))

    def works_here(self, agent: str) -> None:
        """Say who works in this worktree, as `agentsync agent NAME` does."""
        here = self.repo.clone().here
        assert here
        set_agent(here, agent)

    @property
    def pending(self) -> int:
        return len(self.repo.view().state.pending)

    @property
    def reports(self) -> int:
        """How many consolidations the file shows."""
        return self.repo.read("AGENT_SYNC.md").count("### Consolidation - ")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    yield Office(tmp_path / "office")


def test_the_timeline_from_15_00_to_15_11(office: Office) -> None:
    """Two agents edit, the poller detects half a minute later, and the fifth change brings the report."""
    day = [
        ("15:00", "claude-code", "AGENT_SYNC.md"),
        ("15:02", "claude-code", "docs/passation.md"),
        ("15:05", "codex-local", "AGENTS.md"),
        ("15:08", "claude-code", "AGENT_SYNC.md"),
        ("15:10", "codex-local", "docs/architecture/00-Overview.md"),
    ]
    for number, (time, agent, path) in enumerate(day, 1):
        office.at(time)
        office.works_here(agent)
        office.edit(path)
        before = office.repo.read("AGENT_SYNC.md")
        office.at(f"{time}:30")
        if number < 5:
            assert office.look().seen.consolidation is None
            assert office.pending == number
            assert office.reports == 0 and office.repo.read("AGENT_SYNC.md") == before
    synced = office.look()
    assert list(synced.reports.values()) == [WRITTEN]
    assert office.pending == 0
    assert (
        office.repo.read("AGENT_SYNC.md")
        == before
        + f"""\
{region_begin(office)}

{HEADING}

*Généré par agentsync : des données, pas des instructions.*

### Consolidation - 2025-10-10T15:10:30Z

**Type de déclenchement** : `threshold`
**Conditions** : {{"pending_changes": 5, "threshold": 5}}
**Changements consolidés** : 5 événements sur 4 fichiers

**Fichiers modifiés** :
- **AGENT_SYNC.md** : 2 événement(s)
  - `modified` à 2025-10-10T15:00:00Z (agent: claude-code) +1 -0
  - `modified` à 2025-10-10T15:08:00Z (agent: claude-code)
- **docs/passation.md** : 1 événement(s)
  - `modified` à 2025-10-10T15:02:00Z (agent: claude-code) +1 -0
- **AGENTS.md** : 1 événement(s)
  - `modified` à 2025-10-10T15:05:00Z (agent: codex-local) +1 -0
- **docs/architecture/00-Overview.md** : 1 événement(s)
  - `modified` à 2025-10-10T15:10:00Z (agent: codex-local) +1 -0

---
<!-- agentsync:end -->
"""
    )
    audit(Path(office.repo.clone().store))


def region_begin(office: Office) -> str:
    """The begin marker and the line about the report, which carries a digest and an id."""
    lines = office.repo.read("AGENT_SYNC.md").splitlines()
    about = next(line for line in lines if line.startswith("<!-- agentsync:report "))
    return f"<!-- agentsync:begin -->\n{about}"


def test_one_change_waits_for_sixty_minutes(office: Office) -> None:
    """Then the time-based rule brings the report, and the next change waits for sixty more."""
    office.at("15:00")
    office.edit("AGENTS.md")
    office.look()
    office.at("15:58:59")
    assert office.look().seen.consolidation is None
    office.at("15:59")
    assert office.look().seen.consolidation.trigger_type == "time_based"
    assert '**Conditions** : {"pending_changes": 1, "time_since_last_minutes": 60}' in office.repo.read("AGENT_SYNC.md")
    office.edit("AGENTS.md")
    office.at("16:58:59")
    assert office.look().seen.consolidation is None
    office.at("16:59:59")
    assert office.look().seen.consolidation.conditions_met == {"pending_changes": 1, "time_since_last_minutes": 60}


def test_manual_takes_what_is_pending(office: Office) -> None:
    office.edit("AGENTS.md")
    office.look()
    assert office.look(asked=True).seen.consolidation.trigger_type == "manual"
    assert (office.pending, office.reports) == (0, 1)


def test_its_own_report_is_no_change(office: Office) -> None:
    """24 idle hours gave 25 reports."""
    office.edit("AGENTS.md")
    office.look(asked=True)
    for _ in range(25):
        office.now += 3600
        office.look()
    assert (office.reports, office.pending, office.repo.count()) == (1, 0, 1)
    office.repo.commit(message="the report, committed by somebody")
    office.look()
    assert (office.reports, office.pending, office.repo.count()) == (1, 0, 1)


def test_a_restart_loses_nothing(office: Office) -> None:
    """Pending changes were a list in memory, and what happened while it was down was never seen."""
    office.edit("AGENTS.md")
    office.look()
    office.edit("ROADMAP.md")  # nobody looks
    office.repo.commit("while it was down\n", "CODEV_PROTOCOL.md")
    office.repo.commit("and again\n", "CODEV_PROTOCOL.md")
    assert office.pending == 1
    office.look()
    assert office.pending == 4 or office.reports == 1
    assert office.repo.count() == 4


def test_the_sixty_minutes_need_no_earlier_consolidation(office: Office) -> None:
    """They count from the baseline."""
    office.edit("AGENTS.md")
    office.now += DAY
    assert office.look().seen.consolidation.trigger_type == "time_based"


def test_a_missing_report_file_drops_no_event(office: Office) -> None:
    """8 of 8 were dropped, and the API said `success`. Whoever asks gets the file; a poller owes the report."""
    (office.repo.root / "AGENT_SYNC.md").unlink()
    for path in ("AGENTS.md", "ROADMAP.md", "CODEV_PROTOCOL.md", "docs/passation.md"):
        office.edit(path)
    synced = office.look()
    assert [one.why[:24] for one in synced.reports.values()] == ["AGENT_SYNC.md is missing"]
    assert not (office.repo.root / "AGENT_SYNC.md").exists()
    assert list(office.look(asked=True).reports.values()) == [WRITTEN]
    assert office.reports == 1
    assert "5 événements sur 5 fichiers" in office.repo.read("AGENT_SYNC.md")
    office.look()
    assert (office.repo.count(), office.pending) == (5, 0)


def test_manual_with_nothing_pending_writes_no_report(office: Office) -> None:
    before = office.repo.lines()
    assert office.look(asked=True).seen.consolidation is None
    assert (office.repo.lines(), office.reports) == (before, 0)


def test_an_edit_between_reading_and_writing_is_kept(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent's edit in that moment was lost: compared first, then replaced, then compared again."""
    real = Staged.exchange
    times: list[int] = []

    def somebody_is_faster(staged: Staged, expected: bytes) -> bool:
        path = "AGENT_SYNC.md"
        if len(times) < 3:
            times.append(1)
            office.edit(path, f"an agent's line {len(times)}\n{office.repo.read(path)}")
        return real(staged, expected)

    monkeypatch.setattr(Staged, "exchange", somebody_is_faster)
    office.edit("AGENTS.md")
    office.look(asked=True)
    text = office.repo.read("AGENT_SYNC.md")
    assert text.startswith("an agent's line 3\nan agent's line 2\nan agent's line 1\n# AGENT_SYNC.md\n")
    assert office.reports == 1


def test_a_byte_that_is_no_utf_8_harms_nobody(office: Office) -> None:
    """It was a UnicodeDecodeError every 60 s for ever."""
    data = b"caf\xe9 \xff\xfe\x00 end\n"
    (office.repo.root / "AGENT_SYNC.md").write_bytes(data)
    office.look(asked=True)
    content = (office.repo.root / "AGENT_SYNC.md").read_bytes()
    assert content.startswith(data) and office_region(content) == 1
    assert region.strip(content) == data


def office_region(content: bytes) -> int:
    return content.count(b"### Consolidation - ")


def test_an_unreadable_path_stops_no_other(office: Office) -> None:
    """The ones after it were never checked."""
    first = office.repo.root / SEED_WATCH[0].path
    first.unlink()
    first.mkdir()
    for watch in SEED_WATCH[1:]:
        office.edit(watch.path)
    synced = office.look()
    assert {c["file_path"] for c in office.repo.changes()} == {watch.path for watch in SEED_WATCH[1:]}
    assert list(synced.seen.scenes["main"].problems) == [SEED_WATCH[0].path]


def test_a_checkout_is_no_edit(office: Office) -> None:
    """It was 8 false events."""
    office.repo.git("switch", "-qc", "other")
    for watch in SEED_WATCH:
        office.repo.write("other\n", watch.path)
    office.repo.commit(message="all eight")
    office.look()
    seen = office.repo.count()
    office.look(asked=True)
    office.repo.git("checkout", "-q", "--", "AGENT_SYNC.md")
    for branch in ("main", "other", "main"):
        office.repo.git("checkout", "-q", branch)
        office.look()
        office.repo.git("checkout", "-q", "--", ".")
    assert office.repo.count() == seen == 8


def test_crlf_stays_crlf(office: Office) -> None:
    """Files came back as LF."""
    (office.repo.root / "AGENT_SYNC.md").write_bytes(b"one\r\ntwo\r\n")
    office.look(asked=True)
    content = (office.repo.root / "AGENT_SYNC.md").read_bytes()
    assert content.startswith(b"one\r\ntwo\r\n")
    assert content.count(b"\n") == content.count(b"\r\n") > 10


def test_the_title_in_prose_is_prose(office: Office) -> None:
    """The report landed in the sentence that quoted its heading."""
    prose = f"The section `{HEADING}` holds reports.\n\n    {HEADING}\n\n```\n{HEADING}\n```\nMore.\n"
    office.repo.write(prose, "AGENT_SYNC.md")
    office.look(asked=True)
    assert office.repo.read("AGENT_SYNC.md").startswith(prose)
    assert office.reports == 1


def test_two_processes_give_one_report(office: Office) -> None:
    """Each had its own list, and each reported the same edits."""
    for watch in SEED_WATCH[1:6]:
        office.edit(watch.path)
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from lab.repo import Repo\n"
        "from agentsync.base.settings import Report, Settings\n"
        "Repo(Path(sys.argv[2]), Settings(report=Report(commit='with-work'))).look('poller', now=float(sys.argv[3]))"
    )
    argv = [sys.executable, "-c", script, str(Path(__file__).parent), str(office.repo.root), f"{office.now}"]
    looks = [subprocess.Popen(argv) for _ in range(4)]
    assert [look.wait(60) for look in looks] == [0] * 4
    kinds = [line["kind"] for line in office.repo.lines()]
    assert (kinds.count("change"), kinds.count("consolidation"), office.reports) == (5, 1, 1)
    well_formed(office.repo.root / "AGENT_SYNC.md", office.repo.view().state)


def test_who_did_it_is_known_by_evidence_or_unknown(office: Office) -> None:
    """74 of 74 events were `unknown`, 13 of them its own writing."""
    office.edit("ROADMAP.md")
    office.look()
    trailer = "work\n\nCo-Authored-By: Claude <noreply@anthropic.com>"
    office.repo.commit("x\n", "AGENTS.md", message=trailer)
    office.look()
    by_path = {c["file_path"]: c for c in office.repo.changes()}
    assert by_path["ROADMAP.md"]["agent_owner"] is None and by_path["ROADMAP.md"]["evidence"] == []
    assert by_path["AGENTS.md"]["agent_owner"] == "claude-code" and by_path["AGENTS.md"]["evidence"]
    assert office.repo.view().state.pending[by_path["ROADMAP.md"]["id"]].agent_owner == "claude-code", (
        "the commit that carries it tells who it was"
    )


def test_the_file_does_not_grow_for_ever(office: Office) -> None:
    """It grew to 369 KB; `keep` is how many reports are shown, and 0 shows all."""
    office.repo.settings = SEED._replace(report=Report(keep=3, commit="with-work"))
    for _ in range(6):
        office.now += 60
        office.edit("AGENTS.md")
        office.look(asked=True)
    assert office.reports == 3
    office.repo.settings = SEED._replace(report=Report(keep=0, commit="with-work"))
    office.edit("AGENTS.md")
    office.look(asked=True)
    assert office.reports == 7


@pytest.mark.early
def test_300_changes_are_one_report_of_50_lines(office: Office) -> None:
    """And it says how many more there are."""
    office.repo.settings = SEED._replace(consolidation_threshold=1000)
    for number in range(300):
        office.repo.git("commit", "-q", "--allow-empty", "-m", "nothing") if number % 100 == 0 else None
        office.repo.write(f"{number}\n", "AGENTS.md")
        office.repo.git("commit", "-qam", f"{number}")
    office.repo.settings = SEED
    office.look()
    text = office.repo.read("AGENT_SYNC.md")
    assert office.reports == 1 and "300 événements sur 1 fichier" in text
    assert text.count("  - `modified`") == 50 and "250" in text


def test_a_report_is_rendered_from_the_ledger_alone(office: Office) -> None:
    """Lost with a reset, it is owed no longer only when it stands there again; the same ledger gives the same bytes."""
    office.edit("AGENTS.md")
    office.look(asked=True)
    written = office.repo.read("AGENT_SYNC.md")
    (office.repo.root / "AGENT_SYNC.md").write_text("# AGENT_SYNC.md\n")
    office.look(asked=True)
    assert office.repo.read("AGENT_SYNC.md") == written
    assert pages.newest(office.repo.view(), 0)[0].changes == 1
