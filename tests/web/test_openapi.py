"""The OpenAPI document is what the service does: schemathesis calls it with all that it allows, and more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from lab.live import ready, served, shared_repo

# The same requests in every run.
ALIKE = settings(
    max_examples=25, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Of a real server, for a clone with something of everything in it."""
    import schemathesis  # here, as below: no other test waits for it

    with shared_repo(tmp_path_factory) as repo:
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
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    paths: dict[str, int] = {}
    for result in schema.exclude(path="/api/sync/events").get_all_operations():

        @given(case=result.ok().as_strategy())
        @ALIKE
        def call(case: Any) -> None:
            paths[case.path] = paths.get(case.path, 0) + 1
            # A 30th of February has the form of a date: `since` is the one parameter whose form does not say all.
            case.call_and_validate(headers={"x-agentsync": "1"}, excluded_checks=[positive_data_acceptance])

        call()
    assert {"/api/sync/log", "/api/sync/consolidate", "/api/metrics"} <= paths.keys()
    assert paths["/api/sync/log"] >= ALIKE.max_examples


def test_a_request_that_the_document_forbids_is_refused_with_a_reason(schema: Any) -> None:
    """What no client may send gets a 4xx with a problem, not an answer."""
    from schemathesis import GenerationMode
    from schemathesis.specs.openapi.checks import negative_data_rejection

    operation = schema["/api/sync/log"]["GET"]
    parameters = {one["name"]: one["schema"] for one in operation.definition.raw["parameters"]}
    refused = []

    @given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    @ALIKE
    def call(case: Any) -> None:
        # schemathesis judges the value that it made, but `?agent=true` is a string whatever it was made of.
        answer = case.call_and_validate(headers={"x-agentsync": "1"}, excluded_checks=[negative_data_rejection])
        if answer.status_code == 200:
            assert is_allowed(parameters, urlsplit(answer.request.url).query)
        else:
            assert answer.status_code in (404, 422)
            refused.append(case)

    call()
    assert len(refused) > ALIKE.max_examples / 2


def is_allowed(parameters: dict[str, Any], query: str) -> bool:
    """Whether the texts of a query, as they are sent, have the forms of their parameters; others mean nothing."""
    sent: dict[str, list[str]] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        sent.setdefault(name, []).append(text)
    return all(_fits(schema, sent[name]) for name, schema in parameters.items() if name in sent)


def _fits(schema: dict[str, Any], texts: list[str]) -> bool:
    """Of a parameter that may stand once, the last one counts."""
    last = texts[-1]
    readings: list[object] = [texts, last, *([int(last)] if last.lstrip("+-").isdecimal() else [])]
    readings += {"true": [True], "false": [False]}.get(last.lower(), [])
    return any(jsonschema_rs.is_valid(schema, reading) for reading in readings)


@pytest.mark.parametrize(
    ("query", "allowed"),
    [
        ("agent=true", True),
        ("agent=1&limit=500", True),
        ("path=a&path=b&all=true&nothing=x", True),
        ("limit=true", False),
        ("limit=501", False),
        ("all=perhaps", False),
        ("before=x", False),
        (f"agent={'x' * 2000}", False),
    ],
)
def test_a_query_is_judged_by_its_texts(schema: Any, query: str, allowed: bool) -> None:
    """True and 1 are texts where a text is asked for."""
    parameters = {one["name"]: one["schema"] for one in schema["/api/sync/log"]["GET"].definition.raw["parameters"]}
    assert is_allowed(parameters, query) is allowed
