"""What each rule finds, and what it leaves alone."""

import json
from datetime import timedelta

import pytest

from duo_pipeline.usage.profile import profile_from
from duo_pipeline.usage.rules import DEFAULTS, RULES, thresholds
from tests.records import Sent, sent
from tests.usage.days import DAY, PEOPLE, at, month, ordinary, rules_of, usage

MONTH = month()


def far(hour: int, count: int, begin: str = "+252611234", **fields: object) -> list[Sent]:
    """Return calls to neighbouring numbers in Somalia, within an hour."""
    return [sent(at(hour, number / 2), phone=f"{begin}{number:03}", **fields) for number in range(count)]


def test_an_ordinary_day_has_no_finding() -> None:
    found = usage(ordinary(), MONTH)
    assert (rules_of(found), found.off) == ([], {})


def test_a_number_that_is_called_again_and_again_within_minutes_is_found() -> None:
    prompts = [sent(at(3, 10 + number), phone="+447700900123", type="phone") for number in range(9)]
    (finding,) = usage([*ordinary(), *prompts], MONTH).findings
    assert finding.rule == "repeated_prompts"
    assert finding.sentence == (
        "9 calls and texts went to +4•••••••••23 within 10 minutes (03:10 to 03:18 UTC, 9 credits):"
        " somebody may have this user's password and hope for one careless answer."
    )
    assert set(finding.ids) == {record["telephony_id"] for record in prompts}
    assert (finding.first, finding.last) == (at(3, 10), at(3, 18))


def test_slower_prompts_are_found_within_an_hour() -> None:
    prompts = [sent(at(3, 4 * number), phone=PEOPLE[0]) for number in range(13)]
    assert rules_of(usage([*ordinary(), *prompts], MONTH)) == ["repeated_prompts"]


def test_a_user_who_retries_a_few_times_is_no_finding() -> None:
    retries = [sent(at(9, number), phone=PEOPLE[0]) for number in range(6)]
    assert not usage([*ordinary(), *retries], MONTH).findings


def test_a_phone_that_is_busy_each_day_is_no_finding() -> None:
    def day(start: int) -> list[Sent]:
        begin = DAY - timedelta(days=start)
        return [*ordinary(begin), *(sent(at(9, number / 2, begin), phone=PEOPLE[0]) for number in range(12))]

    before = [usage(day(back), day=DAY - timedelta(days=back)).profile for back in range(20, 0, -1)]
    assert not usage(day(0), before).findings
    assert rules_of(usage(day(0), MONTH)) == ["repeated_prompts"]


def test_neighbouring_numbers_that_are_called_within_hours_are_found() -> None:
    found = usage([*ordinary(), *far(2, 30, credits=2)], MONTH)
    assert rules_of(found) == ["number_range", "new_country", "spike"]
    assert found.findings[0].sentence == (
        "30 different numbers of the range +252611234••• in SO (+252) were called or texted within 6 hours"
        " (02:00 to 02:14 UTC, 60 credits): somebody may earn money from these calls."
    )


def test_a_range_that_lies_across_a_thousand_is_found_whole() -> None:
    numbers = [f"+1313555{number}" for number in range(1994, 2006)]
    calls = [sent(at(2, number), phone=phone) for number, phone in enumerate(numbers)]
    (finding,) = usage([*ordinary(), *calls], MONTH).findings
    assert (finding.rule, finding.numbers) == ("number_range", 12)


def test_an_office_whose_phones_are_neighbours_is_no_finding() -> None:
    def day(start: int) -> list[Sent]:
        begin = DAY - timedelta(days=start)
        return [sent(at(9, number, begin), phone=f"+13125552{number:03}") for number in range(40)]

    before = [usage(day(back), day=DAY - timedelta(days=back)).profile for back in range(30, 0, -1)]
    assert not [one for one in usage(day(0), before).findings if one.rule == "number_range"]


def test_a_country_that_was_never_called_is_found() -> None:
    calls = [sent(at(9, 5 * number), phone=f"+3712{number}345678"[:12], credits=2) for number in range(5)]
    (finding,) = usage([*ordinary(), *calls], MONTH).findings
    assert finding.rule == "new_country"
    assert finding.sentence == (
        "5 calls and texts went to LV (+371) (09:00 to 09:20 UTC, 10 credits), a country that was not called"
        " in the 30 days before."
    )


def test_one_traveller_is_no_finding() -> None:
    assert not usage([*ordinary(), *(sent(at(9, n), phone="+37120345678") for n in range(4))], MONTH).findings


def test_a_country_that_was_called_for_a_handful_of_credits_is_still_new() -> None:
    day = DAY - timedelta(days=3)
    warmed_up = usage([*ordinary(day), sent(at(4, 0, day), phone="+37120345678")], day=day).profile
    before = [*(one for one in MONTH if one.day != day.date()), warmed_up]
    calls = [sent(at(9, number), phone=f"+37120{number}45678", credits=2) for number in range(5)]
    assert rules_of(usage([*ordinary(), *calls], before)) == ["new_country"]


@pytest.mark.parametrize(
    ("phone", "about"),
    [
        ("+881612345678", "worldwide/satellite"),
        ("+870773111632", "worldwide/satellite"),
        ("+979123456789", "worldwide/premium"),
        ("+449098790123", "GB/premium"),
        ("+491801234567", "DE/shared cost"),
        ("+447012345678", "GB/personal"),
        ("+19005550123", "US/premium"),
        ("+499001234567", "DE/premium"),
        ("+33899123456", "FR/premium"),
    ],
)
def test_numbers_of_expensive_kinds_are_found(phone: str, about: str) -> None:
    found = usage([*ordinary(), *(sent(at(9, 15 * number), phone=phone) for number in range(4))], MONTH)
    assert [one.about for one in found.findings if one.rule == "expensive_destination"] == [about]


def test_calls_that_cost_far_more_than_usual_in_their_country_are_found() -> None:
    dear = [sent(at(9, 20 * number), phone=PEOPLE[number], credits=10) for number in range(3)]
    (finding,) = usage([*ordinary(), *dear], MONTH).findings
    assert (finding.rule, finding.about, finding.credits) == ("expensive_destination", "US/price", 30)
    assert finding.sentence == (
        "3 calls and texts to US (+1) cost up to 10 credits each (09:00 to 09:40 UTC, 30 credits), where 1 is"
        " usual."
    )


def test_an_hour_that_costs_far_more_than_usual_is_found() -> None:
    many = [sent(at(14, number / 2), phone=PEOPLE[number % 29]) for number in range(60)]
    (finding,) = usage([*ordinary(), *many], MONTH).findings
    assert finding.sentence == (
        "The hour from 14:00 UTC cost 64 credits, where 4 is usual at that hour of the week; most of it went"
        " to US (+1)."
    )


def test_an_hour_is_compared_only_with_hours_that_had_landed() -> None:
    unknown = [
        usage([], day=DAY - timedelta(days=back), hours=[] if back % 7 == 0 else range(24)).profile
        for back in range(30, 0, -1)
    ]
    many = [sent(at(14, number / 2), phone=PEOPLE[number % 29]) for number in range(60)]
    assert "spike" not in rules_of(usage([*ordinary(), *many], unknown))


def test_a_burst_of_enrolments_is_found() -> None:
    burst = [sent(at(22, number), phone=PEOPLE[number % 29], context="enrollment") for number in range(20)]
    (finding,) = usage([*ordinary(), *burst], MONTH).findings
    assert finding.sentence == (
        "20 enrolments in the hour from 22:00 UTC (22:00 to 22:19 UTC, 20 credits), where 0 is usual."
    )


def test_a_roll_out_over_the_working_day_is_no_finding() -> None:
    def enrolling(back: int, an_hour: int) -> list[Sent]:
        begin = DAY - timedelta(days=back)
        return [
            sent(
                at(hour, 60 * number / an_hour, begin),
                phone=PEOPLE[(hour + number) % 29],
                context="enrollment",
            )
            for hour in range(8, 17)
            for number in range(an_hour)
        ]

    before = [usage(enrolling(back, 4), day=DAY - timedelta(days=back)).profile for back in range(30, 0, -1)]
    assert not [one for one in usage(enrolling(0, 18), before).findings if one.rule == "enrollment_burst"]


def test_a_rule_without_enough_days_to_compare_with_says_that_it_is_off() -> None:
    found = usage([*ordinary(), *far(2, 30, credits=2)], MONTH[-10:])
    assert rules_of(found) == ["number_range"]
    assert found.off["new_country"] == "is off: it needs 14 earlier days to compare with, and 10 are known"


def test_the_settings_replace_thresholds() -> None:
    retries = [sent(at(9, number), phone=PEOPLE[0]) for number in range(6)]
    changed = thresholds("repeated_prompts.calls=5, spike.credits=100")
    assert rules_of(usage([*ordinary(), *retries], MONTH, thresholds=changed)) == ["repeated_prompts"]
    assert changed["spike"] == {**DEFAULTS["spike"], "credits": 100}


@pytest.mark.parametrize("text", ["spike=1", "spikes.credits=1", "spike.credit=1", "spike.credits=x"])
def test_an_unknown_threshold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"has no threshold .*spike\.credits"):
        thresholds(text)


def test_a_threshold_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match=r"sets spike\.credits to 0: it must be above 0"):
        thresholds("spike.credits=0")


def test_findings_and_profiles_show_no_number() -> None:
    attack = [*far(2, 30, credits=2), *(sent(at(3, number), phone=PEOPLE[0]) for number in range(20))]
    found = usage([*ordinary(), *attack], MONTH)
    written = b"".join([*found.finding_lines(), *found.lines()]).decode() + json.dumps(
        found.profile.to_json()
    )
    assert len(found.findings) == 4
    for record in [*ordinary(), *attack]:
        assert record["phone"][1:] not in written


def test_a_profile_survives_json() -> None:
    profile = usage([*ordinary(), *far(2, 30, credits=2)], MONTH).profile
    assert profile_from(json.loads(json.dumps(profile.to_json()))) == profile
    assert profile_from({**profile.to_json(), "version": 0}) is None


def test_every_rule_says_what_to_do() -> None:
    for rule in RULES.values():
        assert rule.advice.endswith(".")
        assert rule.thresholds
