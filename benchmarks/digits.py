"""Correct digits on certified data and distance to exact posteriors: `python -m benchmarks.digits`."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.markdown import markdown_table
from glmm_binomial import fit
from glmm_binomial.certified import CertifiedData, bacteria, cbpp, contraception, vegetables

OTHER_PROGRAMS = Path(__file__).parent.parent / "tests" / "reference" / "software.csv"
OURS = "GLMM_BINOMIAL, ml"
QUANTITIES = {"coef": "coefficients", "se": "standard errors", "sigma": "SDs", "loglik": "log-likelihood"}
MOST_DIGITS = 15.0

DATA_SETS = {
    "vegetables": vegetables(),
    "cbpp": cbpp(),
    "contraception": contraception(),
    "bacteria": bacteria(),
    "contraception + urban slope": contraception(urban_slope=True),
}


def correct_digits(computed: Iterable[float], certified: object) -> str:
    """Digits of the worst entry: -log10 of the relative error, at most 15."""
    error = np.abs(np.asarray(list(computed)) / np.atleast_1d(np.asarray(certified, dtype=float)) - 1.0)
    return f"{np.minimum(-np.log10(np.maximum(error, 1e-300)), MOST_DIGITS).min():.1f}"


def digits_table() -> str:
    """Every program on every certified data set."""
    other: dict[str, dict[str, dict[str, list[float]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    with OTHER_PROGRAMS.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            other[row["data"]][row["program"]][row["quantity"]].append(float(row["value"]))
    rows = []
    for name, data in DATA_SETS.items():
        found = fit(**data.arguments, method="ml")
        ours = {
            "coef": found.coefficients,
            "se": found.std_errors,
            "sigma": found.std_devs,
            "loglik": [found.log_likelihood],
        }
        for program, values in {OURS: ours, **other[name]}.items():
            digits = [
                correct_digits(values[quantity], data.maximum_likelihood[quantity]) if quantity in values else "-"
                for quantity in QUANTITIES
            ]
            rows.append([f"{name}: {program}", *digits])
    return markdown_table(["data set: program", *QUANTITIES.values()], rows)


def posterior_table() -> str:
    """Method "vb" against the exact posterior under the same priors."""
    rows = []
    for name, data in DATA_SETS.items():
        if data.posterior is None:
            continue
        found, raw = fit(**data.arguments), fit(**data.arguments, method="mean-field")
        exact = np.asarray(data.posterior["sd"])
        rows.append(
            [
                name,
                *_against(found.coefficients, data, exact),
                _ratios(found.std_errors / exact),
                _ratios(raw.std_errors / exact),
                str(len(found.notices)),
            ]
        )
    header = [
        "data set",
        "largest distance of a coefficient, posterior SDs",
        "std_error / exact SD, vb",
        "std_error / exact SD, mean-field",
        "warnings under vb",
    ]
    return markdown_table(header, rows)


def _against(coefficients: np.ndarray, data: CertifiedData, exact: np.ndarray) -> list[str]:
    assert data.posterior is not None  # noqa: S101  the caller leaves the others out
    return [f"{np.abs((coefficients - data.posterior['mean']) / exact).max():.4f}"]


def _ratios(ratios: np.ndarray) -> str:
    return f"{ratios.min():.3f} to {ratios.max():.3f}"


def main() -> None:
    print("Correct digits of the worst entry. Other programs: as written by `Rscript software.R` in tests/reference.")
    print(f"\n{digits_table()}\n")
    print("Method vb against the exact posterior under the same priors (importance sampling).")
    print(f"\n{posterior_table()}")


if __name__ == "__main__":
    main()
