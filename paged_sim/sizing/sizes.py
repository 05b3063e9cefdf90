"""Sizes as people write them, `24GiB` or `24 GB`, and back.

Binary and decimal units differ by 7 % at giga, which is more than a small GPU has to spare, so a bare `24G` is refused.
"""

import re
from fractions import Fraction

from paged_sim.checks import require

_BINARY_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_BYTES = {unit.lower(): 2 ** (10 * power) for power, unit in enumerate(_BINARY_UNITS)}
_BYTES |= {unit: 10 ** (3 * power) for power, unit in enumerate(("b", "kb", "mb", "gb", "tb"))}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)")


def parse_size(text: str, field: str = "size") -> int:
    """Returns a size in whole bytes, rounded down.

    Args:
        text: a number and a unit: KiB to TiB (powers of 1024) or kB to TB (powers of 1000), in any case. A whole number
            without a unit is bytes.
        field: what an error calls the size.

    Raises:
        ValueError: no such number, or a unit that is neither clearly binary nor clearly decimal.
    """
    match = _SIZE.fullmatch(text.strip().lower())
    number, unit = match.groups() if match else ("", "")
    known = match is not None and (unit in _BYTES or (not unit and number.isdigit()))
    require(known, field, "a size such as 24GiB (x 2**30), 24GB (x 10**9) or whole bytes", text)
    return int(Fraction(number) * _BYTES[unit or "b"])


def format_size(num_bytes: int) -> str:
    """Returns a size in the largest binary unit of which there is at least one, with at most two decimals."""
    power = min(max(num_bytes.bit_length() - 1, 0) // 10, len(_BINARY_UNITS) - 1)
    digits = f"{num_bytes / 2 ** (10 * power):.2f}".rstrip("0").rstrip(".")
    return f"{digits} {_BINARY_UNITS[power]}"
