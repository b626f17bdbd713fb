"""The dashboard as one HTML file with the data in it: opened from a disk, it needs no server and asks for nothing."""

from __future__ import annotations

import base64
import hashlib
import os
import re

from agentsync import status
from agentsync.base import strict_json
from agentsync.base.text import escape_json
from agentsync.base.times import to_rfc3339
from agentsync.ledger.history import Filter
from agentsync.ledger.timeline import Recent
from agentsync.ledger.view import View
from agentsync.status import Survey
from agentsync.web import records

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page")
CHANGES = 200  # newest ones, that are in the file
STYLE = re.compile(r'<link rel="stylesheet" href="([^"]+)">')
SCRIPT = re.compile(r'<script type="module" src="([^"]+)"></script>')
PRELOAD = re.compile(r'<link rel="modulepreload" [^>]*>\n')
IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./(\w+)\.js";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:const|class|(?:async )?function) (\w+))", re.MULTILINE)
ICON = re.compile(r'(<link rel="icon" href=")([^"]+)(")')
HEAD = '<meta charset="utf-8">\n'


def snapshot(view: View, around: Survey, now: float) -> dict[str, object]:
    """What the server would answer at `now` (seconds since 1970), all of it, and when that was. Raises LedgerError."""
    days = Recent(view.ledger).catch_up(now).to_json(now)
    return {
        "made": to_rfc3339(now),
        "status": status.status(view.state, view.cursor, around),
        "checksums": status.checksums(view.state, around),
        "timeline": records.told_of_agents(days, view.ledger, around.waiting, now),
        "log": records.page(view.ledger, around.waiting, view.state.pending, Filter(), None, CHANGES),
        "report": records.report(view.ledger),
    }


def page(data: dict[str, object]) -> bytes:
    """The file. Only what stands in it is run: its policy has the hash of each style and script."""
    html = PRELOAD.sub("", _text("sync-dashboard.html"))
    styles, scripts = (
        [read(name) for name in kind.findall(html)] for kind, read in ((STYLE, _text), (SCRIPT, _script))
    )
    html = STYLE.sub(lambda found: f"<style>{_text(found[1])}</style>", html)
    html = ICON.sub(lambda found: f"{found[1]}data:image/svg+xml;base64,{_base64(_text(found[2]))}{found[3]}", html)
    html = html.replace(
        HEAD, f'{HEAD}<meta http-equiv="Content-Security-Policy" content="{_policy(styles, scripts)}">\n'
    )
    block = f'<script type="application/json" id="snapshot">{escaped(data)}</script>\n'
    first = html.index("<script")
    html = html[:first] + block + html[first:]
    return SCRIPT.sub(lambda found: f'<script type="module">{_script(found[1])}</script>', html).encode()


def _script(file: str) -> str:
    """A module and those that it imports as one script, in which each is a function that gives what it exports."""
    made: dict[str, str] = {}

    def add(file: str) -> None:
        text, name = _text(file), file.removesuffix(".js")
        for _, other in IMPORT.findall(text):
            if other not in made:
                add(f"{other}.js")
        body = EXPORT.sub("", IMPORT.sub(r"const \1 = \2;", text))
        made[name] = f"const {name} = (() => {{\n{body}return {{ {', '.join(EXPORT.findall(text))} }};\n}})();\n"

    add(file)
    return "".join(made.values())


def escaped(data: dict[str, object]) -> str:
    """JSON that no text in it can break out of: neither `</script>` nor `<!--` can stand there."""
    text = escape_json(strict_json.dumps(data))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(styles: list[str], scripts: list[str]) -> str:
    return (
        f"default-src 'none'; style-src {_hashes(styles)}; script-src {_hashes(scripts)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hashes(texts: list[str]) -> str:
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _text(name: str) -> str:
    with open(os.path.join(PAGE, name), encoding="utf-8", newline="") as file:
        return file.read()
