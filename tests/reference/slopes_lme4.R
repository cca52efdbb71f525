# Random slopes without random intercept by lme4's glmer with 25 nodes of adaptive Gauss-Hermite quadrature: drawn outcomes of
# 40 groups, and contraception with an effect of age that differs between districts. Writes slopes_lme4.csv, the drawn data, and
# slopes_lme4.json. Run in this directory:  Rscript slopes_lme4.R
# R 4.2.2, lme4 1.1-31 (Debian's r-cran-lme4), tolerances tightened.
suppressPackageStartupMessages(library(lme4))
tight <- glmerControl(
  optimizer = "bobyqa", optCtrl = list(rhobeg = 0.1, rhoend = 1e-9, maxfun = 1e5), tolPwrss = 1e-10,
  check.conv.grad = .makeCC("ignore", tol = 1e-3, relTol = NULL)
)
set.seed(4)
drawn <- data.frame(id = rep(1:40, each = 10), x = round(rnorm(400), 3), w = rep(rep(0:1, 20), each = 10))
u <- rnorm(40, sd = 0.8)
drawn$y <- rbinom(400, 1, plogis(0.2 + (0.5 + u[drawn$id]) * drawn$x - 0.4 * drawn$w))
write.csv(drawn, "slopes_lme4.csv", row.names = FALSE, quote = FALSE)
contraception <- read.csv("../../src/glmm_binomial/certified/contraception.csv", colClasses = c(district = "character"))
contraception$decades <- contraception$age / 10 # PIRLS fails on raw squares; the probabilities are the same
fits <- list(
  drawn = glmer(y ~ x + w + (0 + x | id), drawn, binomial, nAGQ = 25, control = tight),
  contraception = glmer((use == "Y") ~ decades + I(decades^2) + livch + urban + (0 + decades | district), contraception,
                        binomial, nAGQ = 25, control = tight)
)
number <- function(values) paste0("[", paste(format(values, digits = 12, trim = TRUE), collapse = ", "), "]")
told <- function(fit) {
  modes <- ranef(fit, condVar = TRUE)[[1]]
  groups <- order(suppressWarnings(as.integer(rownames(modes))))
  sprintf(paste0('{"coefficients": %s, "std_errors": %s, "sd": %s, "log_likelihood": %s,\n  "groups": %s,\n  "modes": %s,\n',
                 '  "conditional_sds": %s,\n  "fitted": %s, "typical": %s}'),
          number(fixef(fit)), number(sqrt(diag(as.matrix(vcov(fit))))),
          format(attr(VarCorr(fit)[[1]], "stddev"), digits = 12), format(as.numeric(logLik(fit)), digits = 12),
          paste0('["', paste(rownames(modes)[groups], collapse = '", "'), '"]'), number(modes[groups, 1]),
          number(sqrt(attr(modes, "postVar")[1, 1, ])[groups]), number(predict(fit, type = "response")[1:20]),
          number(predict(fit, re.form = NA, type = "response")[1:20]))
}
cat(sprintf('{"versions": "%s, lme4 %s",\n"drawn": %s,\n"contraception": %s}\n', R.version.string,
            as.character(packageVersion("lme4")), told(fits$drawn), told(fits$contraception)), file = "slopes_lme4.json")
