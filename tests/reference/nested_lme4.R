# Counts of pupils in classes of schools, and the model of both by lme4's glmer, whose Laplace approximation is good here: every
# class has 100 trials. Writes nested_lme4.csv and nested_lme4.json. R 4.2.2, lme4 1.1-31 (Debian's r-cran-lme4).
library(lme4)
set.seed(1)
data <- expand.grid(x = c(0, 1), class = 1:6, school = 1:20)
w <- rnorm(20, sd = 0.7)
u <- rnorm(120, sd = 0.5)
label <- (data$school - 1) * 6 + data$class
data$n <- 50
data$s <- rbinom(240, 50, plogis(-0.3 + 0.6 * data$x + w[data$school] + u[label]))
write.csv(data, "nested_lme4.csv", row.names = FALSE, quote = FALSE)
fit <- glmer(cbind(s, n - s) ~ x + (1 | school / class), data, binomial,
             control = glmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10)))
modes <- ranef(fit)
number <- function(values) paste0("[", paste(format(values, digits = 12), collapse = ", "), "]")
cat(sprintf('{"coefficients": %s, "std_errors": %s, "sds": %s, "log_likelihood": %s, "schools": %s, "classes": %s}\n',
            number(fixef(fit)), number(sqrt(diag(as.matrix(vcov(fit))))),
            number(c(attr(VarCorr(fit)$school, "stddev"), attr(VarCorr(fit)$`class:school`, "stddev"))),
            format(as.numeric(logLik(fit)), digits = 12),
            number(modes$school[["(Intercept)"]]),
            number(modes$`class:school`[order(as.integer(sub(".*:", "", rownames(modes$`class:school`))),
                                               as.integer(sub(":.*", "", rownames(modes$`class:school`)))), 1])),
    file = "nested_lme4.json")
cat(R.version.string, as.character(packageVersion("lme4")), "\n")
