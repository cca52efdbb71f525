"""vegetables.xlsx: 250 students, 14 days each, did they eat vegetables? An article of the analysis, sheet by sheet.

study.py              the records, the ranges of formulas, the article's results
data_sheets.py        Data, Making data
fit_sheet.py          Fit, Summary
odds_ratio_sheet.py   Odds ratios
contrast_sheet.py     Contrasts
probability_sheet.py  Probabilities
group_sheets.py       Random effects, Students
check_sheets.py       Simulations, Check, Wrong model
facets.py             the picture of 100 simulations
"""

from pathlib import Path

from cover import Cover, write_cover
from example_report import new_example
from glmm_binomial.writer.chart_numbers import ChartNumbers
from vegetables.check_sheets import write_check_sheet, write_simulations, write_wrong_model
from vegetables.contrast_sheet import write_contrast_sheet
from vegetables.data_sheets import write_data_sheet, write_making_sheet
from vegetables.fit_sheet import write_fit_sheet, write_summary_sheet
from vegetables.group_sheets import write_group_sheets
from vegetables.odds_ratio_sheet import write_odds_ratio_sheet
from vegetables.probability_sheet import write_probability_sheet
from vegetables.study import ARTICLE, COLUMNS, count_days, read_study

COVER = Cover(
    title="Who eats vegetables?",
    subtitle="A binomial mixed model of 3,500 daily records from 250 students, from raw data to a check of the model",
    sections={
        "Question": "Does the treatment make students eat vegetables on more days, women as much as men?",
        "Data": (
            "250 students were assigned to a treatment or to a control group. On each of 14 days it was recorded "
            "whether a student ate vegetables (y = 1) or not (y = 0). The 14 records of a student are not "
            "independent of each other. The article simulated the data."
        ),
        "Model": (
            "Logistic regression of y on treatment, sex and their interaction, with a random intercept for each "
            "student: students may differ in how often they eat vegetables for reasons that the data do not show."
        ),
        "Answer": (
            "The treatment raises the odds of a vegetable day about ninefold among women and a little less than "
            "threefold among men. That is from 42 to 87 % of days for women, and from 28 to 51 % for men. A model that "
            "leaves the interaction out fails its check."
        ),
        "The article": (
            "Each sheet repeats a step of the article in Excel and says in the line The article what is reported "
            "there. The article was computed with R's lme4, which estimates by maximum likelihood; so wherever numbers "
            'are compared, the formulas ask for that with "ml". lme4 approximates the likelihood by Laplace\'s method '
            "and these formulas integrate it numerically, which makes a difference in the third or fourth digit."
        ),
    },
    columns={column.name: column.meaning for column in COLUMNS},
    sheets={
        "Data": "The raw records as an Excel table, treatment and sex as text and, by ordinary formulas, as 0 and 1.",
        "Making data": "GLMM_BINOMIAL_DESIGN and _GENERATE: text coded as 0 and 1, and outcomes drawn anew.",
        "Fit": "GLMM_BINOMIAL_FORMULA, _REPORT and _TABLE: the model in one cell, its equation, odds ratios and table.",
        "Summary": "GLMM_BINOMIAL_REPORT: the model as lme4 prints it.",
        "Odds ratios": "GLMM_BINOMIAL_CONFINT: each term as an odds ratio, with profile and Wald intervals.",
        "Contrasts": "GLMM_BINOMIAL_CONTRAST, _MARGINS and _REPORT: treatment within each sex, and in probabilities.",
        "Probabilities": "GLMM_BINOMIAL_PREDICT: probabilities for women and men with and without treatment, and for "
        "students.",
        "Random effects": "How much students differ, with the interval of their standard deviation; a chart of all.",
        "Students": "GLMM_BINOMIAL_RANEF: the random effect of each student.",
        "Simulations": "GLMM_BINOMIAL_SIMULATE: 100 data sets simulated from the model, and 100 from a wrong one.",
        "Check": "GLMM_BINOMIAL_CHECK: simulated beside observed proportions; the model passes in all four patterns.",
        "Wrong model": "The same for a model without interaction, which fails in all four; GLMM_BINOMIAL_COMPARE.",
    },
    sources=(
        f"{ARTICLE}. The data are simulated there by R code; the published numbers were computed with lme4 in R.",
    ),
)


def write(path: Path) -> None:
    """Write the workbook."""
    study = read_study()
    counts, numbers = count_days(study), ChartNumbers()
    with new_example(path, COVER.title) as report:
        write_cover(report, COVER)
        write_data_sheet(report, study)
        write_making_sheet(report, study)
        model, fit = write_fit_sheet(report, numbers, study)
        write_summary_sheet(report, model)
        intervals = write_odds_ratio_sheet(report, study, model, fit)
        write_contrast_sheet(report, model)
        write_probability_sheet(report, numbers, study=study, model=model, fit=fit)
        write_group_sheets(report, numbers, model=model, fit=fit, intervals=intervals)
        right, wrong = write_simulations(report, counts)
        write_check_sheet(report, numbers, study=study, counts=counts, model=model, simulated=right)
        write_wrong_model(report, numbers, study=study, counts=counts, right=model, simulated=wrong)
        numbers.write(report)
