# Contrasts of emmeans on fits of lme4, for tests/test_contrast.py. Run in this directory:  Rscript contrast_emmeans.R
#
# The fits are by adaptive Gauss-Hermite quadrature with 25 nodes, the optimiser's tolerances tightened as in
# ranef_lme4.R; vcov() of lme4 is by finite differences of its deviance and good to three or four digits. The versions of
# R and the packages are written into contrast_emmeans.json, which holds what summary() of emmeans shows, not rounded.

suppressPackageStartupMessages({library(lme4); library(emmeans); library(jsonlite)})

tight <- glmerControl(
  optimizer = "bobyqa", optCtrl = list(rhobeg = 0.1, rhoend = 1e-9, maxfun = 1e5), tolPwrss = 1e-9,
  check.conv.grad = .makeCC("ignore", tol = 1e-3, relTol = NULL)
)
fit <- function(formula, data) glmer(formula, data, family = binomial, nAGQ = 25, control = tight)

folder <- "../../src/glmm_binomial/certified/"
vegetables <- read.csv(paste0(folder, "vegetables.csv"))
cbpp <- read.csv(paste0(folder, "cbpp.csv"), colClasses = c(herd = "character"))
contraception <- read.csv(paste0(folder, "contraception.csv"), colClasses = c(district = "character"))
contraception$decades <- contraception$age / 10
contraception$city <- as.numeric(contraception$urban == "Y")
bacteria <- read.csv(paste0(folder, "bacteria.csv"))

models <- list(
  vegetables = fit(y ~ trt * sex + (1 | id), vegetables),
  cbpp = fit(cbind(incidence, size - incidence) ~ factor(period) + (1 | herd), cbpp),
  contraception = fit((use == "Y") ~ livch * city + decades + I(decades^2) + (1 | district), contraception),
  bacteria = fit((y == "y") ~ trt + week + (1 | ID), bacteria)
)
ways <- list(
  pairwise = function(m) pairs(m), first = function(m) contrast(m, "trt.vs.ctrl1"),
  sequential = function(m) contrast(m, "consec"),
  weights = function(m) contrast(m, list(trend = c(-3, -1, 1, 3)))
)
cases <- list(
  list("vegetables", "trt", "pairwise", "none"), list("vegetables", "trt * sex", "pairwise", "tukey"),
  list("vegetables", "trt * sex", "pairwise", "holm"), list("vegetables", "trt | sex", "pairwise", "holm"),
  list("vegetables", "sex | trt", "first", "none"),
  list("cbpp", "period", "pairwise", "tukey"), list("cbpp", "period", "pairwise", "bonferroni"),
  list("cbpp", "period", "sequential", "holm"), list("cbpp", "period", "first", "holm"),
  list("cbpp", "period", "weights", "none"),
  list("contraception", "livch", "pairwise", "tukey"), list("contraception", "livch | city", "pairwise", "holm"),
  list("contraception", "city", "pairwise", "none"), list("contraception", "city | livch", "sequential", "holm"),
  list("bacteria", "trt", "pairwise", "holm"), list("bacteria", "trt", "first", "bonferroni")
)
data_of <- list(vegetables = vegetables, cbpp = cbpp, contraception = contraception, bacteria = bacteria)
means <- function(model, by) emmeans(models[[model]], by, data = data_of[[model]])
number <- function(column) as.numeric(sprintf("%.10g", column))
contrasts <- lapply(cases, function(case) {
  by <- as.formula(paste("~", case[[2]]))
  found <- ways[[case[[3]]]](means(case[[1]], by))
  # on the logit scale, since emmeans 1.8.4 fails to bring some weights back
  shown <- as.data.frame(summary(found, infer = c(TRUE, TRUE), type = "link", adjust = "none"))
  p <- as.data.frame(summary(found, infer = c(FALSE, TRUE), type = "link", adjust = case[[4]]))$p.value
  odds_ratio <- exp(shown$estimate)
  list(
    model = case[[1]], by = case[[2]], compare = case[[3]], adjust = case[[4]], label = as.character(shown$contrast),
    estimate = number(odds_ratio), std_error = number(odds_ratio * shown$SE), z_statistic = number(shown$z.ratio),
    p_value = number(shown$p.value), p_adjusted = number(p), ci_lower = number(exp(shown$asymp.LCL)),
    ci_upper = number(exp(shown$asymp.UCL))
  )
})
levels <- lapply(unique(lapply(cases, `[`, 1:2)), function(case) {
  shown <- as.data.frame(summary(means(case[[1]], as.formula(paste("~", case[[2]]))), type = "response"))
  list(
    model = case[[1]], by = case[[2]], probability = number(if (is.null(shown$prob)) shown$response else shown$prob), std_error = number(shown$SE),
    ci_lower = number(shown$asymp.LCL), ci_upper = number(shown$asymp.UCL)
  )
})
versions <- c(R = as.character(getRversion()), sapply(c("lme4", "emmeans", "Matrix"), function(p) as.character(packageVersion(p))))
write_json(list(versions = as.list(versions), contrasts = contrasts, levels = levels), "contrast_emmeans.json",
           auto_unbox = TRUE, digits = NA, pretty = TRUE)
