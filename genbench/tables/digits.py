"""Numbers as a table prints them: as many digits as the error bar allows."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

MOST_DIGITS = 10  # of one number; more are noise to a reader


class Number(NamedTuple):
    """A number as printed: ``value ± spread``, both times a power of ten if there is one."""

    value: str
    spread: str = ""
    exponent: str = ""  # "e-05"

    def __str__(self) -> str:
        if not self.spread:
            return self.value + self.exponent
        both = f"{self.value} ± {self.spread}"
        return f"({both}){self.exponent}" if self.exponent else both


def number(value: float, spread: float | None, digits: int) -> Number:
    """A finite number with sensible digits.

    The spread gets two significant digits and the value ends at the same place. Without a
    spread the value gets *digits* decimals, and more where one below 1 would keep fewer than
    two significant ones. Below 1e-4 and from 1e9 on, both share a power of ten.

    Args:
        value: finite.
        spread: finite and not negative, or None.
        digits: decimals where there is no spread, 0 or more.
    """
    v, s = Decimal(repr(float(value))), Decimal(repr(float(spread or 0)))
    largest = max(abs(v), s)
    exponent = ""
    if largest and not -4 <= (power := largest.adjusted()) < 9:
        v, s, exponent = v.scaleb(-power), s.scaleb(-power), f"e{power:+03d}"
    plain = _fixed(v, max(digits, 1 - v.adjusted()) if 0 < abs(v) < 1 else digits)
    if not s:
        return Number(plain, "" if spread is None else "0", exponent)
    places = 1 - Decimal(f"{s:.1e}").adjusted()
    if v and v.adjusted() + places >= MOST_DIGITS:
        return Number(plain, f"{s:.1e}", exponent)
    return Number(_fixed(v, places), _fixed(s, places), exponent)


def _fixed(number: Decimal, places: int) -> str:
    """Rounded half to even at 10^-places; never in powers of ten, never "-0.00"."""
    if places >= 0:
        rounded = number.quantize(Decimal(1).scaleb(-places))
    else:
        rounded = number.scaleb(places).quantize(Decimal(1)).scaleb(-places)
    return f"{rounded if rounded else abs(rounded):f}"
