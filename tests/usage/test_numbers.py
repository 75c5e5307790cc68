"""Which country and kind a number has."""

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from duo_pipeline.usage.numbers import EXPENSIVE, number

KINDS = {
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.SHARED_COST: "shared cost",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
}


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_the_examples_of_libphonenumber_have_their_country_and_kind(region: str) -> None:
    for type_ in range(PhoneNumberType.UAN + 1):
        example = phonenumbers.example_number_for_type(region, type_)
        if example is not None:
            found = number(phonenumbers.format_number(example, PhoneNumberFormat.E164))
            country = phonenumbers.region_code_for_number(example)
            assert found[:2] == (country, KINDS.get(phonenumbers.number_type(example), "ordinary"))


def test_the_networks_of_no_country_have_a_kind() -> None:
    kinds = [number(f"+{code}123456789").kind for code in (808, 870, 881, 882, 883, 979)]
    assert kinds[1:3] == ["satellite", "satellite"]
    assert {*kinds} <= EXPENSIVE


def test_a_number_of_a_valid_country_that_is_not_valid_belongs_to_the_country() -> None:
    assert number("+447700900123")[:2] == ("GB", "ordinary")
    assert number("+15550100")[:2] == ("US", "ordinary")
