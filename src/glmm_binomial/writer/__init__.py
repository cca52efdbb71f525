"""Writes .xlsx workbooks with formulas of the worksheet functions, what they give, and charts. It needs XlsxWriter.

page.py              a sheet written from the top down, and the workbook it belongs to
style.py             how it looks: colours, cell formats, number formats
formula.py           formulas with the worksheet functions, and what they give
spill.py             the table that spills from a formula, its results stored
answer.py            the same with its notes and warnings in full above it
data_table.py        data as an Excel table
fit_table.py         the table of GLMM_BINOMIAL
fit_view.py          the same as one reads it, picked from the table by formulas
charts.py            native Excel charts
chart_numbers.py     the hidden sheet with what they draw
odds_ratio_chart.py, group_chart.py, check_chart.py
                     charts of a view, of RANEF and of CHECK
what_if.py           rows of one's own to predict
analysis_*.py        the workbook of `glmm-binomial fit --xlsx`, which is the template of examples/, sheet by sheet
"""
