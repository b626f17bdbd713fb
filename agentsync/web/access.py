"""Who may: decided from a request's line and headers alone, before anything else is done with it. Pure.

The service listens on this machine, where every web page that somebody opens can send it requests. A page cannot choose
the Host header, cannot leave out its Origin where it changes something, and cannot send the headers in `PROOFS` or a
JSON content type to a foreign site without being refused by the browser first.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

LOCAL = ("localhost", "127.0.0.1", "[::1]")
SAFE = ("GET", "HEAD", "OPTIONS")
PROOFS = ("x-dev-bypass", "x-user-id", "x-agentsync")
# What says nothing of the repository: whether the service lives, and the page, which asks for the token.
OPEN = ("/", "/healthz")
OF_PAGE = (".html", ".css", ".js", ".svg")
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


_PREFIX = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*){1,20}/?").fullmatch


@dataclass(frozen=True)
class Access:
    """Which Host headers are answered (names without port), and the token that everybody has to show, if there is one.

    `also`: further names that count as this service's own, as a proxy in front of it may send them. `behind_proxy`:
    a proxy that is trusted says below which path it serves this.
    """

    also: tuple[str, ...] = ()
    token: str | None = None
    behind_proxy: bool = False

    @property
    def hosts(self) -> tuple[str, ...]:
        """All names that are answered, in small letters."""
        return (*LOCAL, *(_bracketed(name) for name in self.also))


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered, with which status, and what else the answer says."""

    status: int
    reason: str
    headers: Mapping[str, str] = field(default_factory=dict)
    hint: str | None = None


def refusal(access: Access, method: str, path: str, headers: Mapping[str, Sequence[str]]) -> Refusal | None:
    """None if the request may pass. `headers`: each name in small letters, with all values that were sent."""
    host = _only(headers, "host")
    if host is None or _name(host) not in access.hosts:
        hint = "if this is a name of the service's own: agentsync serve --name HOST"
        return Refusal(421, f"this service does not answer for the host {_shown(host)}", hint=hint)
    if access.token is not None and not is_open(path) and not _shows(access.token, headers):
        return Refusal(401, "a token is needed: Authorization: Bearer TOKEN", {"www-authenticate": "Bearer"})
    return None if method in SAFE else _of_change(host, headers)


def prefix(access: Access, headers: Mapping[str, Sequence[str]]) -> str:
    """The path below which a trusted proxy says that it serves this: `/tools/atlas`; "" for none."""
    said = _only(headers, "x-forwarded-prefix") if access.behind_proxy else None
    return said.rstrip("/") if said and _PREFIX(said) else ""


def is_open(path: str) -> bool:
    """Whether a path is answered without a token."""
    return path in OPEN or (path.count("/") == 1 and path.endswith(OF_PAGE))


def _of_change(host: str, headers: Mapping[str, Sequence[str]]) -> Refusal | None:
    """The same of a request that changes something."""
    if "origin" in headers:
        origin = _only(headers, "origin")
        if origin is None or origin.lower() not in (f"http://{host.lower()}", f"https://{host.lower()}"):
            return Refusal(403, f"a page of another origin may not do this: {_shown(origin)}")
    if _is_json(_only(headers, "content-type")) or any(name in headers for name in PROOFS):
        return None
    return Refusal(403, "say `Content-Type: application/json`, or send one of the headers x-agentsync and x-dev-bypass")


def _shows(token: str, headers: Mapping[str, Sequence[str]]) -> bool:
    scheme, _, shown = (_only(headers, "authorization") or "").partition(" ")
    # Compared whatever the scheme is, so that time tells nothing.
    same = hmac.compare_digest(shown.strip().encode(errors="replace"), token.encode())
    return scheme.lower() == "bearer" and same


def _only(headers: Mapping[str, Sequence[str]], name: str) -> str | None:
    """The value of a header that was sent once."""
    values = headers.get(name, ())
    return values[0].strip() if len(values) == 1 else None


def _name(host: str) -> str:
    """The host without its port, in small letters."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isascii() and port.isdecimal() else host).lower()


def _bracketed(name: str) -> str:
    name = name.lower()
    return f"[{name}]" if ":" in name and not name.startswith("[") else name


def _is_json(content_type: str | None) -> bool:
    return content_type is not None and content_type.partition(";")[0].strip().lower() == "application/json"


def _shown(text: str | None) -> str:
    """For messages: short, and nothing that is not printable."""
    return "(none, or several)" if text is None else repr(text[:100])


def is_local(host: str) -> bool:
    """Whether an address or name to listen on is reached from this machine alone."""
    return _bracketed(host) in LOCAL or (host.startswith("127.") and host.replace(".", "").isdecimal())
