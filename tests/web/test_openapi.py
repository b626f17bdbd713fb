"""The OpenAPI document is what the service does: schemathesis calls it with all that it allows, and more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from lab.live import ready, served
from lab.repo import Repo
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

EXAMPLES = 40  # of each endpoint


@pytest.fixture
def schema(repo: Repo) -> Iterator[Any]:
    """Of a real server, for a clone with something of everything in it."""
    ready(repo)
    for number in range(4):
        repo.commit(f"{number}\n")
    repo.look(asked=True)
    repo.write("uncommitted\n")
    repo.look()
    with served(repo.root) as server:
        yield schemathesis.openapi.from_url(f"{server.url}/openapi.json")


def test_every_answer_fits_its_schema_and_none_is_a_bug(schema: Any) -> None:
    """No 5xx, documented statuses, types and bodies only, whatever the query, headers and method are."""
    paths: dict[str, int] = {}
    for result in schema.exclude(path="/api/sync/events").get_all_operations():
        operation = result.ok()

        @given(case=operation.as_strategy())
        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        def call(case: Any) -> None:
            paths[case.path] = paths.get(case.path, 0) + 1
            # A 30th of February has the form of a date: `since` is the one parameter whose form does not say all.
            case.call_and_validate(headers={"x-agentsync": "1"}, excluded_checks=[positive_data_acceptance])

        call()
    assert {"/api/sync/log", "/api/sync/consolidate", "/api/metrics"} <= paths.keys()
    assert paths["/api/sync/log"] >= EXAMPLES


def test_a_request_that_the_document_forbids_is_refused_with_a_reason(schema: Any) -> None:
    """What no client may send gets a 4xx with a problem, not an answer."""
    operation = schema["/api/sync/log"]["GET"]

    @given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def call(case: Any) -> None:
        case.call_and_validate(headers={"x-agentsync": "1"})

    call()
