"""Make text from outside fit for people: no phone number in it, and nothing that a page or terminal acts on.

There are too many ways to write a number to look for them all. So a word is shown only if it is known to be
harmless. What is masked or replaced here can be read in S3.
"""

import re
import unicodedata
from itertools import groupby, zip_longest

_MASK = "••••"
_MOST_DIGITS = 4  # as many characters as a masked phone number keeps
_LONGEST = 200
_LONGEST_PHONE = 20
_SMALL_NUMBER = re.compile(r"[0-9]{1,3}[.,;:!?)]*")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_PLAIN_WORD = re.compile(r"[(\"']?[^\W\d_]+([-_'][^\W\d_]+)*[.,;:!?)\"']*")
_SETTINGS = re.compile(r"(?:[^/]*/)*?(?=dt=[0-9]{4}-[0-9]{2}-[0-9]{2}/)")
_HOUR_FOLDER = re.compile(r"(?:\A|(?<=/))dt=[0-9]{4}-[0-9]{2}-[0-9]{2}/(?:hour=[0-9]{2}/)?")
_DATE = "20[0-9]{2}(0[1-9]|1[0-2])([0-2][0-9]|3[01])"
_OWN_NAME = re.compile(
    rf"(?:\A|(?<=/))([a-z]+-{_DATE}T[0-9]{{2}}Z-[0-9a-f]{{16}}\.ndjson|[0-9a-f]{{64}}\.ndjson|000[0-9]{{3}}\.ndjson"
    rf"|[a-z]+_{_DATE}(_[0-9]{{6}})?\.json(\.gz)?)\Z"
)
_PLAIN_NAME = re.compile(
    r"[._]?[A-Za-z][A-Za-z0-9]*([_-][A-Za-z0-9]+)*"
    r"(\.(bak|bz2|csv|db|gz|json|jsonl|log|ndjson|tmp|txt|xz|zip|zst))*"
)
_CAPITALS = re.compile("[A-Z]{2}")
_TO_FULL_WIDTH = 0xFEE0  # from an ASCII character to its full-width twin


def mask_phone(text: str) -> str:
    """Return a phone number with only its first two and last two characters: ``+1••••••••67``."""
    if len(text) < 8:
        return "•" * len(text)
    start, end = ("".join(map(_visible, part)) for part in (text[:2], text[-2:]))
    return f"{start}{'•' * (min(len(text), _LONGEST_PHONE) - 4)}{end}"


def shown(text: str) -> str:
    """Return a text from outside (Duo, a proxy, a store) as people may see it.

    A word with a digit is masked, and so are words in capitals beside it (1 800 FLOWERS). Exceptions are
    UUIDs, ISO 8601 times, and a number of up to three digits between words, in a text of at most four digits.

    Punctuation that means something to Markdown, HTML or a browser becomes its full-width twin. Control
    characters, invisible characters and lone surrogates become their code points, such as ``(U+202E)``.
    A text of more than 200 characters is cut.
    """
    pieces = ["".join(group) for _, group in groupby(text[:_LONGEST], key=_separates)]
    if pieces and not _separates(pieces[0][0]):
        pieces.insert(0, "")
    parts = list(zip_longest(pieces[::2], pieces[1::2], fillvalue=""))
    cut = len(text) > _LONGEST
    if cut:
        parts = parts[:-1]  # half a word could look harmless
    digits = sum(character.isnumeric() for _, word in parts if _has_number(word) for character in word)
    said = []
    for may_be_number, group in groupby(parts, key=lambda part: _has_number(part[1]) or part[1].isupper()):
        run = list(group)
        small = len(run) == 1 and digits <= _MOST_DIGITS and _SMALL_NUMBER.fullmatch(run[0][1])
        if may_be_number and not small and any(_has_number(word) for _, word in run):
            run = [(run[0][0], _MASK)]
        said += [_readable(piece) for part in run for piece in part]
    return "".join(said).strip() + (" …" if cut else "")


def shown_key(key: str) -> str:
    """Return an object's key as people may see it: foreign objects may have any name.

    Folders before the first ``dt=…/`` are settings, and are shown as they are; without such a folder, all
    folders are. What follows is shown if it is one of the names that this project or the function of Google's
    guide makes, or a plain name with a few digits (``notes.txt``, ``_SUCCESS``, ``part-0001``).
    """
    settings = _SETTINGS.match(key)
    start = settings.end() if settings else key.rfind("/") + 1
    return f"{key[:start]}{shown_name(key[start:])}"


def shown_name(name: str) -> str:
    """Return what follows the prefix in a key as people may see it; see `shown_key`."""
    hour, own = _HOUR_FOLDER.search(name), _OWN_NAME.search(name)
    end = own.start() if own else len(name)
    pieces = (name[: hour.start()], name[hour.end() : end]) if hour else ("", name[:end])
    few = sum(map(str.isnumeric, "".join(pieces))) <= _MOST_DIGITS
    before, after = ("/".join(_shown_part(part, few_digits=few) for part in one.split("/")) for one in pieces)
    return f"{before}{hour[0] if hour else ''}{after}{name[end:]}"


def _shown_part(part: str, *, few_digits: bool) -> str:
    has_number = any(map(str.isnumeric, part))
    if has_number and not few_digits:
        return _MASK
    plain = _PLAIN_NAME.fullmatch(part) and not (has_number and _CAPITALS.search(part))
    return part if plain else shown(part)


def _separates(character: str) -> bool:
    return unicodedata.category(character)[0] in "CZ"


def _has_number(word: str) -> bool:
    return any(map(str.isnumeric, word)) and not _is_id_or_time(word)


def _is_id_or_time(word: str) -> bool:
    return bool(_UUID.fullmatch(word) or _INSTANT.fullmatch(word))


def _readable(word: str) -> str:
    if any(shape.fullmatch(word) for shape in (_PLAIN_WORD, _SMALL_NUMBER, _UUID, _INSTANT)):
        return word
    return "".join(map(_visible, word))


def _visible(character: str) -> str:
    if character.isalnum() or character in " +•":
        return character
    if character.isascii() and character.isprintable():
        return chr(ord(character) + _TO_FULL_WIDTH)
    return f"(U+{ord(character):04X})" if _separates(character) else character
