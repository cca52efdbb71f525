"""Writes the example workbooks: `python examples/build.py [FOLDER]`, into this folder unless told otherwise.

One file for each workbook:

    template.py              analysis.xlsx: paste a table, change one formula, everything follows
    vegetables/              an article in Excel, sheet by sheet: 250 students, 14 days each, from raw data to a check
    herds.py                 counts of new cases in 15 herds
    reference_examples.py    five formulas on six observations

and what they share, beside the package's own `glmm_binomial.writer`:

    example_report.py  the workbook itself
    cover.py           the first sheet of a workbook
    interval_table.py  the table of GLMM_BINOMIAL_CONFINT
    analysis.py        ordinary formulas on a fitted table
    sources.py         the data
"""

import argparse
from pathlib import Path

import herds
import reference_examples
import template
import vegetables

WORKBOOKS = {
    "analysis.xlsx": template.write,
    "vegetables.xlsx": vegetables.write,
    "herds.xlsx": herds.write,
    "reference_examples.xlsx": reference_examples.write,
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
