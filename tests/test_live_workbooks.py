"""The workbooks that this project writes, opened as they are in LibreOffice with the add-in and calculated there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import glmm_binomial.certified
from calc.application import calculate, missing
from calc.comparison import HANDLE, Comparison, compare
from calc.gaps import EXAMPLES, WRITTEN_FOR
from calc.rewriting import areas_filled
from glmm_binomial.__main__ import main
from glmm_binomial.excel.functions import WORKSHEET_FUNCTIONS
from glmm_binomial.libreoffice.extension import extension
from glmm_binomial.workbook import CellError, recalculate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from calc.application import Values

pytestmark = pytest.mark.mass

EXAMPLE_FILES = {path.name: path for path in (Path(__file__).parents[1] / "examples").glob("*.xlsx")}
DATA = Path(glmm_binomial.certified.__file__).parent
FITTED = {
    "counts.xlsx": ("cbpp.csv", "incidence / size ~ C(period) + (1 | herd)", "vb"),
    "slopes.xlsx": ("contraception.csv", "usey ~ age + urban + (1 + age | district)", "ml"),
    "no predictors.xlsx": ("bacteria.csv", "y ~ 1 + (1 | ID)", "vb"),
}
"""What `glmm-binomial fit --xlsx` is asked for."""

NAMES = [*EXAMPLE_FILES, *FITTED]


class Live:
    """LibreOffice's version, its values of each workbook, and their comparison with those of `recalculate`.

    The latter are the stored ones but for last digits, which are not the same on every computer.
    """

    def __init__(self, workbooks: Mapping[str, Path], folder: Path) -> None:
        for name, path in workbooks.items():
            recalculate(path, WORKSHEET_FUNCTIONS, trust="stored").write(folder / f"recalculated {name}")
        answer = calculate(list(workbooks.values()), extension())
        self.version = answer.version
        self.values: Mapping[str, Values] = dict(zip(workbooks, answer.workbooks, strict=True))
        self.comparisons: Mapping[str, Comparison] = {
            name: compare(
                folder / f"recalculated {name}", areas_filled(path), self.values[name], EXAMPLES.get(name, {})
            )
            for name, path in workbooks.items()
        }


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Live:
    """Calculate all of them in one LibreOffice."""
    lacking = missing()
    if lacking is not None:
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("live")
    for name, (source, formula, method) in FITTED.items():
        assert main(["fit", str(DATA / source), formula, "--method", method, "--xlsx", str(folder / name)]) == 0
    return Live(EXAMPLE_FILES | {name: folder / name for name in FITTED}, folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_workbook_calculates_in_libreoffice_what_it_does_without(live, name):
    comparison = live.comparisons[name]
    assert comparison.unexplained == []
    assert comparison.equal[float] > 50
    assert comparison.equal[str] > 50


@pytest.mark.parametrize("name", NAMES)
def test_no_cell_shows_an_error_in_libreoffice(live, name):
    assert {place: value for place, value in live.values[name].items() if isinstance(value, CellError)} == {}


@pytest.mark.parametrize("name", sorted({*NAMES} - {"reference_examples.xlsx"}))
def test_its_models_were_made_there(live, name):
    handles = {value for value in live.values[name].values() if HANDLE.fullmatch(str(value))}
    assert handles
    # a stored one is numbered from 1
    assert all(len(handle) > len("GLMM@99") for handle in handles)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_named_gap_is_still_there(live, name):
    if not live.version.startswith(WRITTEN_FOR):
        pytest.skip(f"the gaps are those of LibreOffice {WRITTEN_FOR}x, this is {live.version}")
    assert live.comparisons[name].unseen == ()
