"""Numbers as a table prints them: as many digits as the error bars of their column allow."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple, TypeAlias

MORE = 3  # decimals that may be added so that two numbers do not look equal
MOST_DIGITS = 10  # of one number; more are noise to a reader
LEAST_P = 1e-16  # below it, p is a matter of rounding

Barred: TypeAlias = tuple[float, float | None]  # a finite number and its error bar, if it has one


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

    It ends at the decimal *digits*, and before it where the error bar would have more than two
    significant digits there. A bar that is 0 at that place is not printed, whatever it is. A
    number below 1 with fewer than two significant digits at that place gets more. Below 1e-4 and
    from 1e9 on, number and bar share a power of ten.

    Args:
        value: finite.
        spread: finite and not negative, or None.
        digits: decimals, 0 or more; those that a column shares are found by `shared`.
    """
    v, s = Decimal(repr(float(value))), Decimal(repr(float(spread or 0)))
    largest = max(abs(v), s)
    exponent = ""
    if largest and not -4 <= (power := largest.adjusted()) < 9:
        v, s, exponent = v.scaleb(-power), s.scaleb(-power), f"e{power:+03d}"
    places = max(digits, 1 - v.adjusted()) if 0 < abs(v) < 1 else digits
    if s:
        places = min(places, _place(s, 2))
    bar = _fixed(s, places)
    return Number(_fixed(v, places), bar if bar.strip("0.") else "", exponent)


def shared(numbers: Sequence[Barred], digits: int) -> int:
    """Decimals at which the numbers of a column end.

    Where most of the error bars have one or two significant digits, as long as that is no more
    than *digits* or the middle one of the bars needs it; further where two numbers that are more
    than their bars apart would look equal.

    Args:
        numbers: of the contenders.
        digits: decimals of a column without error bars.
    """
    bars = sorted(Decimal(repr(bar)) for _, bar in numbers if bar)
    place = digits
    if bars:
        room = MOST_DIGITS - len(f"{max(abs(value) for value, _ in numbers):.0f}")
        most = max(digits, min(_place(bars[len(bars) // 2], 1), room))
        places = range(min(0, *(_place(bar, 1) for bar in bars)), most + 1)
        place = max(0, max(places, key=lambda at: (sum(_fits(bar, at) for bar in bars), at)))
    for more in range(MORE):
        if not _alike(numbers, place + more):
            return place + more
    return place


def p_value(p: float) -> str:
    """A probability: two significant digits, "< 1e-16" where it is smaller than that."""
    return f"< {LEAST_P:.0e}" if p < LEAST_P else f"{p:.2g}"


def _fits(bar: Decimal, place: int) -> bool:
    return _place(bar, 1) <= place <= _place(bar, 2)


def _alike(numbers: Sequence[Barred], place: int) -> bool:
    """Whether two numbers that are more than their bars apart are printed as one."""
    return any(
        abs(a - b) > (bar_a or 0.0) + (bar_b or 0.0)
        and number(a, bar_a, place).value == number(b, bar_b, place).value
        for (a, bar_a), (b, bar_b) in pairwise(sorted(numbers, key=lambda each: each[0]))
    )


def _place(bar: Decimal, significant: int) -> int:
    """The decimal at which a bar above 0 has so many significant digits."""
    return significant - 1 - Decimal(f"{bar:.{significant - 1}e}").adjusted()


def _fixed(number: Decimal, places: int) -> str:
    """Rounded half to even at 10^-places; never in powers of ten, never "-0.00"."""
    if places >= 0:
        rounded = number.quantize(Decimal(1).scaleb(-places))
    else:
        rounded = number.scaleb(places).quantize(Decimal(1)).scaleb(-places)
    return f"{rounded if rounded else abs(rounded):f}"
