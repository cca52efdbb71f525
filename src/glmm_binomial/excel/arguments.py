"""What Excel's function wizard says about each argument: one text for all worksheet functions that share it."""

from collections.abc import Mapping
from typing import Final

# Excel cuts help texts at 255 characters.
LONGEST_HELP: Final = 250

ARGUMENT_HELP: Final[Mapping[str, str]] = {
    "y": (
        "Outcomes, one column: 1 (or TRUE) for a success, 0 (or FALSE) for a failure. "
        "With trials: the number of successes in each row."
    ),
    "x": (
        "Predictors: numbers, any number of columns, as many rows as y. If the first row is all text, it is a header "
        "row: its names appear in the table, and y, groups, x_random and trials must then have one too."
    ),
    "groups": (
        "Which group each row belongs to (patient, school, herd), one column of whole numbers or text. "
        "Each distinct label is one group."
    ),
    "x_random": (
        "Random slopes: the columns whose effect differs from group to group. Empty: a random intercept only, which is "
        "always in the model. A lone TRUE or FALSE here is taken for fit_intercept."
    ),
    "fit_intercept": "TRUE (the default) puts a fixed intercept into the model, FALSE leaves it out.",
    "alpha": (
        "One minus the confidence level of the intervals, between 0 and 1. "
        "The default 0.05 gives 95 % intervals, 0.1 gives 90 %."
    ),
    "method": (
        'How to fit: "vb" (the default) by variational Bayes, "ml" by maximum likelihood, "mean-field" as "vb" but '
        "with the standard errors of the mean-field approximation, which are too small."
    ),
    "trials": (
        "How many trials each row stands for, one column of whole numbers; y then holds the successes. "
        "Empty: every row is one trial."
    ),
    "data": (
        "The table to code, with a header row: columns of numbers or text. Columns of text become columns of 0 and 1, "
        "one for each level but the first in sorted order."
    ),
    "formula": (
        'Which columns, in Wilkinson notation: "trt + sex", "trt * sex" with their interaction, "log(dose)", '
        '"C(trt, Treatment(""treat""))" to choose the reference level.'
    ),
    "new_x": (
        "The rows to predict: the same columns as x, in the same order, with the same header row if x has one. "
        "One row is enough."
    ),
    "new_groups": (
        "The group of each new row, one column of labels. A group of the fit brings its own estimated effect; any "
        "other label is a new group, with effects at zero. Empty: effects at zero."
    ),
    "new_x_random": "The columns of x_random for the new rows. Needed when x_random is given, and only then.",
    "n_sim": (
        "How many simulations, a whole number up to 10000. The default is 1 for GLMM_BINOMIAL_SIMULATE and "
        "200 for GLMM_BINOMIAL_CHECK and GLMM_BINOMIAL_PLOT."
    ),
    "seed": (
        "Where the random numbers start, a whole number of 0 or more; 1 by default. The same seed gives the same "
        "digits at every recalculation."
    ),
}
