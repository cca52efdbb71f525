"""The certified data sets as arguments of `fit` and `glmm_binomial`, with their certified values.

They are shipped with the package, so that anyone can hold their own machine against them; README.md beside the data
says where they come from.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent

Rows = list[list[Any]]


@dataclass(frozen=True, slots=True)
class CertifiedData:
    """Cells as a worksheet hands them over: lists of rows, without header rows.

    `maximum_likelihood` and `posterior` are the entries of certified.json; the names of the columns of x are
    `names` without the intercept.
    """

    y: Rows
    x: Rows
    groups: Rows
    names: tuple[str, ...]
    maximum_likelihood: dict[str, Any]
    posterior: dict[str, Any] | None = None
    x_random: Rows | None = None
    trials: Rows | None = None
    log_likelihood_is_certified: bool = True

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments; what the data set does not have is left out."""
        given = {"y": self.y, "x": self.x, "groups": self.groups, "x_random": self.x_random, "trials": self.trials}
        return {name: [list(row) for row in rows] for name, rows in given.items() if rows is not None}

    def with_headers(self) -> dict[str, Rows]:
        """The same arguments with a header row each; the columns of x carry their names."""
        headers = {"x": list(self.names[1:]), "x_random": ["slope"]}
        return {name: [headers.get(name, [name]), *rows] for name, rows in self.arguments.items()}


def vegetables() -> CertifiedData:
    """Return 3,500 rows: intercept, treat, male, treat x male; 250 students."""
    rows = _read("vegetables.csv")
    treat = [float(row["trt"] == "treat") for row in rows]
    male = [float(row["sex"] == "male") for row in rows]
    return CertifiedData(
        y=[[float(row["y"])] for row in rows],
        x=[[t, m, t * m] for t, m in zip(treat, male, strict=True)],
        groups=[[float(row["id"])] for row in rows],
        **_certified("vegetables"),
    )


def cbpp() -> CertifiedData:
    """Return 56 rows of successes and trials: intercept, periods 2, 3 and 4; 15 herds."""
    rows = _read("cbpp.csv")
    return CertifiedData(
        y=[[float(row["incidence"])] for row in rows],
        x=[[float(row["period"] == period) for period in "234"] for row in rows],
        groups=[[float(row["herd"])] for row in rows],
        trials=[[float(row["size"])] for row in rows],
        **_certified("cbpp"),
    )


def contraception(*, urban_slope: bool = False) -> CertifiedData:
    """Return 1,934 rows: intercept, age, age squared, one, two, three or more children, urban; 60 districts."""
    rows = _read("contraception.csv")
    urban = [float(row["urban"] == "Y") for row in rows]
    return CertifiedData(
        y=[[float(row["use"] == "Y")] for row in rows],
        x=[
            [float(row["age"]), float(row["age"]) ** 2, *(float(row["livch"] == n) for n in ("1", "2", "3+")), town]
            for row, town in zip(rows, urban, strict=True)
        ],
        groups=[[row["district"]] for row in rows],
        x_random=[[town] for town in urban] if urban_slope else None,
        **_certified("contraception + urban slope" if urban_slope else "contraception"),
    )


def bacteria() -> CertifiedData:
    """Return 220 rows: intercept, drug, drug+, after week 2; 50 children with text labels."""
    rows = _read("bacteria.csv")
    return CertifiedData(
        y=[[float(row["y"] == "y")] for row in rows],
        x=[
            [float(row["trt"] == "drug"), float(row["trt"] == "drug+"), float(row["week"] not in ("0", "2"))]
            for row in rows
        ],
        groups=[[row["ID"]] for row in rows],
        **_certified("bacteria"),
    )


def expanded(data: CertifiedData) -> CertifiedData:
    """Return successes and trials as rows of 0 and 1."""
    rows = [
        (outcome, x, group)
        for (successes,), (trials,), x, group in zip(data.y, data.trials or [], data.x, data.groups, strict=True)
        for outcome in [1.0] * int(successes) + [0.0] * int(trials - successes)
    ]
    return CertifiedData(
        y=[[outcome] for outcome, _, _ in rows],
        x=[list(x) for _, x, _ in rows],
        groups=[list(group) for _, _, group in rows],
        names=data.names,
        maximum_likelihood=data.maximum_likelihood,
        posterior=data.posterior,
        log_likelihood_is_certified=False,
    )


def _certified(name: str) -> dict[str, Any]:
    values = _certificate()
    names = values["maximum_likelihood"]["contraception" if name.startswith("contraception") else name]["names"]
    return {
        "names": tuple(names),
        "maximum_likelihood": values["maximum_likelihood"][name],
        "posterior": values["posterior"].get(name),
    }


@cache
def _certificate() -> dict[str, Any]:
    values: dict[str, Any] = json.loads((FOLDER / "certified.json").read_text("utf-8"))
    return values


def _read(file: str) -> list[dict[str, str]]:
    with (FOLDER / file).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
