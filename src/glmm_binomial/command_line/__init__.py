"""The commands of `glmm-binomial`, one file each, and what they share.

    arguments.py      what was typed -> what is asked for, or a sentence
    console.py        what is printed, tables in aligned columns, exit codes
    progress.py       what is being done and for how long
    fit.py            glmm-binomial fit
    fit_output.py     the table it prints
    fit_workbook.py   the workbook it writes
    delimited.py      a file of delimited text -> its cells, as text
    typed_cells.py    cells of text -> numbers, truth values and texts
    recalc.py         glmm-binomial recalc
    recalc_output.py  what it prints
    libreoffice.py    glmm-binomial libreoffice
    selftest.py       glmm-binomial selftest

Nothing heavy is imported before a command has begun, so `--help` is quick.
"""
