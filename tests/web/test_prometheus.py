"""What docs/metrics.md and its examples say is what a real Prometheus says that has scraped a real server."""

from __future__ import annotations

import json
import math
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from lab.commands import agentsync
from lab.live import Served, ready, served
from lab.prometheus import EXAMPLES, ROOT, Prometheus, program, promtool, scraping
from lab.repo import Repo

PAGE = ROOT / "docs" / "metrics.md"
RULES, ALERTS = EXAMPLES / "prometheus-rules.yml", EXAMPLES / "prometheus-alerts.yml"
BY_CLAUDE = "edit\n\nCo-Authored-By: Claude <noreply@anthropic.com>\n"  # said by the commit, whoever sees it first
SEEDS_MEAN = "rate(sync_consolidation_duration_seconds_sum[5m]) / rate(sync_consolidations_triggered_total[5m])"


def expressions(path: Path) -> list[str]:
    """The expressions of a file of rules, each on one line."""
    found: list[list[str]] = []
    within = False
    for line in path.read_text(encoding="utf-8").splitlines():
        begins = re.match(r" +expr: *(?:[|>]-?)?(.*)$", line)
        if begins:
            found.append([begins[1].strip()])
        elif within and re.match(r" {9,}", line):
            found[-1].append(line.strip())
        within = bool(begins) or (within and bool(re.match(r" {9,}", line)))
    return [" ".join(part for part in parts if part) for parts in found]


def of_page() -> list[str]:
    """The queries of docs/metrics.md."""
    return re.findall(r"^```promql\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def dashboard() -> dict[str, Any]:
    """The Grafana dashboard."""
    loaded: dict[str, Any] = json.loads((EXAMPLES / "grafana-dashboard.json").read_text(encoding="utf-8"))
    return loaded


def of_dashboard() -> list[str]:
    """Its queries, with what Grafana puts in for its variables."""
    values = {"$instance": ".+", "$__rate_interval": "1m", "$__range": "24h"}
    found = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    for name, value in values.items():
        found = [expression.replace(name, value) for expression in found]
    assert not any("$" in expression for expression in found)
    return found


class TestFiles:
    def test_promtool_finds_nothing_to_complain_about(self, repo: Repo) -> None:
        """Neither in the metrics of an old clone nor in those of a new one."""
        repo.begin()
        repo.hooks()
        assert promtool("check", "metrics", stdin=agentsync(repo.root, "metrics").out.encode()) == ""
        repo.commit("one\n", CLAUDECODE="1")
        repo.write("two\n")
        repo.look(asked=True)
        assert promtool("check", "metrics", stdin=agentsync(repo.root, "metrics").out.encode()) == ""

    def test_the_rules_and_the_configuration_are_clean(self) -> None:
        """And every expression in them is found by these tests."""
        for path in (RULES, ALERTS):
            said = promtool("check", "rules", str(path))
            assert f"SUCCESS: {len(expressions(path))} rules found" in said
        assert "is valid" in promtool("check", "config", str(EXAMPLES / "prometheus.yml"))

    def test_alerts_fire_when_they_should_and_rules_add_up(self) -> None:
        """Played over two hours, without a server."""
        promtool("test", "rules", str(ROOT / "tests" / "prometheus-rules-test.yml"))

    def test_every_alert_is_played(self) -> None:
        """A new one needs its line there."""
        names = re.findall(r"- alert: (\w+)", ALERTS.read_text(encoding="utf-8"))
        played = (ROOT / "tests" / "prometheus-rules-test.yml").read_text(encoding="utf-8")
        assert all(f'alertname="{name}"' in played for name in names)

    def test_the_panels_of_the_dashboard_fit(self) -> None:
        """None covers another, each has a number of its own."""
        panels = dashboard()["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        fields = [
            (x, y)
            for place in (panel["gridPos"] for panel in panels)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ]
        assert len(set(fields)) == len(fields)
        assert max(x for x, _ in fields) < 24


@pytest.mark.early
def test_a_real_prometheus_has_the_answers(repo: Repo, tmp_path: Path) -> None:
    """It sees changes and a consolidation happen, and the server start anew."""
    program("prometheus")
    ready(repo)
    with served(repo.root) as server:
        address = f"127.0.0.1:{server.port}"
        with scraping(address, tmp_path / "prometheus") as prometheus:
            play(repo, address, prometheus)
            every_query_is_answered(prometheus)
            the_answers_are_what_happened(prometheus)
            counters_survive_a_restart(repo, server, prometheus)


def every_query_is_answered(prometheus: Prometheus) -> None:
    """Of the page, of the dashboard and of the rules: none is wrong, none without a result, none of a wrong name.

    What an alert asks for has no result while all is well; then its series are there.
    """
    for expression in expressions(RULES):
        prometheus.until(expression)
    queries = (*of_page(), *of_dashboard(), *expressions(RULES))
    assert [query for query in queries if not answers(prometheus, query)] == []
    for expression in expressions(ALERTS):
        prometheus.query(expression)
        for selector in selectors(expression):
            prometheus.until(selector)
    rules = [rule for group in prometheus.api("rules")["groups"] for rule in group["rules"]]
    assert {(rule["health"], rule.get("lastError", "")) for rule in rules} == {("ok", "")}
    assert [rule["name"] for rule in rules if rule.get("state") == "firing"] == []


def the_answers_are_what_happened(prometheus: Prometheus) -> None:
    """Counts by agent, the mean of a duration, and what the seed's query cannot find."""
    known = prometheus.query(expressions(RULES)[1])
    assert known == {frozenset({("agent", "claude-code")}): 2, frozenset({("agent", "unknown")}): 2}
    attributed = prometheus.query('sum(sync_changes_attributed_total{agent="claude-code"})')
    assert sum(attributed.values()) >= 1, "the poller saw an edit before its commit named an agent"
    took = "sync_consolidation_duration_seconds"
    count, total = (sum(prometheus.query(f"{took}_{each}").values()) for each in ("count", "sum"))
    assert list(prometheus.query(of_page()[2]).values()) == [pytest.approx(total / count)]
    assert prometheus.query(SEEDS_MEAN) == {}
    assert prometheus.query("sync_status != 1") == {frozenset({("file_path", "docs/other.md")}): 0}


def counters_survive_a_restart(repo: Repo, server: Served, prometheus: Prometheus) -> None:
    """All that the ledger counts; durations are those of a process."""
    counted = (
        "sync_changes_detected",
        "sync_changes_attributed",
        "sync_changes_seen",
        "sync_consolidations_triggered",
    )
    before = [prometheus.query(f"{name}_total") for name in counted]
    server.end()
    prometheus.until("up == 0")
    with served(repo.root, "--port", str(server.port)):
        prometheus.until("resets(sync_check_duration_seconds_count[10m]) > 0")
        assert [prometheus.query(f"{name}_total") for name in counted] == before
        for name in counted:
            assert set(prometheus.query(f"resets({name}_total[10m])").values()) == {0}


def answers(prometheus: Prometheus, query: str) -> bool:
    """Whether a query has a result that is a number."""
    return any(not math.isnan(value) for value in prometheus.query(query).values())


def selectors(expression: str) -> list[str]:
    """The series that an expression asks for."""
    return re.findall(r"\b(?:up|sync_\w+(?::\w+)?)(?:\{[^}]*\})?", expression)


def play(repo: Repo, address: str, prometheus: Prometheus) -> None:
    """Let Prometheus see changes and a consolidation happen; one change is pending in the end."""
    prometheus.until("count_over_time(sync_build_info[1m]) > 1")
    repo.commit("one\n", message=BY_CLAUDE)
    prometheus.until("sum(sync_changes_detected_total) == 1")
    repo.write("two\n")
    prometheus.until("sum(sync_changes_detected_total) == 2")
    repo.commit(message=BY_CLAUDE)
    repo.commit("three\n", "docs/other.md")
    prometheus.until("sum(sync_changes_detected_total) == 3")
    consolidate = urllib.request.Request(f"http://{address}/api/sync/consolidate", b"", {"x-dev-bypass": "1"})
    with urllib.request.urlopen(consolidate, timeout=30) as answer:
        assert json.load(answer)["changes_consolidated"] == 3
    prometheus.until('sync_consolidations_triggered_total{trigger_type="manual"} == 1')
    repo.write("four\n", "docs/other.md")
    prometheus.until("sum(sync_changes_detected_total) == 4")
    prometheus.until("increase(sync_consolidation_duration_seconds_count[5m]) > 0")
    prometheus.until("deriv(sync_ledger_bytes[1h])")
