# Power by a simulation of lme4's own, for tests/test_power.py. Run in this directory, some minutes:
#   Rscript power_lme4.R
#
# Written with R 4.2.2, lme4 1.1-31, Matrix 1.5-3; adaptive Gauss-Hermite quadrature with 10 nodes.
#
# Groups of ten rows, treated in turn; x2 is 0, .1 ... .9 within each. Coefficients -1, .8 and 1, SD 1.
# power_lme4.csv  groups, term, and in how many of the simulated studies |z| of summary(m) is above 1.96

suppressPackageStartupMessages(library(lme4))
set.seed(20)

simulations <- 1000
found <- NULL
for (groups in c(20, 40)) {
  study <- data.frame(group = rep(seq_len(groups), each = 10))
  study$x1 <- (study$group - 1) %% 2
  study$x2 <- rep(0:9, groups) / 10
  z <- replicate(simulations, {
    study$y <- rbinom(10 * groups, 1, plogis(-1 + 0.8 * study$x1 + study$x2 + rnorm(groups)[study$group]))
    m <- suppressWarnings(suppressMessages(glmer(y ~ x1 + x2 + (1 | group), study, binomial, nAGQ = 10)))
    coef(summary(m))[, "z value"]
  })
  significant <- rowSums(abs(z) > qnorm(0.975))
  found <- rbind(found, data.frame(groups, term = c("x1", "x2"), simulations, significant = significant[c("x1", "x2")]))
}
write.csv(found, "power_lme4.csv", row.names = FALSE, quote = FALSE)
