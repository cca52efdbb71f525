"""Excel computes cells in several threads at once: the digits are those of one thread, bit for bit.

Nor does it matter what was computed before.
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, product
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest

import datasets
from glmm_binomial.answers.plot import KINDS
from glmm_binomial.estimation import fitting
from glmm_binomial.excel.functions import WORKSHEET_FUNCTIONS
from glmm_binomial.observations import METHODS
from glmm_binomial.workbook import recalculate
from simulated import draw

pytestmark = pytest.mark.mass

THREADS = 8
OPTIONS = ({"alpha": 0.05}, {"alpha": 0.1, "fit_intercept": False})
MODELS = (
    *("y ~ dose * sex + (1 | id)", "y ~ dose + (dose || id)", "y ~ dose + (0 + dose | id)"),
    "y ~ sex + offset(dose) + (1 | id)",
)
NESTED = "y ~ dose + (1 | school/class)"
CROSSED = "y ~ dose + (1 | school) + (1 | item)"
FORMULAS = ("dose", "dose * sex", "C(sex)", "log(dose) + sex", "0 + sex", "scale(dose):sex", "I(dose**2)", "sex - 1")


@dataclass(frozen=True)
class Cell:
    """A formula in a cell: a worksheet function and its arguments by name."""

    function: str
    arguments: dict[str, Any]

    def compute(self) -> list[list[float | bool | str]]:
        """The answer; a cell among the arguments is a model to be made first."""
        arguments = {
            name: WORKSHEET_FUNCTIONS[given.function](**given.arguments) if isinstance(given, Cell) else given
            for name, given in self.arguments.items()
        }
        return WORKSHEET_FUNCTIONS[self.function](**arguments)


def column(values: np.ndarray) -> list[list[Any]]:
    return [[value] for value in values.tolist()]


def drawn(seed: int, **shape: Any) -> dict[str, Any]:
    """A small data set as a worksheet hands it over."""
    y, x, groups, x_random = draw(seed, **shape)
    slopes = {"x_random": x_random.tolist()} if x_random.shape[1] else {}
    return {"y": column(y), "x": x.tolist(), "groups": column(groups.astype(float)), **slopes}


def data_sets() -> list[dict[str, Any]]:
    return [
        dict(datasets.bacteria().arguments),
        dict(datasets.cbpp().arguments),
        drawn(1),
        drawn(2, groups=40, size=5, sd=2.0),
        drawn(3, groups=15, size=8, slopes=1),
        drawn(4, groups=6, size=30),
    ]


def worksheet() -> list[Cell]:
    """Two hundred cells and more, no two of them alike."""
    cells = []
    for data, method, option in product(data_sets(), METHODS, OPTIONS):
        fitted = {**data, **option, "method": method}
        model = {"model": Cell("GLMM_BINOMIAL_MODEL", fitted)}
        new = {"new_data": data["x"], "new_groups": data["groups"], "new_x_random": data.get("x_random")}
        cells += [
            Cell("GLMM_BINOMIAL", fitted),
            Cell("GLMM_BINOMIAL_TABLE", model),
            Cell("GLMM_BINOMIAL_RANEF", model),
            Cell("GLMM_BINOMIAL_PREDICT", {**model, **new}),
            Cell("GLMM_BINOMIAL_SIMULATE", {**model, "n_sim": 3, "seed": 7}),
            Cell("GLMM_BINOMIAL_CHECK", {**model, "n_sim": 100}),
        ]
    cells += [
        Cell("GLMM_BINOMIAL_CONFINT", {"model": Cell("GLMM_BINOMIAL_MODEL", {**data, **option})})
        for data, option in product(data_sets(), OPTIONS)
    ]
    study = [["y", "dose", "sex", "id"], *([row % 2, row * 7 % 5, "mf"[row * 3 % 2], row % 9] for row in range(60))]
    for formula in MODELS:
        model = {"model": Cell("GLMM_BINOMIAL_FORMULA", {"data": study, "formula": formula})}
        cells += [Cell("GLMM_BINOMIAL_TABLE", model), Cell("GLMM_BINOMIAL_PREDICT", {**model, "new_data": study[:9]})]
    draw = random.Random(0)
    pupils = [
        [
            int(draw.random() < (0.2, 0.5, 0.8)[row // 20 % 3] * (1.2, 0.6)[row // 5 % 2]),
            row * 7 % 5,
            row // 20,
            row // 5,
        ]
        for row in range(120)
    ]
    nested = {"data": [["y", "dose", "school", "class"], *pupils], "formula": NESTED, "method": "ml"}
    cells += [
        Cell(f"GLMM_BINOMIAL_{name}", {"model": Cell("GLMM_BINOMIAL_FORMULA", nested)})
        for name in ("TABLE", "RANEF", "INFLUENCE")
    ]
    for method in ("vb", "ml"):
        crossed = {
            "data": [
                ["y", "dose", "school", "item"],
                *([*row[:3], f"i{place % 4}"] for place, row in enumerate(pupils)),
            ],
            "formula": CROSSED,
            "method": method,
        }
        cells += [
            Cell(f"GLMM_BINOMIAL_{name}", {"model": Cell("GLMM_BINOMIAL_FORMULA", crossed)})
            for name in ("TABLE", "RANEF", "PREDICT")
        ]
    model = {"model": Cell("GLMM_BINOMIAL_FORMULA", {"data": study, "formula": "y ~ dose * sex + (1 | id)"})}
    cells += [
        Cell("GLMM_BINOMIAL_CONTRAST", {**model, "by": "sex", "scale": scale}) for scale in ("ratio", "odds ratio")
    ]
    cells += [Cell(f"GLMM_BINOMIAL_{name}", model) for name in ("MARGINS", "QUALITY", "RESIDUALS", "INFLUENCE")]
    smaller = Cell("GLMM_BINOMIAL_FORMULA", {"data": study, "formula": "y ~ dose + sex + (1 | id)"})
    cells.append(Cell("GLMM_BINOMIAL_COMPARE", {**model, "model2": smaller}))
    # in the study the sexes are separated, so that a likelihood has no maximum
    cells.append(Cell("GLMM_BINOMIAL_TERMS", {"model": Cell("GLMM_BINOMIAL_MODEL", data_sets()[0])}))
    cells += [Cell("GLMM_BINOMIAL_REPORT", {**model, "style": style}) for style in ("table", "R", "summary")]
    truth = {"x": [[float(row % 5)] for row in range(40)], "groups": [[row // 4] for row in range(40)]}
    cells.append(
        Cell("GLMM_BINOMIAL_GENERATE", {**truth, "coefficients": [[0.5], [-0.3]], "std_devs": 0.8, "n_sim": 3})
    )
    study = {**truth, "coefficients": [[0.5], [-0.3]], "std_devs": 0.8, "test": "x1"}
    cells.append(Cell("GLMM_BINOMIAL_POWER", {**study, "n_groups": [[8, 15]], "n_sim": 9}))
    table = [["dose", "sex"], *([float(dose), "mf"[dose % 2]] for dose in range(1, 40))]
    return cells + [Cell("GLMM_BINOMIAL_DESIGN", {"data": table, "formula": formula}) for formula in FORMULAS]


def compute_alone(cells: list[Cell]) -> list[list[list[float | bool | str]]]:
    """The answers of all cells, computed one after the other, each from its data and none from the cache."""
    answers = []
    for cell in cells:
        fitting.fit_cache.clear()
        answers.append(cell.compute())
    fitting.fit_cache.clear()
    return answers


def compute_together(cells: list[Cell]) -> list[list[list[float | bool | str]]]:
    """The answers of all cells, computed in eight threads that begin at the same moment."""
    together = Barrier(min(THREADS, len(cells)))
    with ThreadPoolExecutor(THREADS, initializer=together.wait) as threads:
        return list(threads.map(Cell.compute, cells))


def differing(cells: list[Cell], answers: list[Any], others: list[Any]) -> list[str]:
    """Names of the cells that do not show the same; numbers are compared as they are, not approximately."""
    return [
        f"{position}: {cell.function}, {cell.arguments.get('method')}"
        for position, (cell, answer, other) in enumerate(zip(cells, answers, others, strict=True))
        if answer != other
    ]


@pytest.fixture(scope="module")
def cells():
    return worksheet()


@pytest.fixture(scope="module")
def alone(cells):
    return compute_alone(cells)


def test_the_worksheet_has_two_hundred_different_cells_of_all_functions_with_a_table_in_each(cells, alone):
    assert len(cells) >= 200
    assert len({repr(cell) for cell in cells}) == len(cells)
    # a picture is drawn in Excel's main thread
    without_cells = {"GLMM_BINOMIAL_PLOT", "GLMM_BINOMIAL_SELFTEST", "GLMM_BINOMIAL_MODEL", "GLMM_BINOMIAL_FORMULA"}
    assert {cell.function for cell in cells} == set(WORKSHEET_FUNCTIONS) - without_cells
    assert all(len(answer) > 1 for answer in alone)


def test_eight_threads_give_the_digits_of_one_from_an_empty_cache(cells, alone):
    fitting.fit_cache.clear()
    assert not differing(cells, compute_together(cells), alone)


def test_eight_threads_give_the_digits_of_one_from_a_cache_that_others_fill_and_empty(cells, alone):
    # more fits than the cache keeps: what one thread finds there, another may just be pushing out
    assert len(data_sets()) * len(METHODS) * len(OPTIONS) > fitting.CACHED_FITS
    fitting.fit_cache.clear()
    compute_together(cells)
    assert not differing(cells[::-1], compute_together(cells[::-1]), alone[::-1])


def test_the_same_cell_in_eight_threads_at_once_shows_the_same(cells, alone):
    for position in (0, 3, 4):
        fitting.fit_cache.clear()
        assert compute_together([cells[position]] * THREADS) == [alone[position]] * THREADS


def test_a_picture_in_the_main_thread_and_tables_in_the_others_do_not_disturb_each_other(cells, alone):
    models = [Cell("GLMM_BINOMIAL_MODEL", data) for data in data_sets()]
    pictures = [
        Cell("GLMM_BINOMIAL_PLOT", {"model": model, "kind": kind, "n_sim": 50})
        for model, kind in zip(models, cycle(KINDS), strict=False)
    ]
    described = [picture.compute() for picture in pictures]
    fitting.fit_cache.clear()
    with ThreadPoolExecutor(THREADS) as threads:
        answers = threads.map(Cell.compute, cells[:60])
        assert [picture.compute() for picture in pictures] == described
        assert not differing(cells[:60], list(answers), alone[:60])


def test_twenty_thousand_rows_give_the_digits_of_one_thread_in_eight():
    # from some size on BLAS divides a product among threads of its own, and rounds each part by itself
    generator = np.random.default_rng(9)
    rows, groups = 20_000, 400
    group, x = generator.integers(0, groups, rows), generator.normal(size=(rows, 12))
    eta = -0.3 + 0.3 * x.sum(axis=1) + generator.normal(size=groups)[group]
    y = (generator.random(rows) < 1.0 / (1.0 + np.exp(-eta))).astype(float)
    data = {"y": y, "x": x, "groups": group}
    cells = [Cell("GLMM_BINOMIAL", {**data, "method": method}) for method in METHODS]
    model = {"model": Cell("GLMM_BINOMIAL_MODEL", data)}
    cells += [Cell(f"GLMM_BINOMIAL_{name}", model) for name in ("RANEF", "CHECK", "SIMULATE")]
    cells += [Cell("GLMM_BINOMIAL", {**data, "x": x[:, :6], "method": method}) for method in ("vb", "ml")]
    alone = compute_alone(cells)
    assert not differing(cells, compute_together(cells), alone)


def test_a_workbook_recalculated_twice_is_byte_for_byte_the_same_from_an_empty_cache_and_from_a_full_one():
    example = Path(__file__).parent.parent / "examples" / "reference_examples.xlsx"
    first = recalculate(example, WORKSHEET_FUNCTIONS).content
    assert recalculate(example, WORKSHEET_FUNCTIONS).content == first
    fitting.fit_cache.clear()
    assert recalculate(example, WORKSHEET_FUNCTIONS).content == first
