"""What a person reads in one cell of a table: a number, a gap, a yes or no, or a text."""

import re
import unicodedata
from typing import NamedTuple

MISSING = {"", "?", "-", "na", "n/a", "n.a.", "nan", "-nan", "null", "none", "<na>"}
MISSING |= {"#n/a", "#na", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!"}  # of sheets

_TRUTH = {"true": 1.0, "false": 0.0}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,4})?", re.IGNORECASE | re.ASCII)
_GROUPS = re.compile(
    r"[+-]?\d{1,3}(?P<mark>[,_'’ ])\d{3}(?P<more>(?P=mark)\d{3})*(?P<rest>\.\d+)?", re.ASCII
)
_SWAP = str.maketrans(",.", ".,")


class Number(NamedTuple):
    """A number, and whether its one comma (or point) may be for thousands or for decimals."""

    value: float | int
    is_doubtful: bool


def text(cell: str) -> str:
    """Without blanks around it; of letters that can be written in two ways, the one."""
    return unicodedata.normalize("NFC", cell).strip()


def is_missing(cell: str) -> bool:
    return cell.strip().lower() in MISSING


def truth(cell: str) -> float | None:
    return _TRUTH.get(cell.strip().lower())


def number(cell: str, decimal: str | None = None) -> Number | None:
    """The number that a cell shows: full-width digits, 1_000, 1,234.5 and 1 000 are numbers too.

    Args:
      cell: the text.
      decimal: what stands before the decimals, "." or ","; None takes a point, and doubts a number
        such as 1,234, which is one of thousands or one of decimals.

    Returns:
      An int where no decimals are written, and None where it is no number.
    """
    plain = unicodedata.normalize("NFKC", cell).strip().replace("−", "-")
    if decimal == ",":
        plain = plain.translate(_SWAP)
    match = _GROUPS.fullmatch(plain)
    is_doubtful = False
    if match:
        is_unclear = match["mark"] == "," and not match["more"] and not match["rest"]
        is_doubtful = is_unclear and decimal is None
        plain = plain.replace(match["mark"], "")
    elif not _NUMBER.fullmatch(plain):
        return None
    is_whole = re.fullmatch(r"[+-]?\d{1,18}", plain)
    return Number(int(plain) if is_whole else float(plain), is_doubtful)
