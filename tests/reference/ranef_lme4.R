# Conditional modes, their conditional SDs and fitted probabilities of lme4, for tests/test_prediction.py and
# tests/test_random_effects.py. Run in this directory:  Rscript ranef_lme4.R
#
# Written with R 4.2.2, lme4 1.1-31, Matrix 1.5-3. The optimiser's tolerances are tightened: with lme4's defaults the SD of
# the random effects is good to two or three digits only. nagq 25 is adaptive Gauss-Hermite quadrature with 25 nodes, 1
# is Laplace's approximation, the only one lme4 has for random slopes.
#
# ranef_lme4.csv          one row per group and effect: conditional mode, conditional SD (sqrt of postVar)
# ranef_lme4_predict.csv  the first row of each group in the data file: predict(m, re.form = NA) and predict(m), both
#                         of type "response"

suppressPackageStartupMessages(library(lme4))

tight <- glmerControl(
  optimizer = "bobyqa", optCtrl = list(rhobeg = 0.1, rhoend = 1e-9, maxfun = 1e5), tolPwrss = 1e-9,
  check.conv.grad = .makeCC("ignore", tol = 1e-3, relTol = NULL)
)

vegetables <- read.csv("../../src/glmm_binomial/certified/vegetables.csv")
cbpp <- read.csv("../../src/glmm_binomial/certified/cbpp.csv", colClasses = c(herd = "character", period = "character"))
contraception <- read.csv("../../src/glmm_binomial/certified/contraception.csv", colClasses = c(district = "character"))
contraception$decades <- contraception$age / 10 # PIRLS fails on raw squares; the probabilities are the same
contraception$urban <- as.numeric(contraception$urban == "Y")
bacteria <- read.csv("../../src/glmm_binomial/certified/bacteria.csv")
bacteria$trt <- relevel(factor(bacteria$trt), "placebo")

models <- list(
  list("vegetables", vegetables, "id", y ~ trt * sex + (1 | id), 25),
  list("cbpp", cbpp, "herd", cbind(incidence, size - incidence) ~ period + (1 | herd), 25),
  list("contraception", contraception, "district",
       (use == "Y") ~ decades + I(decades^2) + livch + urban + (1 | district), 25),
  list("contraception + urban slope", contraception, "district",
       (use == "Y") ~ decades + I(decades^2) + livch + urban + (1 | district) + (0 + urban | district), 1),
  list("bacteria", bacteria, "ID", (y == "y") ~ trt + I(week > 2) + (1 | ID), 25)
)

effects <- probabilities <- NULL
for (model in models) {
  data <- model[[2]]
  for (nagq in model[[5]]) {
    m <- glmer(model[[4]], data, family = binomial, nAGQ = nagq, control = tight)
    modes <- as.data.frame(ranef(m, condVar = TRUE))
    effect <- ifelse(modes$term == "(Intercept)", "intercept", as.character(modes$term))
    effects <- rbind(effects, data.frame(
      dataset = model[[1]], nagq = nagq, group = modes$grp, effect = effect,
      mode = sprintf("%.8g", modes$condval), sd = sprintf("%.8g", modes$condsd)
    ))
    first <- which(!duplicated(data[[model[[3]]]]))
    probabilities <- rbind(probabilities, data.frame(
      dataset = model[[1]], nagq = nagq, row = first, group = data[[model[[3]]]][first],
      at_zero = sprintf("%.8g", predict(m, re.form = NA, type = "response")[first]),
      at_mode = sprintf("%.8g", predict(m, type = "response")[first])
    ))
    cat(model[[1]], nagq, "fixed", signif(fixef(m), 7), "sd", signif(sqrt(unlist(VarCorr(m))), 7), "\n")
  }
}
write.csv(effects, "ranef_lme4.csv", row.names = FALSE, quote = FALSE)
write.csv(probabilities, "ranef_lme4_predict.csv", row.names = FALSE, quote = FALSE)
