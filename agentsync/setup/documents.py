"""Which documents of a repository agents and people share: what `init` proposes to watch beside the seed's eight."""

from __future__ import annotations

import os

from agentsync.base import git
from agentsync.base.git import Worktree
from agentsync.base.globs import compiled, is_glob
from agentsync.base.settings import Watch

MOST = 500  # documents that a glob may bring in; one that brings more is left to a person

# A new kind of document is a line here. A glob stands only where git tracks something that it matches.
KNOWN = (
    Watch("CLAUDE.md", "instructions"),
    Watch("GEMINI.md", "instructions"),
    Watch("QWEN.md", "instructions"),
    Watch("WARP.md", "instructions"),
    Watch("CRUSH.md", "instructions"),
    Watch("CONVENTIONS.md", "instructions"),
    Watch(".claude/CLAUDE.md", "instructions"),
    Watch(".claude/agents/**/*.md", "instructions"),
    Watch(".claude/commands/**/*.md", "instructions"),
    Watch(".claude/skills/**/SKILL.md", "instructions"),
    Watch(".github/copilot-instructions.md", "instructions"),
    Watch(".github/instructions/**/*.md", "instructions"),
    Watch(".cursorrules", "instructions"),
    Watch(".cursor/rules/**/*.mdc", "instructions"),
    Watch(".windsurfrules", "instructions"),
    Watch(".windsurf/rules/**/*.md", "instructions"),
    Watch(".clinerules", "instructions"),
    Watch(".clinerules/**/*.md", "instructions"),
    Watch(".junie/guidelines.md", "instructions"),
    Watch("**/AGENTS.md", "instructions"),
    Watch("**/CLAUDE.md", "instructions"),
    Watch("memory-bank/**/*.md", "memory"),
    Watch(".specify/memory/**/*.md", "memory"),
    Watch("HANDOFF.md", "passation"),
    Watch("docs/handoff.md", "passation"),
    Watch("ARCHITECTURE.md", "architecture"),
    Watch("docs/architecture.md", "architecture"),
    Watch("docs/architecture/**/*.md", "architecture"),
    Watch("DECISIONS.md", "decisions"),
    Watch("adr/**/*.md", "decisions"),
    Watch("docs/adr/**/*.md", "decisions"),
    Watch("doc/adr/**/*.md", "decisions"),
    Watch("docs/decisions/**/*.md", "decisions"),
    Watch("**/docs/architecture/**/*.md", "architecture"),
    Watch("**/docs/adr/**/*.md", "decisions"),
    Watch("**/docs/decisions/**/*.md", "decisions"),
    Watch("PLAN.md", "plan"),
    Watch("PLANS.md", "plan"),
    Watch("TODO.md", "plan"),
    Watch("docs/roadmap.md", "plan"),
    Watch("docs/plans/**/*.md", "plan"),
    Watch("specs/**/*.md", "plan"),
    Watch("CONTRIBUTING.md", "docs"),
)


def proposed(here: Worktree, watched: tuple[Watch, ...]) -> tuple[Watch, ...]:
    """What of the table git tracks here and these do not watch already, each with one document at least."""
    specs = [f":(top,{'glob' if is_glob(one.path) else 'literal'}){one.path}" for one in KNOWN]
    listed = git.run(["ls-files", "-z", "--", *specs], cwd=here.root)
    left = {os.fsdecode(path) for path in listed.split(b"\0") if path} - {one.path for one in watched}
    found = []
    for one in KNOWN:
        mine = matched(one, left)
        if 0 < len(mine) <= MOST:
            found.append(one)
            left -= mine
    return tuple(found)


def matched(watch: Watch, paths: set[str]) -> set[str]:
    """Those of the paths that it watches."""
    if not is_glob(watch.path):
        return {watch.path} & paths
    glob = compiled(watch.path)
    return {path for path in paths if glob.match(os.fsencode(path))}
