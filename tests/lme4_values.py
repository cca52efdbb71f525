"""Values of lme4 and performance, from reference/comparison_lme4.csv."""

from __future__ import annotations

import csv
from functools import cache

from datasets import REFERENCE

NINE_DIGITS = 2e-8
"""Relative; lme4's 25 nodes and tightened optimiser leave as much of a difference of log-likelihoods."""


@cache
def _table():
    with (REFERENCE / "comparison_lme4.csv").open(encoding="utf-8", newline="") as lines:
        return tuple(csv.DictReader(lines))


def values(data, what, term=""):
    """The numbers by their names; "NA" is None."""
    found = {
        row["name"]: None if row["value"] == "NA" else float(row["value"])
        for row in _table()
        if (row["data"], row["what"], row["term"]) == (data, what, term)
    }
    assert found, (data, what, term)
    return found


def terms(data):
    """The terms that drop1 leaves out."""
    return list(dict.fromkeys(row["term"] for row in _table() if (row["data"], row["what"]) == (data, "drop1")))
