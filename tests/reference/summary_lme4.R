# Summaries as lme4 prints them, for tests/test_report.py. Run in this directory:
#   Rscript summary_lme4.R > summary_lme4.txt
#
# Written with R 4.2.2, lme4 1.1-31, Matrix 1.5-3; adaptive Gauss-Hermite quadrature with 25 nodes, the optimiser's
# tolerances tightened as in residuals_lme4.R.

suppressPackageStartupMessages(library(lme4))

tight <- glmerControl(
  optimizer = "bobyqa", optCtrl = list(rhobeg = 0.1, rhoend = 1e-9, maxfun = 1e5), tolPwrss = 1e-9,
  check.conv.grad = .makeCC("ignore", tol = 1e-3, relTol = NULL)
)

vegetables <- read.csv("../../src/glmm_binomial/certified/vegetables.csv")
cbpp <- read.csv("../../src/glmm_binomial/certified/cbpp.csv", colClasses = c(herd = "character", period = "character"))
bacteria <- read.csv("../../src/glmm_binomial/certified/bacteria.csv")
bacteria$trt <- relevel(factor(bacteria$trt), "placebo")

print(summary(glmer(y ~ trt * sex + (1 | id), vegetables, family = binomial, nAGQ = 25, control = tight)))
print(summary(glmer(
  cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp, family = binomial, nAGQ = 25, control = tight
)))
print(summary(glmer((y == "y") ~ trt + I(week > 2) + (1 | ID), bacteria, family = binomial, nAGQ = 25, control = tight)))
