"""Writes the example workbooks: `python examples/build.py [FOLDER]`, into this folder unless told otherwise.

One file for each workbook:

    reference_examples.py    five formulas on six observations
    vegetables/              an article in Excel, sheet by sheet: 250 students, 14 days each, from raw data to a check
    herds.py                 counts of new cases in 15 herds

and what they share:

    page.py            a sheet written from the top down
    cover.py           the first sheet of a workbook
    data_table.py      data as an Excel table
    formula.py         formulas with the worksheet functions, and what they give
    spill.py           the table that spills from a formula, its results stored
    fit_table.py       the table of GLMM_BINOMIAL
    interval_table.py  the table of GLMM_BINOMIAL_CONFINT
    analysis.py        ordinary formulas on a fitted table
    charts.py          native Excel charts
    style.py           formats
    sources.py         the data
"""

import argparse
from pathlib import Path

import herds
import reference_examples
import vegetables

WORKBOOKS = {
    "reference_examples.xlsx": reference_examples.write,
    "vegetables.xlsx": vegetables.write,
    "herds.xlsx": herds.write,
}


def main() -> None:
    """Write all workbooks."""
    parser = argparse.ArgumentParser(description="Write the example workbooks.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in WORKBOOKS.items():
        write(folder / name)
        print(folder / name)


if __name__ == "__main__":
    main()
