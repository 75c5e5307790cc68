import pytest

from duo_pipeline.masking import mask_phone, mask_phones


def test_a_masked_number_keeps_only_its_first_and_last_two_characters() -> None:
    assert mask_phone("+13125550123") == "+1••••••••23"


def test_a_short_number_is_masked_completely() -> None:
    assert mask_phone("5550123") == "•••••••"


@pytest.mark.parametrize(
    "number", ["123456", "5550123", "555-0123", "31255501", "312 555 012", "(312) 555-0123"]
)
def test_short_numbers_in_free_text_are_masked_too(number: str) -> None:
    masked = mask_phones(f"called {number}, code 40301")
    assert masked.endswith(", code 40301")
    assert number not in masked
    assert sum(character.isdigit() for character in masked.removesuffix("40301")) <= 4


def test_numbers_in_free_text_are_masked_however_they_are_written() -> None:
    masked = mask_phones("call +1 (312) 555-0123 or 00442079460123, code 40301")
    assert "555" not in masked
    assert "7946" not in masked
    assert "40301" in masked
