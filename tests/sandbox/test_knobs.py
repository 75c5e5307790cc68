import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from duo_pipeline.sandbox.knobs import Fault, Knobs


def test_knobs_survive_json() -> None:
    knobs = Knobs(
        compare="floored",
        page_size=7,
        late_share=0.5,
        faults=(Fault("429", times=2, after=3, retry_after=60), Fault("stall", seconds=1.5)),
    )
    assert Knobs(**json.loads(json.dumps(asdict(knobs)))) == knobs


def test_a_knob_that_is_not_named_keeps_its_default() -> None:
    assert Knobs(repeats=2) == replace(Knobs(), repeats=2)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"page_sise": 7}, "page_sise"),
        ({"compare": "roughly"}, "'exact' or 'floored'"),
        ({"late_share": 2}, "late_share"),
        ({"attacks": [{"kind": "flood", "at": "2026-11-23T05:00:00Z"}]}, "attacks.0.kind"),
        ({"attacks": [{"kind": "spike", "at": "2026-11-23T05:00:00"}]}, "needs an offset"),
        ({"faults": [{"kind": "flood"}]}, "faults.0.kind"),
        ({"faults": [{"kind": "429", "how_often": 2}]}, "how_often"),
    ],
)
def test_an_invalid_name_or_value_is_refused_and_named(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Knobs(**values)
