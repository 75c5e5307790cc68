"""Attacks on an emulated account, of each kind that the log can show."""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple, get_args

from duo_pipeline.sandbox.knobs import Kind, Strength
from duo_pipeline.sandbox.traffic import Call, Traffic

KINDS: Sequence[Kind] = get_args(Kind)
STRENGTHS: Sequence[Strength] = get_args(Strength)

_MINUTE, _HOUR = 60, 3600
# Far countries, and kinds of numbers that earn money. Some of these numbers may exist; nobody is called.
_FAR = ("+25261", "+3712", "+9607", "+22462", "+2162", "+77", "+99455", "+88017", "+23276", "+5355")
_DEAR = ("+8816123", "+449098790", "+1900555", "+44844555", "+447090")


class _Size(NamedTuple):
    """How many calls an attack has, and for how many seconds it lasts."""

    calls: int
    seconds: int


_SIZES: dict[str, dict[Strength, _Size]] = {
    "repeated_prompts": {
        "weak": _Size(6, 8 * _MINUTE),
        "medium": _Size(14, 12 * _MINUTE),
        "strong": _Size(60, 40 * _MINUTE),
    },
    "number_range": {
        "weak": _Size(8, 4 * _HOUR),
        "medium": _Size(30, 3 * _HOUR),
        "strong": _Size(150, 3 * _HOUR),
    },
    "new_country": {
        "weak": _Size(3, 3 * _HOUR),
        "medium": _Size(15, 3 * _HOUR),
        "strong": _Size(80, 3 * _HOUR),
    },
    "expensive_destination": {
        "weak": _Size(2, 3 * _HOUR),
        "medium": _Size(8, 2 * _HOUR),
        "strong": _Size(40, 2 * _HOUR),
    },
}


def calls_of(kind: Kind, strength: Strength, traffic: Traffic, usual: float, seed: str) -> list[Call]:
    """Return the calls and texts of an attack; their seconds count from its beginning.

    Args:
        kind: What it is.
        strength: How strong it is.
        traffic: The account that is attacked.
        usual: How many calls an hour has at that time on average.
        seed: The seed.
    """
    rng = random.Random(f"{traffic.seed}/{kind}/{strength}/{seed}")  # noqa: S311 - the same each time
    size = (_SIZES.get(kind) or _hour_sizes(kind, usual))[strength]
    seconds = sorted(rng.uniform(0, size.seconds) for _ in range(size.calls))
    return sorted(_ATTACKS[kind](rng, seconds, traffic))


def _hour_sizes(kind: Kind, usual: float) -> dict[Strength, _Size]:
    """Return the sizes of the attacks that fill hours, in proportion to the account."""
    if kind == "spike":
        times, least = (1.0, 4.0, 12.0), (15, 60, 200)
    else:
        usual, times, least = usual * 0.06, (3.0, 10.0, 30.0), (10, 40, 120)
    sizes = (max(few, int(factor * usual)) for factor, few in zip(times, least, strict=True))
    return {strength: _Size(calls, _HOUR) for strength, calls in zip(STRENGTHS, sizes, strict=True)}


def _calls_to_one_person(rng: random.Random, seconds: list[float], traffic: Traffic) -> list[Call]:
    phone, (sms, voice) = rng.choice(traffic.people)
    type_ = rng.choice(("sms", "phone"))
    return [Call(at, phone, type_, "authentication", sms if type_ == "sms" else voice) for at in seconds]


def _number_range(rng: random.Random, seconds: list[float], traffic: Traffic) -> list[Call]:  # noqa: ARG001
    begin = f"{rng.choice(_FAR)}{rng.randrange(10**4):04}"
    first = rng.randrange(800)
    width = max(len(seconds), rng.choice((50, 200)))
    numbers = [f"{begin}{(first + rng.randrange(width)) % 1000:03}" for _ in seconds]
    if rng.random() < 0.5:
        numbers = [f"{begin}{(first + step) % 1000:03}" for step in range(len(seconds))]
    context = rng.choice(("authentication", "enrollment"))
    return [
        Call(at, phone, "sms", context, rng.choice((2, 3, 5)))
        for at, phone in zip(seconds, numbers, strict=True)
    ]


def _new_country(rng: random.Random, seconds: list[float], traffic: Traffic) -> list[Call]:  # noqa: ARG001
    begin = rng.choice(_FAR)
    type_ = rng.choice(("sms", "phone"))
    cost = rng.choice((2, 3, 5))
    return [Call(at, f"{begin}{rng.randrange(10**7):07}", type_, "authentication", cost) for at in seconds]


def _expensive_destination(rng: random.Random, seconds: list[float], traffic: Traffic) -> list[Call]:
    if rng.random() < 0.4:
        people = [rng.choice(traffic.people)[0] for _ in seconds]
        return [
            Call(at, phone, "phone", "authentication", rng.choice((10, 15, 20)))
            for at, phone in zip(seconds, people, strict=True)
        ]
    begin = rng.choice(_DEAR)
    digits = {"+8816123": 5, "+449098790": 3, "+1900555": 4, "+44844555": 4, "+447090": 6}[begin]
    numbers = [f"{begin}{rng.randrange(10**digits):0{digits}}" for _ in range(max(1, len(seconds) // 4))]
    return [
        Call(at, rng.choice(numbers), "phone", "authentication", rng.choice((5, 8, 10))) for at in seconds
    ]


def _spike(rng: random.Random, seconds: list[float], traffic: Traffic) -> list[Call]:
    return [call for at in seconds for call in _calls_to_one_person(rng, [at], traffic)]


def _enrollment_burst(rng: random.Random, seconds: list[float], traffic: Traffic) -> list[Call]:
    people = [rng.choice(traffic.people) for _ in seconds]
    return [
        Call(at, f"{phone[:-2]}{rng.randrange(100):02}", "sms", "enrollment", sms)
        for at, (phone, (sms, _)) in zip(seconds, people, strict=True)
    ]


_ATTACKS: dict[Kind, Callable[[random.Random, list[float], Traffic], list[Call]]] = {
    "repeated_prompts": _calls_to_one_person,
    "number_range": _number_range,
    "new_country": _new_country,
    "expensive_destination": _expensive_destination,
    "spike": _spike,
    "enrollment_burst": _enrollment_burst,
}
