# Profile intervals of lme4, confint(m, method = "profile"), for tests/test_profile_likelihood.py.
# Run in this directory:  Rscript confint_lme4.R
#
# Written with R 4.2.2, lme4 1.1-31, Matrix 1.5-3. nAGQ 1 is Laplace's approximation, lme4's default and the only one it
# has for random slopes; 25 is adaptive Gauss-Hermite quadrature with 25 nodes. A limit that lme4 did not find is NA.
# Age is in decades, since lme4 fails on raw squares.

suppressPackageStartupMessages(library(lme4))

tight <- glmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e5), tolPwrss = 1e-9,
                      check.conv.grad = .makeCC("ignore", tol = 1e-3, relTol = NULL))
read <- function(file) read.csv(file.path("../../src/glmm_binomial/certified", file), stringsAsFactors = TRUE)
vegetables <- read("vegetables.csv")
cbpp <- read("cbpp.csv")
cbpp$period <- factor(cbpp$period)
contraception <- read("contraception.csv")
contraception$decades <- contraception$age / 10
contraception$town <- as.numeric(contraception$urban == "Y")
contraception$livch <- relevel(contraception$livch, "0")
bacteria <- read("bacteria.csv")
bacteria$trt <- relevel(bacteria$trt, "placebo")
bacteria$late <- as.numeric(bacteria$week > 2)

models <- list(
  vegetables = list(y ~ trt * sex + (1 | id), vegetables),
  cbpp = list(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp),
  contraception = list(usey ~ decades + I(decades^2) + livch + town + (1 | district), contraception),
  "contraception + urban slope" =
    list(usey ~ decades + I(decades^2) + livch + town + (1 | district) + (0 + town | district), contraception),
  bacteria = list(as.numeric(y == "y") ~ trt + late + (1 | ID), bacteria)
)

rows <- list()
for (name in names(models)) {
  formula <- models[[name]][[1]]
  for (nodes in if (grepl("contraception", name)) 1 else c(1, 25)) {
    fitted <- glmer(formula, models[[name]][[2]], family = binomial, nAGQ = nodes, control = tight)
    limits <- suppressWarnings(confint(fitted, method = "profile", oldNames = FALSE, quiet = TRUE))
    cat(name, nodes, "\n")
    estimates <- c(as.data.frame(VarCorr(fitted))$sdcor, fixef(fitted))
    rows[[length(rows) + 1]] <- data.frame(
      data = name, nAGQ = nodes, parameter = rownames(limits), estimate = estimates,
      lower = limits[, 1], upper = limits[, 2], row.names = NULL)
  }
}
table <- do.call(rbind, rows)
for (column in c("estimate", "lower", "upper")) table[[column]] <- sprintf("%.10g", table[[column]])
write.csv(table, "confint_lme4.csv", row.names = FALSE, quote = TRUE)
