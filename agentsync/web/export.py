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
from agentsync.ledger.timeline import Recent
from agentsync.ledger.view import View
from agentsync.status import Survey

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page")
STYLE = re.compile(r'<link rel="stylesheet" href="([^"]+)">')
SCRIPT = re.compile(r'<script src="([^"]+)"></script>')
ICON = re.compile(r'(<link rel="icon" href=")([^"]+)(")')
HEAD = '<meta charset="utf-8">\n'


def snapshot(view: View, around: Survey, now: float) -> dict[str, object]:
    """What the server would answer at `now` (seconds since 1970), all of it, and when that was. Raises LedgerError."""
    return {
        "made": to_rfc3339(now),
        "status": status.status(view.state, view.cursor, around),
        "pending": status.pending(view.state, around),
        "checksums": status.checksums(view.state, around),
        "timeline": Recent(view.ledger).catch_up(now).to_json(now),
    }


def page(data: dict[str, object]) -> bytes:
    """The file. Only what stands in it is run: its policy has the hash of each style and script."""
    html = _text("sync-dashboard.html")
    styles, scripts = ([_text(name) for name in kind.findall(html)] for kind in (STYLE, SCRIPT))
    html = STYLE.sub(lambda found: f"<style>{_text(found[1])}</style>", html)
    html = ICON.sub(lambda found: f"{found[1]}data:image/svg+xml;base64,{_base64(_text(found[2]))}{found[3]}", html)
    html = html.replace(
        HEAD, f'{HEAD}<meta http-equiv="Content-Security-Policy" content="{_policy(styles, scripts)}">\n'
    )
    block = f'<script type="application/json" id="snapshot">{escaped(data)}</script>\n'
    first = html.index("<script")
    html = html[:first] + block + html[first:]
    return SCRIPT.sub(lambda found: f"<script>{_text(found[1])}</script>", html).encode()


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
