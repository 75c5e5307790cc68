"""Tests of the check that the parser of SecOps is the one that is modelled."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from duo_pipeline.config.account import DEFAULT_ACCOUNT
from duo_pipeline.defs.resources import resources_of, secops_resource
from duo_pipeline.sandbox.secops.knobs import Knobs
from duo_pipeline.udm.rules import RULES
from tests.defs.secops.conftest import SecOpsRun

THE_PARSERS = [rule.udm for rule in RULES if not rule.source.startswith("platform")]


def check(secops: SecOpsRun) -> dg.AssetCheckEvaluation:
    defs = dg.Definitions(
        assets=[secops.dagster.udm, secops.dagster.ndjson],
        asset_checks=[secops.receipts.parser_check],
        resources=resources_of(DEFAULT_ACCOUNT) | secops_resource(DEFAULT_ACCOUNT),
        jobs=[dg.define_asset_job("it", dg.AssetSelection.checks(secops.receipts.parser_check))],
    )
    result = defs.resolve_job_def("it").execute_in_process(instance=secops.dagster.instance)
    (evaluation,) = result.get_asset_check_evaluations()
    return evaluation


def test_googles_parser_as_modelled_is_green(secops: SecOpsRun) -> None:
    secops.land(2)
    found = check(secops)
    assert found.passed
    assert found.description == (
        "On 24 lines, the parser of SecOps (Google's own) makes the events that the model of this project"
        " makes."
    )


def test_a_parser_that_differs_in_a_rule_is_red_and_names_it(secops: SecOpsRun) -> None:
    secops.land(1)
    for field in THE_PARSERS:
        secops.api.knobs = Knobs(parser={field: "dropped"})
        found = check(secops)
        assert not found.passed
        said = found.description or ""
        assert f"differs in {field} on" in said
        assert not [other for other in THE_PARSERS if other != field and f" {other} on" in said]


def test_the_sentence_says_how_the_two_differ(secops: SecOpsRun) -> None:
    secops.api.knobs = Knobs(parser={"security_result[0].severity": "changed"})
    assert check(secops).description == (
        "On 23 lines, the parser of SecOps (Google's own) differs in security_result[0].severity on 23 lines"
        " (INFORMATIONAL in the model, LOW in SecOps): Google may have changed it, and the findings of this"
        " project are about the old one: report it."
    )


@pytest.mark.parametrize(
    ("knobs", "whose"),
    [
        (Knobs(custom_parser=True), "a custom one of someone@example.com"),
        (Knobs(extension=True), "Google's own, with an extension"),
    ],
)
def test_a_customers_parser_is_named_as_such(secops: SecOpsRun, knobs: Knobs, whose: str) -> None:
    secops.api.knobs = knobs
    found = check(secops)
    assert found.passed
    assert f"the parser of SecOps ({whose}) makes" in (found.description or "")


def test_it_runs_once_a_day(secops: SecOpsRun) -> None:
    defs = dg.Definitions(
        assets=[secops.dagster.udm, secops.dagster.ndjson],
        asset_checks=[secops.receipts.parser_check],
        resources=resources_of(DEFAULT_ACCOUNT) | secops_resource(DEFAULT_ACCOUNT),
    )
    requested, cursor = [], None
    for minutes in range(0, 24 * 60, 10):
        result = dg.evaluate_automation_conditions(
            defs=defs,
            instance=secops.dagster.instance,
            asset_selection=dg.AssetSelection.checks(secops.receipts.parser_check),
            evaluation_time=datetime(2026, 11, 24, tzinfo=UTC) + timedelta(minutes=minutes),
            cursor=cursor,
        )
        cursor = result.cursor
        requested += [minutes] * result.total_requested
    assert requested == [4 * 60 + 20]


def test_a_right_that_is_missing_is_a_warning_and_fails_nothing(secops: SecOpsRun) -> None:
    secops.api.knobs = Knobs(refused_rights=("chronicle.parsers.runParser",))
    found = check(secops)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert (found.description or "").startswith(
        "Not compared. SecOps did not run its parser (403): the credentials lack the right"
        " chronicle.parsers.runParser on projects/"
    )
