"""A repository that four agents and a person share: three worktrees, many documents, real commits, up to now."""

from __future__ import annotations

import random
import time
from pathlib import Path

from agentsync.base.settings import Report, Settings, Watch
from agentsync.ledger.events import to_rfc3339
from lab.repo import Repo

AT_ROOT = ("AGENTS.md", "AGENT_SYNC.md", "CLAUDE.md", "ROADMAP.md", "CONTRIBUTING.md")
FOLDERS = {
    "docs": "overview passation glossary onboarding releases".split(),
    "docs/adr": (
        "0001-ledger 0002-hooks 0003-sessions 0004-tokens 0005-queues 0006-retries 0007-caching 0008-search "
        "0009-billing 0010-exports 0011-webhooks 0012-limits"
    ).split(),
    "docs/architecture": "00-overview 10-memory 20-storage 30-contracts 40-events 50-deployment".split(),
    "docs/runbooks": "backup deploy incident rollback rotate-keys".split(),
    "services/api": "AGENTS README".split(),
    "services/billing": "AGENTS README".split(),
    "services/search": "AGENTS README".split(),
    "services/worker": "AGENTS README".split(),
}
SERVICES = "audit cron export gateway ingest mail media notify proxy quota report session stream".split()
TRAILERS = {
    "claude-code": "Co-Authored-By: Claude <noreply@anthropic.com>",
    "codex-local": "Co-Authored-By: Codex <noreply@openai.com>",
    "cursor": "Co-Authored-By: Cursor <cursoragent@cursor.com>",
    "copilot": "Co-authored-by: Copilot <198982749+Copilot@users.noreply.github.com>",
    "": "Reviewed-by: Ada",
}
WEIGHTS = (9, 5, 4, 2, 3)
SENTENCES = (
    "Sessions expire after 30 minutes without a request.",
    "The worker takes one job at a time, and acknowledges it when its result is stored.",
    "Before a deployment: run the migrations, then drain the queue.",
    "Never log a token, not even its first digits.",
    "`POST /v2/exports` answers 202 and the address where the result will be.",
    "Retries wait 1, 2, 4, ... seconds, at most five times.",
    "The search index is rebuilt every night at 03:00 UTC.",
    "Who changes a contract tells the two teams that read it.",
    "Next: move the remaining callers to the new client.",
    "Backups are restored into a scratch database once a week.",
    "Every service reads its limits from the same table.",
    "Open: what becomes of events that arrive twice?",
    "Done: the old endpoint is gone from the gateway.",
    "The cache is a convenience; nothing may depend on it.",
)
DAY = 86_400


def documents(count: int) -> list[str]:
    """The first so many documents of such a repository."""
    names = [*AT_ROOT, *(f"{folder}/{name}.md" for folder, found in FOLDERS.items() for name in found)]
    names += [f"services/{service}/{name}.md" for service in SERVICES for name in ("AGENTS", "README")]
    return names[:count]


def office(root: Path, count: int = 31, changes: int = 120, days: int = 30, seed: int = 7) -> Repo:
    """So many documents, changed so often in so many days; the newest changes are pending, one is not committed."""
    dice = random.Random(seed)
    now = int(time.time())
    repo = _begun(root, documents(count), now - days * DAY)
    where = [repo, repo.worktree("billing", "-b", "feature/invoices"), repo.worktree("search", "-b", "fix/ranking")]
    moments = sorted(now - 600 - int(dice.betavariate(1, 2.2) * days * DAY) for _ in range(changes - 5))
    moments = [moment for moment in moments if moment < now - 3600]
    for moment in [*moments, *(now - minutes * 60 for minutes in (58, 41, 22, 9))]:
        one = dice.choices((0, 1, 2), (6, 3, 2))[0]
        _work(dice, where[one], moment, documents(count - 6)[one::3])  # the newest ones are never changed
    _edit(dice, repo, "docs/glossary.md")  # which is another worktree's
    repo.look(now=float(now - 120), said="claude-code")
    return repo


def _begun(root: Path, paths: list[str], moment: int) -> Repo:
    root.mkdir(parents=True)
    watch = tuple(Watch(path, _type(path)) for path in paths)
    repo = Repo(root, Settings(report=Report(language="en", commit="with-work"), watch=watch))
    repo.git("init", "-q", "-b", "main", ".")
    for path in paths:
        repo.write(f"# {Path(path).stem}\n\n" + "\n".join(SENTENCES[:4]) + "\n", path)
    repo.commit(message="The documents")
    repo.look(begin=True, now=float(moment))
    repo.hooks()
    return repo


def _work(dice: random.Random, repo: Repo, moment: int, paths: list[str]) -> None:
    """Somebody edits one to three documents and commits them."""
    name = dice.choices(list(TRAILERS), WEIGHTS)[0]
    chosen = dice.choices(paths, [1 / (n + 2) for n in range(len(paths))], k=dice.choice((1, 1, 1, 2, 3)))
    for path in dict.fromkeys(chosen):  # a set has another order in each process
        _edit(dice, repo, path)
    date = to_rfc3339(moment)
    who = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, "GIT_AUTHOR_NAME": "Ada Lovelace", "AGENTSYNC": "0"}
    repo.commit(message=f"Documents\n\n{TRAILERS[name]}", **who)
    repo.look(now=float(moment))


def _edit(dice: random.Random, repo: Repo, path: str) -> None:
    lines = repo.read(path).splitlines()
    fresh = dice.sample(SENTENCES, dice.choice((1, 1, 2, 2, 3, 5, 8)))
    if path == repo.settings.report.path:
        lines[2:2] = fresh  # the report stays as it is
    else:
        at = dice.randrange(2, min(len(lines), 40) + 1)
        lines[at : at + dice.randrange(len(fresh))] = fresh  # more come than go, so that something differs
        del lines[60:]
    repo.write("\n".join(lines) + "\n", path)


def _type(path: str) -> str:
    folders = {"docs/adr": "decision", "docs/architecture": "architecture", "docs/runbooks": "runbook"}
    return folders.get(str(Path(path).parent), "sync" if path == "AGENT_SYNC.md" else "docs")
