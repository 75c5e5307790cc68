"""What a person sees and does in the UI."""

import re
from collections import Counter
from datetime import datetime
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from duo_pipeline.defs.partitions import HOUR, hours_between, key_of, span
from duo_pipeline.masking import mask_phone
from duo_pipeline.sandbox.knobs import Attack, Fault, Knobs
from tests.browser.conftest import PATIENCE, SCREENSHOTS, Ui

pytestmark = pytest.mark.browser

NDJSON, UDM = "telephony_ndjson", "telephony_udm"
GREEN, RED, GREY = "rgb(46, 204, 129)", "rgb(199, 42, 28)", "rgb(103, 116, 138)"


def materialize(page: Page, hours: list[datetime]) -> None:
    """Ask for hours of both assets in the dialog of their job."""
    page.goto("/locations/duo_pipeline.definitions/jobs/telephony")
    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill(span(hours) if len(hours) == 1 else f"[{span(hours)}]")
    dialog.get_by_role("textbox").press("Enter")
    chosen = "1 partition" if len(hours) == 1 else f"{len(hours)} partitions"
    expect(dialog.get_by_text(chosen, exact=True)).to_be_visible()
    keep(page, "dialog")
    dialog.get_by_role("button", name="Launch").click()
    expect(dialog).to_be_hidden()


def open_hour(page: Page, asset: str, hour: datetime) -> None:
    page.goto(f"/assets/duo/{asset}?view=partitions&partition={quote(key_of(hour))}")


def expect_light(page: Page, hour: datetime, colour: str) -> None:
    """Wait until the light beside the hour, in the list of the asset's hours, has the colour."""
    light = page.locator(f'[data-tooltip="{key_of(hour)}"] + div').first
    expect(light).to_have_css("background-color", colour, timeout=PATIENCE * 1000)


def figure(page: Page, label: str) -> Locator:
    """Return the value next to the label, in the table of the hour's metadata."""
    named = page.get_by_role("cell", name=label, exact=True)
    return page.get_by_role("row").filter(has=named).get_by_role("cell").nth(1)


def keep(page: Page, name: str) -> None:
    """Keep a screenshot of the page, which must not show a phone number."""
    page.screenshot(path=SCREENSHOTS / f"{name}.png")
    assert not re.findall(r"\+\d{8,}", page.content())


def test_the_graph_shows_both_assets_between_duo_and_secops(page: Page) -> None:
    def left_edge(asset: str | re.Pattern[str]) -> float:
        node = page.locator("svg foreignObject").filter(has=page.get_by_text(asset, exact=True))
        expect(node).to_be_visible()
        return float(node.get_attribute("x") or "nan")

    page.goto("/asset-groups")
    duo = left_edge(re.compile("_telephony_log$"))  # in a small graph the name is cut in its middle
    ndjson, udm, secops = map(left_edge, ("telephony_ndjson", "telephony_udm", "secops_feed"))
    assert duo < ndjson < udm == secops
    keep(page, "graph")


def test_the_schedules_are_on(page: Page) -> None:
    page.goto("/automation")
    for schedule in ("telephony_hourly", "telephony_reconcile", "telephony_usage"):
        named = page.get_by_role("link", name=re.compile(rf"\b{schedule} "))
        switch = named.locator("xpath=following::input[1]")
        expect(switch).to_be_checked()
    keep(page, "schedules")


def test_a_range_of_hours_from_the_partitions_dialog_turns_green(page: Page, ui: Ui) -> None:
    hours = hours_between(ui.day + 8 * HOUR, ui.day + 11 * HOUR)
    materialize(page, hours)
    for asset in (NDJSON, UDM):
        open_hour(page, asset, hours[0])
        for hour in hours:
            expect_light(page, hour, GREEN)
        for hour in (hours[0] - HOUR, hours[-1] + HOUR):
            expect_light(page, hour, GREY)
        keep(page, f"range-of-{asset}")


def test_a_failed_hour_is_red_says_why_and_turns_green_when_it_is_run_again(page: Page, ui: Ui) -> None:
    hour = ui.day + 13 * HOUR
    with ui.fault(Fault(kind="503", times=1000)):
        materialize(page, [hour])
        open_hour(page, NDJSON, hour)
        expect_light(page, hour, RED)
        page.reload()
        expect(page.get_by_text("did not materialize this asset")).to_be_visible()
        keep(page, "failed-hour")
        page.get_by_role("link", name=re.compile("^[0-9a-f]{8}$")).click()
        expect(page.get_by_text("had an internal error (50300) (tried 2 times)").last).to_be_visible()
        keep(page, "failed-run")
    page.get_by_role("button", name="arrow_drop_down").click()
    page.get_by_role("menuitem", name="From failure").click()
    expect(page.get_by_text("Success", exact=True)).to_be_visible()
    keep(page, "run-again")
    for asset in (NDJSON, UDM):
        open_hour(page, asset, hour)
        expect_light(page, hour, GREEN)


def test_a_day_shows_its_usage_and_an_attack_turns_the_check_red_with_its_sentence(
    page: Page, ui: Ui
) -> None:
    midnight = ui.day - 24 * HOUR  # the other tests expect to be the first to land their hours
    hours = hours_between(midnight, midnight + 23 * HOUR)
    attack = Attack("repeated_prompts", (midnight + 3 * HOUR).isoformat(), "strong")
    with ui.knobs(Knobs(attacks=(attack,))):
        materialize(page, hours)
        open_hour(page, NDJSON, hours[-1])
        expect_light(page, hours[-1], GREEN)
    day = f"{midnight:%Y-%m-%d}"
    page.goto("/locations/duo_pipeline.definitions/jobs/telephony_usage")
    page.get_by_role("button", name="Materialize").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill(day)
    dialog.get_by_role("textbox").press("Enter")
    dialog.get_by_role("button", name="Launch").click()
    expect(dialog).to_be_hidden()

    page.goto(f"/assets/duo/telephony_usage?view=partitions&partition={day}")
    light = page.locator(f'[data-tooltip="{day}"] + div').first
    expect(light).to_have_css("background-color", GREEN, timeout=PATIENCE * 1000)
    page.reload()
    expect(figure(page, "missing_hours")).to_have_text("none")
    expect(figure(page, "by_country").get_by_role("cell", name="US", exact=True)).to_be_visible()
    expect(figure(page, "credits_by_hour")).to_contain_text(f"{midnight:%m-%d} ")
    expect(figure(page, "credits_by_hour")).to_contain_text("◀")
    expect(figure(page, "findings_table")).to_contain_text("calls and texts went to +")
    figure(page, "credits_by_hour").scroll_into_view_if_needed()
    keep(page, "usage-of-a-day")
    page.goto("/assets/duo/telephony_usage?view=checks&checkDetail=no_abuse")
    expect(page.get_by_text(re.compile("repeated_prompts: .* calls and texts went to")).first).to_be_visible()
    keep(page, "usage-check")


def test_an_hour_shows_its_metadata_a_preview_with_masked_numbers_and_the_chart_of_facts(
    page: Page, ui: Ui
) -> None:
    hour = ui.day + 15 * HOUR
    records = ui.records(hour)
    materialize(page, [hour])

    open_hour(page, NDJSON, hour)
    expect_light(page, hour, GREEN)
    page.reload()
    for label in ("records", "new_records", "duo_total"):
        expect(figure(page, label)).to_have_text(str(len(records)))
    expect(figure(page, "credits")).to_have_text(str(sum(one["credits"] for one in records)))
    for kind in Counter(one["type"] for one in records):
        expect(figure(page, "credits_by_type")).to_contain_text(f'"{kind}"')
    expect(figure(page, "objects")).to_contain_text(
        f"s3://duo-pipeline-sandbox/duo-telephony/dt={hour:%Y-%m-%d}/"
    )
    first = figure(page, "preview").get_by_role("row").nth(1).get_by_role("cell")
    expect(first.nth(4)).to_have_text(mask_phone(records[0]["phone"]))
    expect(first.nth(5)).to_have_text(records[0]["telephony_id"])
    figure(page, "preview").scroll_into_view_if_needed()
    keep(page, "figures-and-preview")

    open_hour(page, UDM, hour)
    expect_light(page, hour, GREEN)
    page.reload()
    for label in ("lines", "events"):
        expect(figure(page, label)).to_have_text(str(len(records)))
    expect(figure(page, "findings")).to_have_text("0")
    chart = figure(page, "facts").get_by_role("row")
    for field in ("metadata.event_timestamp", "principal.user.phone_numbers[]", "security_result[0].summary"):
        expect(chart.filter(has_text=field)).to_contain_text(f"{len(records)}{len(records)}{'█' * 10}")
        expect(chart.filter(has_text=field)).to_contain_text("100%")
    keep(page, "chart-of-facts")
