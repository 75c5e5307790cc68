import json
import random
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duo_pipeline.masking import mask_phone, shown, shown_key, shown_name

NUMBERS = ("13125550123", "442079460123", "5550142", "017648675309")
SEPARATORS = (
    "",
    " ",
    "-",
    ".",
    "/",
    ":",
    ",",
    "_",
    " – ",
    "\u2011",
    "\u200b",
    "\u00ad",
    "\n",
    "\t",
    "\u00a0",
    ") (",
)
DIGITS = ("0123456789", "⓪①②③④⑤⑥⑦⑧⑨", "⁰¹²³⁴⁵⁶⁷⁸⁹", "０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗")
AROUND = (
    "{}",
    "call {} now",
    "sms to {} ext. 12",
    "{}, or later",
    "to:{}",
    "a|{}|b",
    "tel={}&x=1",
    "[{}](http://127.0.0.1/{})",
)


def test_a_masked_number_keeps_only_its_first_and_last_two_characters() -> None:
    assert mask_phone("+13125550123") == "+1••••••••23"


def test_a_short_number_is_masked_completely() -> None:
    assert mask_phone("5550123") == "•••••••"


def test_a_phone_that_is_something_else_is_as_harmless() -> None:
    assert mask_phone("[x](http://e)") == "［x•••••••••e）"
    assert len(mask_phone("5" * 1_000_000)) == 20


@pytest.mark.parametrize(
    "harmless",
    [
        "authentication",
        "administrator login",
        "push_sms",
        "Größe, 日本語 (ok)!",
        "mintime must be within the past 180 days",
        "5bf1a860-fe39-49e3-be29-217659663a74",
        "2023-03-21T22:34:49.466370+00:00",
        "3",
        "",
    ],
)
def test_what_is_known_to_be_harmless_is_shown_as_it_is(harmless: str) -> None:
    assert shown(harmless) == harmless


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("call 0176/48675309 or 555\u20130142", "call •••• or ••••"),
        ("sms to 5550143 ext. 12", "sms to •••• ext. ••••"),
        ("1-800-FLOWERS", "••••"),
        ("1 800 GO FEDEX now", "•••• now"),
        ("555 and 014 and 2", "•••• and •••• and ••••"),
        ("id 5bf1a860-fe39-49e3-be29-2176596 x", "id •••• x"),
        ("13125550123-4567-8901-2345-678901234567", "••••"),
    ],
)
def test_a_word_with_digits_is_masked_unless_it_is_an_id_a_time_or_a_small_number(
    text: str, seen: str
) -> None:
    assert shown(text) == seen


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a\n| b |", "a(U+000A)｜ b ｜"),
        ("![x](http://example.org/p.png)", "！［x］（http：／／example．org／p．png）"),
        ("www.example.org me@example.org", "www．example．org me＠example．org"),
        ("a\\|b | c", "a＼｜b ｜ c"),
        ("<b>&lt;*_x_*`", "＜b＞＆lt；＊＿x＿＊｀"),
        ("\ud83d", "(U+D83D)"),
        ("\u202emoc\u001b[31m", "(U+202E)moc(U+001B)••••"),
        ("zero\u200bwidth", "zero(U+200B)width"),
    ],
)
def test_nothing_that_a_page_or_a_terminal_acts_on_is_left(text: str, seen: str) -> None:
    assert shown(text) == seen


def test_a_long_text_is_cut_and_half_a_word_is_not_shown() -> None:
    assert shown("word " * 39 + "x 5550142" + "9" * 1_000_000) == "word " * 39 + "x …"


def test_no_hidden_number_is_shown_however_it_is_written() -> None:
    choose = random.Random(1)
    for _ in range(2_000):
        digits, number = choose.choice(DIGITS), choose.choice(NUMBERS)
        written = choose.choice(SEPARATORS).join(digits[int(digit)] for digit in number)
        text = choose.choice(AROUND).replace("{}", written)
        seen = re.sub(r"\(U\+[0-9A-F]{4,6}\)", "", shown(text))
        assert sum(map(str.isnumeric, seen)) <= 4, ascii((text, seen))


@given(st.text(st.characters(codec=None), max_size=300))
def test_any_text_becomes_printable_json_without_markup(text: str) -> None:
    seen = shown(text)
    json.dumps(seen, ensure_ascii=False).encode()
    assert not any(unicodedata.category(character)[0] == "C" for character in seen)
    assert not set(seen) & set("|\\<>[]`*#&@/~={}$^%")


OWN = "dt=2026-11-23/hour=05/telephony-20261123T05Z-0123456789abcdef.ndjson"


@pytest.mark.parametrize(
    "name",
    [
        OWN,
        "telephony_20261123_050003.json.gz",
        "old/telephony_1.json",
        "dt=2026-11-23/hour=05/000017.ndjson",
        "dt=2026-11-23/hour=05/",
        "state.json",
        "_SUCCESS",
        ".DS_Store",
        "notes.txt",
        "part-0001.gz",
        "",
    ],
)
def test_names_of_objects_that_are_known_or_plain_are_shown_as_they_are(name: str) -> None:
    assert shown_name(name) == name


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("+13125550123.txt", "••••"),
        ("131/255/501/23", "••••/••••/••••/••••"),
        ("dt=2026-11-23/hour=05/hour=13/dt=1255-50-12/x", "dt=2026-11-23/hour=05/••••/••••/x"),
        ("call-1-800-FLOWERS", "••••"),
        ("www.example.org", "www．example．org"),
        ("![x](http:", "！［x］（http："),
        ("a\n\u202eb\x1b[31m/c", "a(U+000A)(U+202E)b(U+001B)••••/c"),
    ],
)
def test_any_other_name_of_an_object_is_shown_like_any_text_from_outside(name: str, seen: str) -> None:
    assert shown_name(name) == seen


def test_the_folders_of_a_setting_are_shown_whatever_their_digits() -> None:
    assert shown_key(f"tenants/112233445566/duo/{OWN}") == f"tenants/112233445566/duo/{OWN}"
    assert shown_key("tenants/112233445566/feed.json") == "tenants/112233445566/feed.json"
    assert shown_key("a/dt=2026-11-23/hour=05/5550142") == "a/dt=2026-11-23/hour=05/••••"
