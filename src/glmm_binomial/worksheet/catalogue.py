"""Every worksheet function, once: its name, its arguments with their defaults and help, and what answers it.

Registration in Excel, the functions from Python, the reference tables of the documentation and the tests of messages
and of hostile input all read it. It imports nothing heavy, since Excel reads it while it starts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from glmm_binomial.worksheet.entries import Argument, WorksheetFunction
from glmm_binomial.worksheet.study_arguments import STUDY, TRIALS, TRUTH

LONGEST_HELP: Final = 250
"""Excel cuts help texts at 255 characters."""

METHOD: Final = Argument(
    "method",
    "value",
    'How to fit: "vb" (the default) by the exact Bayesian posterior, "ml" by maximum likelihood, "mean-field" by the '
    "variational approximation alone, whose standard errors are too small.",
    "vb",
)
ALPHA: Final = Argument(
    "alpha",
    "value",
    "One minus the confidence level of the intervals, between 0 and 1. The default 0.05 gives 95 % intervals, 0.1 "
    "gives 90 %.",
    0.05,
)
MODEL_ARGUMENTS: Final = (
    Argument(
        "y",
        "range",
        "Outcomes, one column: 1 (or TRUE) for a success, 0 (or FALSE) for a failure. With trials: the number of "
        "successes in each row.",
    ),
    Argument(
        "x",
        "range",
        "Predictors: any number of columns of numbers; skipped: none. If the first row is all text, it is a header "
        "row: its names appear in the table, and y, groups, x_random and trials must then have one too.",
        may_be_skipped=True,
    ),
    Argument(
        "groups",
        "range",
        "Which group each row belongs to (patient, school, herd), one column of whole numbers or text. Each distinct "
        "label is one group.",
    ),
    Argument(
        "x_random",
        "range",
        "Random slopes: the columns whose effect differs from group to group. Empty: a random intercept only, which is "
        "always in the model. A lone TRUE or FALSE here is taken for fit_intercept.",
        None,
    ),
    Argument(
        "fit_intercept",
        "value",
        "TRUE (the default) puts a fixed intercept into the model, FALSE leaves it out.",
        True,
    ),
    ALPHA,
    METHOD,
    Argument(
        "trials",
        "range",
        "How many trials each row stands for, one column of whole numbers or one number for all rows; y then holds the "
        "successes. Empty: every row is one trial.",
        None,
    ),
)
MODEL: Final = Argument(
    "model",
    "model",
    "A cell that holds a model, made by GLMM_BINOMIAL_MODEL or GLMM_BINOMIAL_FORMULA; or such a formula itself.",
)
MOST_MODELS: Final = 12
MODELS: Final = (
    replace(MODEL, gathered_in="models"),
    Argument("model2", "model", "A cell that holds the model to compare with the one before.", gathered_in="models"),
    *(
        Argument(
            f"model{number}",
            "model",
            "A cell that holds another model, compared with the one before. A blank cell is passed over.",
            None,
            gathered_in="models",
        )
        for number in range(3, MOST_MODELS + 1)
    ),
)
"""As many as anybody compares, each by its own name: PyXLL and Excel then know all of them."""

N_SIM: Final = Argument(
    "n_sim",
    "value",
    "How many simulations, a whole number up to 10000. The default is 1 for GLMM_BINOMIAL_SIMULATE and _GENERATE, 250 "
    "for GLMM_BINOMIAL_RESIDUALS, also as a picture, 200 for GLMM_BINOMIAL_CHECK and GLMM_BINOMIAL_PLOT.",
    None,
)
SEED: Final = Argument(
    "seed",
    "value",
    "Where the random numbers start, a whole number of 0 or more; 1 by default. The same seed gives the same digits at "
    "every recalculation.",
    None,
)
DATA: Final = Argument("data", "range", "The table, with a header row: columns of numbers or text.")

FUNCTIONS: Final = (
    WorksheetFunction(
        "GLMM_BINOMIAL",
        MODEL_ARGUMENTS,
        "Fit a mixed-effects logistic regression to 0/1 outcomes of repeated or clustered observations. Spills a "
        "table: coefficients, standard errors, p-values, intervals, odds ratios, variance components, log-likelihood,"
        " AIC, BIC.",
        "answers.table:fitted_table",
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_MODEL",
        MODEL_ARGUMENTS,
        "Fit a mixed-effects logistic regression and keep the model in the cell, to be asked by GLMM_BINOMIAL_TABLE, "
        "GLMM_BINOMIAL_PREDICT and so on. The arguments are those of GLMM_BINOMIAL.",
        "estimation.fitted_model:fit_ranges",
        answer="model",
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_FORMULA",
        (
            DATA,
            Argument(
                "formula",
                "value",
                'The model in the notation of lme4: "cured ~ drug * sex + (1 | patient)". Columns of text become '
                'factors; "successes / trials ~ ..." for counts.',
            ),
            METHOD,
            ALPHA,
            Argument(
                "missing",
                "value",
                'What to do with rows in which a column of the formula is missing: "omit" (the default) leaves them '
                'out and says how many, "refuse" names them and fits nothing.',
                "omit",
            ),
        ),
        "Fit a mixed-effects logistic regression to a table with headers and keep the model in the cell, to be asked "
        "by GLMM_BINOMIAL_TABLE, GLMM_BINOMIAL_PREDICT and so on.",
        "estimation.fitted_model:fit_formula",
        answer="model",
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_TABLE",
        (MODEL,),
        "Show the table of a model, with coefficients, standard errors, p-values, intervals, odds ratios, variance "
        "components, log-likelihood, AIC and BIC.",
        "answers.table:table",
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_PREDICT",
        (
            MODEL,
            Argument(
                "new_data",
                "range",
                "The rows to predict. Model of a formula: a table with headers, columns in any order. Model of ranges: "
                "the columns of x, with a header row if x has one. Empty: the rows of the fit.",
                None,
            ),
            Argument(
                "new_groups",
                "range",
                "The group of each new row, one column of labels. A group of the fit brings its own estimated effect;"
                " any other label is a new group, with effects at zero.",
                None,
            ),
            Argument(
                "new_x_random",
                "range",
                "Model of ranges with random slopes: the columns of x_random for the new rows.",
                None,
            ),
            Argument(
                "alpha",
                "value",
                "One minus the confidence level of the intervals, between 0 and 1; that of the model unless given.",
                None,
            ),
        ),
        "Predict probabilities from a model. Spills a row for each new row, with the probability of a typical or of "
        "the named group, its interval, and the average over the population of groups with its own.",
        "answers.predict:predict",
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_RANEF",
        (MODEL,),
        "List the random effects of every group of a model. Spills one row per group and effect: estimate, standard "
        "deviation and interval.",
        "answers.ranef:random_effects",
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_CONFINT",
        (
            MODEL,
            Argument(
                "parameter",
                "value",
                "The name of one parameter as the table shows it, or a range of names; all of them unless given.",
                None,
            ),
        ),
        "Compute profile-likelihood intervals of coefficients, odds ratios and standard deviations of a model. They "
        "stand beside Wald's intervals, or beside those of the posterior.",
        "answers.confint:profile_intervals",
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_CONTRAST",
        (
            MODEL,
            Argument(
                "by",
                "value",
                'Factors of the formula: "trt", "trt * sex" for all combinations, "trt | sex" for the levels of trt '
                "within each of sex. Model of ranges: a range of rows of x with a label in front.",
            ),
            Argument(
                "compare",
                "value",
                '"pairwise" (the default), "first": each level with the first, "sequential": with the one before it, '
                '"none": probabilities of the levels; or a range of weights, one for each level.',
                "pairwise",
            ),
            Argument(
                "scale",
                "value",
                '"odds ratio" (the default) of a typical group; "difference" or "ratio" of probabilities averaged over '
                "the population of groups.",
                "odds ratio",
            ),
            Argument(
                "adjust",
                "value",
                'How p is adjusted for the number of contrasts: "holm" (the default), "bonferroni", "none", or "tukey" '
                'for pairs of a model fitted by "ml".',
                "holm",
            ),
        ),
        "Compare levels of factors as R's emmeans does. Spills one row for each contrast: odds ratio, or difference or "
        "ratio of probabilities, with test and interval; or one for each level with its probability.",
        "answers.contrast:contrast",
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_MARGINS",
        (
            MODEL,
            Argument(
                "columns",
                "value",
                "The name of one variable or a range of names: columns of the table of a formula, or of x; all of them "
                "unless given.",
                None,
            ),
        ),
        "Average the effect of each variable on the probability over the rows and the population of groups. Spills "
        "risk differences (slopes for numbers), risk ratios and numbers needed to treat, with intervals.",
        "answers.margins:margins",
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_COMPARE",
        MODELS,
        "Compare models of the same data. Spills one row per model, with log-likelihood, AIC, BIC and Akaike weight, "
        "and the likelihood-ratio test against the one before where one of the two is nested in the other.",
        "answers.compare:compare",
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_TERMS",
        (MODEL,),
        "Leave out each term of a model in turn, the random effects too, and test it by the likelihood ratio. Spills "
        "one row per term; a term stays while an interaction holds it.",
        "answers.terms:terms",
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_QUALITY",
        (MODEL,),
        "Measure how well a model describes its data. Spills deviance, R2, intraclass correlation and median odds "
        "ratio with intervals, AUC, Brier score, calibration, and Pearson's chi-square over its df.",
        "answers.quality:quality",
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_SIMULATE",
        (MODEL, N_SIM, SEED),
        "Simulate new outcomes from a model, with new random effects. Spills one column per simulation under a header "
        "row.",
        "answers.simulate:simulate",
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_CHECK",
        (MODEL, N_SIM, SEED),
        "Check whether a model simulates proportions like those observed. Spills one row per distinct row of x, or per "
        "bin of fitted probability when these are many; then quartiles and tests of the residuals.",
        "answers.check:check",
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_RESIDUALS",
        (MODEL, N_SIM, SEED),
        "List the residuals of a model. Spills one row per row of data: group, fitted probability, Pearson residual, "
        "and the quantile of the outcome among simulated ones.",
        "answers.residuals:residuals",
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_INFLUENCE",
        (
            MODEL,
            Argument(
                "left_out",
                "value",
                "Of two kinds of groups the name of those that are left out in turn. Of groups in groups those above, "
                'such as "school" (the default), or the lower ones, "school:class"; of groups that cross either.',
                None,
            ),
        ),
        "Show what a model owes to each of its groups. Spills one row per group: Cook's distance, the change of every "
        "coefficient without the group, in standard errors, and which coefficients are significant only with or "
        "without it.",
        "answers.influence:influence",
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_PLOT",
        (
            MODEL,
            Argument(
                "kind",
                "value",
                '"check" (the default): observed among simulated proportions; "forest": odds ratios; "caterpillar": '
                'groups; "effect": each variable against the probability; "calibration"; "roc"; "residuals".',
                "check",
            ),
            N_SIM,
            SEED,
        ),
        "Draw a picture of a model under the cell. The cell shows the picture in words.",
        "answers.plot:plot",
        thread_safe=False,
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_REPORT",
        (
            MODEL,
            Argument(
                "style",
                "value",
                '"table" (the default) of odds ratios for a journal, "summary" as lme4 prints it, "covariance", '
                '"sentence" for the results section, "equation", "latex"; or code that refits the model: "R", "Stata", '
                '"SAS", "Python".',
                "table",
            ),
            Argument(
                "decimal",
                "value",
                'The mark before the decimals in texts: "." (the default) or ",". Numbers in cells follow Excel, code '
                "has points.",
                ".",
            ),
        ),
        "Report a model as a table or a sentence to be printed, lme4's summary, the covariance of the coefficients, an "
        "equation, or code for R, Stata, SAS or Python that fits it again, with the digits to expect.",
        "answers.report:report",
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_DESIGN",
        (
            DATA,
            Argument(
                "formula",
                "value",
                'Which columns: "trt * sex" with their interaction, "log(dose)", "C(trt, Treatment(""treat""))" to '
                "choose the reference level; or the formula of a model, of which the fixed effects count.",
            ),
            Argument(
                "new_data",
                "range",
                "A table of new rows, to be coded by the levels, means and standard deviations of data.",
                None,
            ),
        ),
        "Show how a formula codes columns of numbers and text, ready to be the x of GLMM_BINOMIAL. Spills a header row "
        "and one row per row of data.",
        "answers.design:design",
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_GENERATE",
        (
            *TRUTH,
            TRIALS,
            N_SIM,
            SEED,
        ),
        "Draw outcomes of a model whose coefficients and standard deviations you give. Spills one column per "
        "simulation under a header row, ready to be the y of GLMM_BINOMIAL.",
        "answers.generate:generate",
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_POWER",
        (
            *TRUTH,
            *STUDY,
            SEED,
            TRIALS,
        ),
        "Simulate studies of a model whose numbers you give, fit each by maximum likelihood, and count how often a "
        "coefficient is significant by Wald's test. Spills one row for each number of groups.",
        "answers.power:power",
    ),
    WorksheetFunction(
        "GLMM_BINOMIAL_SELFTEST",
        (),
        "Fit certified data sets on this computer and show how many digits agree. Spills one row for each certified "
        "number, then the versions of what computed them.",
        "certified.selftest:selftest",
    ),
)

BY_NAME: Final = {function.name: function for function in FUNCTIONS}
BY_PYTHON_NAME: Final = {function.python_name: function for function in FUNCTIONS}
