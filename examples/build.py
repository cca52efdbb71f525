"""Writes the example workbooks: `python examples/build.py [FOLDER]`, into this folder unless told otherwise.

One file for each workbook:

    reference_examples.py    five formulas on six observations
    vegetables.py            250 students, 14 days each: from the data to fitted probabilities
    herds.py                 counts of new cases in 15 herds

and what they share:

    page.py          a sheet written from the top down
    cover.py         the first sheet of a workbook
    data_table.py    data as an Excel table
    fit_table.py     a table of GLMM_BINOMIAL, its results stored
    analysis.py      ordinary formulas on a fitted table
    charts.py        native Excel charts
    style.py         formats
    sources.py       the data
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
