"""A formula proposed for a table, from what its columns hold: something to start from, not a choice of a model."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MOST_PREDICTORS = 4
MOST_LEVELS = 8
"""Of a column of text that is proposed as a predictor."""

LEAST_GROUPS = 5
LONGEST = 255
"""Characters that Excel's input box takes."""

PLAIN_NAME = re.compile(r"[^\W\d]\w*(?:\.\w+)*")
GROUP_NAME = re.compile(
    r"(?:^|[\W_])(?:id|subject|participant|patient|person|child|pupil|student|class|school|hospital|clinic|cent(?:er|re)|"
    r"site|ward|family|herd|farm|litter|village|district|team|group|cluster)(?:$|[\W_])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    values: Sequence[object]
    """Those that are not missing."""

    @property
    def distinct(self) -> int:
        return len(set(self.values))

    @property
    def holds_numbers(self) -> bool:
        return all(isinstance(value, int | float) for value in self.values)

    @property
    def holds_counts(self) -> bool:
        return all(isinstance(value, int | float) and float(value).is_integer() and value >= 0 for value in self.values)

    @property
    def repeats(self) -> bool:
        """Whether its values are labels of groups: several, most of them more than once."""
        labels = self.holds_counts or not self.holds_numbers
        return labels and LEAST_GROUPS <= self.distinct <= len(self.values) / 2

    def says(self, other: "_Column") -> bool:
        """Whether it holds the same in other words."""
        pairs = set(zip(self.values, other.values, strict=False))
        return len(pairs) == self.distinct == other.distinct

    @property
    def varies(self) -> bool:
        return self.distinct > 1 and (self.holds_numbers or self.distinct <= MOST_LEVELS)

    @property
    def written(self) -> str:
        """The name as a formula has it."""
        return self.name if PLAIN_NAME.fullmatch(self.name) else f"`{self.name}`"


def proposed_formula(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Propose a formula: a response of two values or a pair of counts, groups, and some of the other columns.

    Parameters
    ----------
    header
        The names of the columns.
    rows
        Numbers, texts and truth values; anything else is missing.
    """
    columns = [
        _Column(name, [row[i] for row in rows if isinstance(row[i], str | int | float) and row[i] != ""])
        for i, name in enumerate(header)
    ]
    response = _response(columns)
    others = [
        column for column in columns if column not in response and not any(column.says(each) for each in response)
    ]
    group = _group(others)
    predictors = [column.written for column in others if column is not group and column.varies][:MOST_PREDICTORS]
    left = " / ".join(column.written for column in response) or "outcome"
    right = f"(1 | {'group' if group is None else group.written})"
    while predictors and len(_formula(left, predictors, right)) > LONGEST:
        predictors.pop()
    return _formula(left, predictors or ["1"], right)


def _formula(left: str, predictors: Sequence[str], right: str) -> str:
    return f"{left} ~ {' + '.join(predictors)} + {right}"


def _response(columns: Sequence[_Column]) -> list[_Column]:
    for column in columns:
        if column.distinct == 2 and set(column.values) == {0, 1}:  # noqa: PLR2004 - a failure and a success
            return [column]
    counts = [column for column in columns if column.holds_counts and column.distinct > 1]
    for successes in counts:
        for trials in counts:
            pairs = list(zip(successes.values, trials.values, strict=False))
            if successes is not trials and all(_number(few) <= _number(many) for few, many in pairs):
                return [successes, trials]
    return [column for column in columns if column.distinct == 2][:1]  # noqa: PLR2004


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _group(columns: Iterable[_Column]) -> _Column | None:
    """The column that looks most like labels of groups: by its name, then text, then by how many there are."""
    found = [column for column in columns if column.repeats or (GROUP_NAME.search(column.name) and column.distinct > 1)]
    return max(
        found,
        key=lambda column: (bool(GROUP_NAME.search(column.name)), not column.holds_numbers, column.distinct),
        default=None,
    )
