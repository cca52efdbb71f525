# Fitted values and Pearson residuals of lme4, for tests/test_residuals.py. Run in this directory:
#   Rscript residuals_lme4.R
#
# Written with R 4.2.2, lme4 1.1-31, Matrix 1.5-3; adaptive Gauss-Hermite quadrature with 25 nodes, the optimiser's
# tolerances tightened as in ranef_lme4.R.
#
# residuals_lme4.csv  one row per row of the data: fitted(m) and residuals(m, type = "pearson")

suppressPackageStartupMessages(library(lme4))

tight <- glmerControl(
  optimizer = "bobyqa", optCtrl = list(rhobeg = 0.1, rhoend = 1e-9, maxfun = 1e5), tolPwrss = 1e-9,
  check.conv.grad = .makeCC("ignore", tol = 1e-3, relTol = NULL)
)

cbpp <- read.csv("../../src/glmm_binomial/certified/cbpp.csv", colClasses = c(herd = "character", period = "character"))
bacteria <- read.csv("../../src/glmm_binomial/certified/bacteria.csv")
bacteria$trt <- relevel(factor(bacteria$trt), "placebo")

models <- list(
  list("cbpp", cbpp, cbind(incidence, size - incidence) ~ period + (1 | herd)),
  list("bacteria", bacteria, (y == "y") ~ trt + I(week > 2) + (1 | ID))
)
found <- NULL
for (model in models) {
  m <- glmer(model[[3]], model[[2]], family = binomial, nAGQ = 25, control = tight)
  pearson <- residuals(m, type = "pearson")
  found <- rbind(found, data.frame(
    dataset = model[[1]], row = seq_along(pearson),
    fitted = sprintf("%.10g", fitted(m)), pearson = sprintf("%.10g", pearson)
  ))
  # "Scaled residuals" of summary(m), for tests/test_check.py
  cat(model[[1]], sprintf("%.8g", quantile(residuals(m, type = "pearson", scaled = TRUE))), "\n")
}
write.csv(found, "residuals_lme4.csv", row.names = FALSE, quote = FALSE)
