"""The arguments of functions that simulate a study from numbers that are given."""

from __future__ import annotations

from typing import Final

from glmm_binomial.worksheet.entries import Argument

TRIALS: Final = Argument(
    "trials",
    "range",
    "How many trials each row stands for, one column of whole numbers or one number for all; successes are then drawn. "
    "Empty: every row is one trial.",
    None,
)

TRUTH: Final = (
    Argument("x", "range", "Predictors: numbers, any number of columns, with a header row or without."),
    Argument(
        "groups",
        "range",
        "Which group each row belongs to, one column of whole numbers or text, with a header if x has one; or two "
        "columns, such as school and class or person and item. A label is the same group wherever it stands.",
    ),
    Argument(
        "coefficients",
        "range",
        "The true coefficients, log odds ratios, in a row or a column: the intercept first, then one for each "
        "column of x.",
    ),
    Argument(
        "std_devs",
        "range",
        "The true SDs between groups, in logits: of the intercept; or of it and of the slope of each column of x, 0 "
        "for none; or a square of these with correlations off the diagonal. With two columns of groups that of each.",
    ),
)
"""A model whose numbers are given."""

STUDY: Final = (
    Argument(
        "test",
        "value",
        "The column of x whose coefficient is tested: its name in the header row, or x1, x2 ... without one.",
    ),
    Argument(
        "n_groups",
        "value",
        "How many groups the study shall have, one number or a range of them; the groups of x are taken again and "
        "again, those of the first column where a second crosses them. Empty: as many as x has.",
        None,
    ),
    Argument("alpha", "value", "Level of the test, between 0 and 1; 0.05 by default.", 0.05),
    Argument(
        "n_sim",
        "value",
        "How many studies are simulated for each number of groups, a whole number up to 10000; 200 by default.",
        None,
    ),
)
"""What is tested in it, and how often it is simulated."""
