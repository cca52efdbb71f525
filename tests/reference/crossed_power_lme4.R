# Power of x in a study of 30 persons and 8 items, by lme4's own simulated studies, for tests/test_study_kinds.py. Run in
# this directory:
#   Rscript crossed_power_lme4.R
#
# Written with R 4.2.2, lme4 1.1-31. crossed_power_lme4.csv: in how many of how many studies p of Wald's test is below .05.

suppressPackageStartupMessages(library(lme4))
set.seed(3)
study <- expand.grid(item = 1:8, person = 1:30)
study$x <- (seq_len(240) - 1) %% 2
p <- replicate(500, {
  of_person <- rnorm(30)
  of_item <- rnorm(8, sd = 0.7)
  study$y <- rbinom(240, 1, plogis(0.5 * study$x + of_person[study$person] + of_item[study$item]))
  fit <- suppressMessages(suppressWarnings(glmer(y ~ x + (1 | person) + (1 | item), study, binomial)))
  coef(summary(fit))["x", 4]
})
write.csv(data.frame(significant = sum(p < 0.05), simulations = length(p)), "crossed_power_lme4.csv", row.names = FALSE)
