# Models with offsets by lme4's glmer with 25 nodes of adaptive Gauss-Hermite quadrature, their predictions for new rows, and
# emmeans of one of them. Writes offset_lme4.csv, the drawn data, and offset_lme4.json. Run in this directory:
# Rscript offset_lme4.R
# R 4.2.2, lme4 1.1-31, emmeans 1.8.4 (Debian's r-cran-lme4 and r-cran-emmeans), tolerances tightened.
suppressPackageStartupMessages({library(lme4); library(emmeans)})
tight <- glmerControl(
  optimizer = "bobyqa", optCtrl = list(rhobeg = 0.1, rhoend = 1e-9, maxfun = 1e5), tolPwrss = 1e-10,
  check.conv.grad = .makeCC("ignore", tol = 1e-3, relTol = NULL)
)
set.seed(6)
data <- data.frame(id = rep(1:40, each = 9), x = round(rnorm(360), 3), w = round(rnorm(360, sd = 0.7), 3),
                   time = round(exp(rnorm(360, mean = 1, sd = 0.8)), 2), trt = rep(c("a", "b", "c"), 120))
u <- rnorm(40, sd = 0.9)
v <- rnorm(40, sd = 0.8)
logit <- -1.2 + (0.5 + v[data$id]) * data$x + 0.6 * (data$trt == "b") - 0.3 * (data$trt == "c") + log(data$time) + u[data$id]
data$y <- rbinom(360, 1, plogis(logit))
data$s <- rbinom(360, 6, plogis(logit))
write.csv(data, "offset_lme4.csv", row.names = FALSE, quote = FALSE)
new <- data.frame(x = c(0, 1), w = c(0, -1), time = c(1, 10), trt = c("b", "c"), id = 7)
fits <- list(
  intercepts = glmer(y ~ x + trt + offset(log(time)) + (1 | id), data, binomial, nAGQ = 25, control = tight),
  slopes = glmer(y ~ x + offset(log(time)) + offset(w) + (0 + x | id), data, binomial, nAGQ = 25, control = tight),
  counts = glmer(cbind(s, 6 - s) ~ x + offset(log(time)) + (1 | id), data, binomial, nAGQ = 25, control = tight),
  no_intercept = glmer(y ~ 0 + x + offset(log(time / 3)) + (1 | id), data, binomial, nAGQ = 25, control = tight)
)
number <- function(values) paste0("[", paste(format(unname(values), digits = 12, trim = TRUE), collapse = ", "), "]")
told <- function(fit) {
  modes <- ranef(fit)[[1]]
  sprintf('{"coefficients": %s, "std_errors": %s, "sd": %s, "log_likelihood": %s,\n  "modes": %s,\n  "new": %s, "typical": %s}',
          number(fixef(fit)), number(sqrt(diag(as.matrix(vcov(fit))))),
          format(attr(VarCorr(fit)[[1]], "stddev"), digits = 12), format(as.numeric(logLik(fit)), digits = 12),
          number(modes[order(as.integer(rownames(modes))), 1]), number(predict(fit, new, type = "response")),
          number(predict(fit, new, re.form = NA, type = "response")))
}
means <- summary(emmeans(fits$intercepts, ~trt, type = "response"))
pairs <- summary(pairs(emmeans(fits$intercepts, ~trt, type = "response"), adjust = "none"))
cat(sprintf('{"versions": "%s, lme4 %s, emmeans %s",\n"intercepts": %s,\n"slopes": %s,\n"counts": %s,\n"no_intercept": %s,\n', R.version.string,
            as.character(packageVersion("lme4")), as.character(packageVersion("emmeans")), told(fits$intercepts),
            told(fits$slopes), told(fits$counts), told(fits$no_intercept)),
    sprintf('"emmeans": {"probabilities": %s, "std_errors": %s, "odds_ratios": %s}}\n', number(means$prob), number(means$SE),
            number(pairs$odds.ratio)), sep = "", file = "offset_lme4.json")
