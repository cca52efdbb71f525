"""Writes .xlsx workbooks with formulas of the worksheet functions, what they give, and charts. It needs XlsxWriter.

page.py          a sheet written from the top down, and the workbook it belongs to
style.py         how it looks: colours, cell formats, number formats
formula.py       formulas with the worksheet functions, and what they give
spill.py         the table that spills from a formula, its results stored
data_table.py    data as an Excel table
fit_table.py     the table of GLMM_BINOMIAL
charts.py        native Excel charts
analysis_*.py    the workbook of `glmm-binomial fit --xlsx`, sheet by sheet
"""
