# Coefficients without each group, by lme4, for tests/test_influence.py. Run in this directory:
#   Rscript influence_lme4.R
#
# Written with R 4.2.2, lme4 1.1-31, Matrix 1.5-3; adaptive Gauss-Hermite quadrature with 25 nodes, the optimiser's
# tolerances tightened as in ranef_lme4.R.
#
# influence_lme4.csv  one row per group and coefficient: what influence(m, groups = ...) finds without the group; of classes
#                     in schools by Laplace's approximation, which is good there (see nested_lme4.R), and of persons
#                     and items that cross, with 40 trials for each pair
# crossed_lme4.csv    counts s of n of these persons and items

suppressPackageStartupMessages(library(lme4))

tight <- glmerControl(
  optimizer = "bobyqa", optCtrl = list(rhobeg = 0.1, rhoend = 1e-9, maxfun = 1e5), tolPwrss = 1e-9,
  check.conv.grad = .makeCC("ignore", tol = 1e-3, relTol = NULL)
)

cbpp <- read.csv("../../src/glmm_binomial/certified/cbpp.csv", colClasses = c(herd = "character", period = "character"))
bacteria <- read.csv("../../src/glmm_binomial/certified/bacteria.csv")
bacteria$trt <- relevel(factor(bacteria$trt), "placebo")
nested <- read.csv("nested_lme4.csv")
nested$label <- 6 * (nested$school - 1) + nested$class

set.seed(1)
crossed <- expand.grid(item = paste0("i", 1:6), person = paste0("p", 1:16))
of_person <- rnorm(16, sd = 0.8)
of_item <- rnorm(6, sd = 0.6)
crossed$x <- round(rnorm(96), 3)
crossed$n <- 40
crossed$s <- rbinom(96, 40, plogis(0.2 + 0.5 * crossed$x + of_person[crossed$person] + of_item[crossed$item]))
write.csv(crossed, "crossed_lme4.csv", row.names = FALSE, quote = FALSE)
of_crossed <- glmer(cbind(s, n - s) ~ x + (1 | person) + (1 | item), crossed, binomial, control = tight)

models <- list(
  list("cbpp", "herd", glmer(
    cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp, binomial, nAGQ = 25, control = tight
  )),
  list("bacteria", "ID", glmer(
    (y == "y") ~ trt + I(week > 2) + (1 | ID), bacteria, binomial, nAGQ = 25, control = tight
  )),
  list("nested", "school", glmer(
    cbind(s, n - s) ~ x + (1 | school / class), nested, binomial, control = tight
  )),
  list("nested lower", "label", glmer(
    cbind(s, n - s) ~ x + (1 | school) + (1 | label), nested, binomial, control = tight
  )),
  list("crossed", "person", of_crossed),
  list("crossed fewer", "item", of_crossed)
)
found <- NULL
for (model in models) {
  without <- influence(model[[3]], groups = model[[2]])[[paste0("fixed.effects[-", model[[2]], "]")]]
  found <- rbind(found, data.frame(
    dataset = model[[1]], group = rownames(without), coefficient = rep(seq_len(ncol(without)) - 1, each = nrow(without)),
    value = sprintf("%.9g", without)
  ))
}
write.csv(found, "influence_lme4.csv", row.names = FALSE, quote = FALSE)
