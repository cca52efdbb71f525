"""Numbers as they are printed: as journals have them, with a decimal point or comma, and as R prints them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FEWEST_DECIMALS: Final = 2
MOST_DECIMALS: Final = 8
TOO_LARGE, TOO_SMALL = 1e7, 1e-7
"""In size, beyond which a number is printed with a power of ten."""

SMALLEST_P: Final = 0.001
SMALLEST_FIXED_P: Final = 1e-4
R_EPSILON: Final = 2.220446049250313e-16
"""R prints a p below the first with a power of ten, and below the second as < 2e-16."""


@dataclass(frozen=True, slots=True)
class Printer:
    """Prints numbers for people.

    Attributes
    ----------
    mark : {".", ","}
        Before the decimals.
    """

    mark: str

    def with_mark(self, text: str) -> str:
        """A text that holds one number, with its decimal mark."""
        return text.replace(".", self.mark)

    def all_with_mark(self, texts: Iterable[str]) -> list[str]:
        """Texts that hold one number each, with their decimal marks."""
        return [self.with_mark(text) for text in texts]

    def sentence(self, text: str) -> str:
        """A sentence with numbers that have decimal points, and commas between thousands."""
        if self.mark == ".":
            return text
        spaced = re.sub(r"(?<=\d),(?=\d{3}\b)", "\N{NO-BREAK SPACE}", text)
        whole = re.sub(r"(?<![\w.])\.(?=\d)", "0.", spaced)
        return re.sub(r"(?<=\d)\.(?=\d)", self.mark, whole)

    def decimal(self, value: float, decimals: int = FEWEST_DECIMALS) -> str:
        """A number with so many decimals; with a power of ten where it is enormous or next to nothing."""
        if not math.isfinite(value):
            return "beyond all numbers"
        if value and not TOO_SMALL < abs(value) < TOO_LARGE:
            return self.with_mark(f"{value:.2e}")
        text = f"{value:.{decimals}f}"
        return self.with_mark(text.removeprefix("-") if float(text) == 0.0 else text)

    def share(self, value: float, decimals: int = FEWEST_DECIMALS) -> str:
        """A number that cannot exceed 1: without the zero before a decimal point."""
        text = self.decimal(value, decimals)
        return text.replace("0.", ".", 1) if self.mark == "." and abs(value) < 1.0 else text

    def p_value(self, p: float) -> str:
        """As journals have it: three decimals, or less than .001."""
        if p < SMALLEST_P:
            return f"< {self.share(SMALLEST_P, 3)}"
        return self.share(p, 3) if f"{p:.3f}" != "1.000" else f"> {self.share(0.999, 3)}"

    def p_in_words(self, p: float) -> str:
        """The same in a sentence: p < .001, or p = .032."""
        text = self.p_value(p)
        return f"p {text}" if text[0] in "<>" else f"p = {text}"

    def count(self, number: int) -> str:
        """A number of things, by thousands."""
        return f"{number:,}" if self.mark == "." else f"{number:,}".replace(",", "\N{NO-BREAK SPACE}")

    def percent(self, alpha: float) -> str:
        """The confidence level, such as 95 %."""
        return f"{self.with_mark(f'{100.0 * (1.0 - alpha):.10g}')} %"


def decimals_between(lower: float, upper: float) -> int:
    """How many decimals tell two limits apart: two digits of their difference, and no fewer than two decimals."""
    width = upper - lower
    if not (math.isfinite(width) and width > 0.0):
        return FEWEST_DECIMALS
    return min(max(FEWEST_DECIMALS, 1 - math.floor(math.log10(width))), MOST_DECIMALS)


def decimals_of(value: float) -> int:
    """How many decimals show two digits of a number, and no fewer than two decimals."""
    return decimals_between(0.0, abs(value))


# as R prints them ----------------------------------------------------------------------------------------------------


def as_r_prints(values: Sequence[float], digits: int) -> list[str]:
    """What R's `format(values, digits = digits)` gives, without the spaces.

    All have the decimals that show so many significant digits of each, those that are zero everywhere left out; or all
    have a power of ten, where that is shorter.
    """
    if not values:
        return []
    powers, significant = zip(*(_power_and_digits(value, digits) for value in values), strict=True)
    decimals = max(0, *(count - power - 1 for power, count in zip(powers, significant, strict=True)))
    is_negative = any(value < 0.0 for value in values)
    left = max((value < 0.0) + max(1, power + 1) for value, power in zip(values, powers, strict=True))
    in_mantissa = max(significant) - 1
    exponent = 5 if max(map(abs, powers)) >= 100 else 4  # noqa: PLR2004  e+100
    if left + (decimals > 0) + decimals <= is_negative + 1 + (in_mantissa > 0) + in_mantissa + exponent:
        return [f"{value:.{decimals}f}" for value in values]
    return [f"{value:.{in_mantissa}e}" for value in values]


def _power_and_digits(value: float, digits: int) -> tuple[int, int]:
    """The power of ten of a number rounded to so many digits, and how many of these are left without final zeros."""
    mantissa, _, power = f"{abs(value):.{digits - 1}e}".partition("e")
    return int(power), max(1, len(mantissa.replace(".", "").rstrip("0")))


def p_values_as_r_prints(p_values: Sequence[float], digits: int) -> list[str]:
    """What R's `format.pval` gives: those below .0001 by themselves, with a power of ten."""
    texts: dict[int, str] = {}
    told = [place for place, p in enumerate(p_values) if p >= R_EPSILON]
    for is_small in (False, True):
        places = [place for place in told if (p_values[place] < SMALLEST_FIXED_P) == is_small]
        texts |= dict(zip(places, as_r_prints([p_values[place] for place in places], digits), strict=True))
    return [texts.get(place, "< 2e-16") for place in range(len(p_values))]


def coefficients_as_r_prints(
    estimates: Sequence[float], std_errors: Sequence[float], digits: int
) -> tuple[list[str], list[str]]:
    """Estimates and standard errors as R's `printCoefmat` has them: with the decimals of the smallest of all."""
    sizes = [abs(number) for number in (*estimates, *std_errors) if number and math.isfinite(number)]
    smallest = 1 + math.floor(math.log10(min(sizes))) if sizes else 1
    decimals = max(1, digits - smallest)
    texts = as_r_prints([round(number, decimals) for number in (*estimates, *std_errors)], digits)
    return texts[: len(estimates)], texts[len(estimates) :]
