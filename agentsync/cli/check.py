"""`verify`, `check`, `doctor`: findings, and exit code 3 where there are any."""

from __future__ import annotations

import sys

import click

from agentsync.base.errors import FINDINGS, OK
from agentsync.cli.options import json_option
from agentsync.cli.session import Session
from agentsync.cli.terminal import clean, print_json, say
from agentsync.cli.words import count
from agentsync.ledger.log import Ledger


@click.command()
@json_option
def verify(as_json: bool) -> int:
    """Replay the whole ledger and check each record: chain, sequence, clock, schema, ids.

    Damaged lines are named and never deleted. Exit code 3 if anything was found.

    \b
    Example:
      agentsync verify
    """
    from agentsync.ledger.verify import verify as verify_ledger  # late: only this command needs it

    found = verify_ledger(Ledger(Session().clone.store))
    if as_json:
        print_json(
            {
                "path": found.path,
                "records": found.records,
                "bytes": found.size,
                "unknown": found.unknown,
                "writers": found.writers,
                "findings": [{"line": one.line, "offset": one.offset, "what": one.what} for one in found.findings],
                "more": found.more,
            }
        )
        return FINDINGS if found.findings else OK
    for one in found.findings:
        place = f"{clean(found.path)}:{one.line}" if one.line else clean(found.path)
        say(f"{place}: byte {one.offset}: {clean(one.what)}")
    if found.more:
        say(f"and {found.more} more")
    unknown = f", {found.unknown} of a later version's kinds" if found.unknown else ""
    verdict = f"; {count(len(found.findings) + found.more, 'finding')}" if found.findings else "; all in order"
    say(f"{count(found.records, 'record')}{unknown} by {count(len(found.writers), 'writer')}{verdict}")
    return FINDINGS if found.findings else OK


@click.command()
@click.option("--strict", is_flag=True, help="A missing watched file is a finding, too.")
@json_option
def check(strict: bool, as_json: bool) -> int:
    """Check the configuration, the report's region and the ledger, for CI and pre-commit.

    It only reads, and needs neither network nor ledger. Exit code 3 if anything was found; a missing file is only
    a warning.

    \b
    Examples:
      agentsync check
      agentsync check --strict --json
    """
    from agentsync.setup.check import check as check_repository

    session = Session()
    found = check_repository(session.clone, session.clone.worktree())
    failed = [one for one in found if strict or not one.warning]
    if as_json:
        findings = [
            {"path": one.path, "line": one.line, "what": one.what, "hint": one.hint, "warning": one not in failed}
            for one in found
        ]
        print_json({"ok": not failed, "findings": findings})
        return FINDINGS if failed else OK
    for one in found:
        say(clean(str(one)) if one in failed else f"warning: {clean(str(one))}")
    if not failed:
        say("nothing found" if not found else f"{count(len(found), 'warning')}, nothing else found")
    return FINDINGS if failed else OK


@click.command()
@click.option("--fix", is_flag=True, help="Mend what can be mended, then examine again.")
@json_option
def doctor(fix: bool, as_json: bool) -> int:
    """Examine this clone: does git reach the hooks, can the ledger be written, what is missing.

    Each finding says what to type. Exit code 3 if anything was found.

    \b
    Examples:
      agentsync doctor
      agentsync doctor --fix
    """
    from agentsync.setup.doctor import examine, mend
    from agentsync.setup.patient import Patient

    session = Session()
    results = examine(Patient(session.clone, sys.executable))
    failed = []
    if fix and not all(one.ok for one in results):
        failed = mend(results)
        results = examine(Patient(session.clone, sys.executable))
    fine = all(one.ok for one in results)
    if as_json:
        checks = [{"check": one.check, "ok": one.ok, "what": one.what, "hint": one.hint} for one in results]
        print_json({"ok": fine, "checks": checks, "not_mended": failed})
        return OK if fine else FINDINGS
    for one in results:
        say(f"{'ok     ' if one.ok else 'FINDING'}  {one.check}: {_lines(one.what)}")
        if one.hint and not one.ok:
            say(f"         -> {_lines(one.hint)}")
    for text in failed:
        say(f"not mended: {_lines(text)}")
    return OK if fine else FINDINGS


def _lines(text: str) -> str:
    return "\n            ".join(clean(line) for line in text.split("\n"))
