"""How several things, and a random effect, are named in a sentence."""

from __future__ import annotations

MOST_LISTED = 5
LONGEST_SHOWN = 40


def shortened(text: str) -> str:
    """The beginning of a text that is too long for a sentence."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


def listed(items: list[str], *, between: str = ", ", last: str = " and ") -> str:
    """The first few items, and how many more there are."""
    if len(items) > MOST_LISTED:
        items = [*items[:MOST_LISTED], f"{len(items) - MOST_LISTED} more"]
    return items[0] if len(items) == 1 else f"{between.join(items[:-1])}{last}{items[-1]}"


def effect_in_words(name: str) -> str:
    """A random effect as it stands in a sentence, after "the random"."""
    group, of_group, _ = name.rpartition(": intercept")
    if of_group:
        return f"intercept of {group}"
    return name if name == "intercept" else f"slope of {name}"
