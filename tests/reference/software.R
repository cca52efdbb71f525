# What other programs print for the certified data sets, with their default settings, for docs/validation.md.
# Run in this directory:  Rscript software.R
#
# Written with R 4.2.2, lme4 1.1-31 (Laplace, its default, and nAGQ = 25), glmmTMB 1.1.5 (Laplace). A program that
# stops with an error has no rows. Warnings about convergence are not shown here; lme4 gives them for contraception.

suppressPackageStartupMessages({library(lme4); library(glmmTMB)})

folder <- "../../src/glmm_binomial/certified"
read <- function(name) read.csv(file.path(folder, paste0(name, ".csv")), stringsAsFactors = FALSE)
v <- read("vegetables"); v$treat <- as.numeric(v$trt == "treat"); v$male <- as.numeric(v$sex == "male")
cb <- read("cbpp"); cb$period <- factor(cb$period)
co <- read("contraception"); co$y <- as.numeric(co$use == "Y"); co$town <- as.numeric(co$urban == "Y")
co$livch <- relevel(factor(co$livch), "0")
b <- read("bacteria"); b$y <- as.numeric(b$y == "y"); b$trt <- relevel(factor(b$trt), "placebo"); b$late <- as.numeric(b$week > 2)

models <- list(
  vegetables = list(y ~ treat * male + (1 | id), v),
  cbpp = list(cbind(incidence, size - incidence) ~ period + (1 | herd), cb),
  contraception = list(y ~ age + I(age^2) + livch + town + (1 | district), co),
  bacteria = list(y ~ trt + late + (1 | ID), b),
  "contraception + urban slope" = list(y ~ age + I(age^2) + livch + town + (1 | district) + (0 + town | district), co)
)
programs <- list(
  "lme4, Laplace" = function(f, d) glmer(f, d, family = binomial),
  "lme4, nAGQ = 25" = function(f, d) glmer(f, d, family = binomial, nAGQ = 25),
  "glmmTMB" = function(f, d) glmmTMB(f, d, family = binomial)
)

rows <- list()
add <- function(program, data, quantity, values)
  rows[[length(rows) + 1]] <<- data.frame(program, data, quantity, index = seq_along(values), value = sprintf("%.17g", values))
for (data in names(models)) for (program in names(programs)) {
  m <- tryCatch(suppressWarnings(suppressMessages(programs[[program]](models[[data]][[1]], models[[data]][[2]]))),
                error = function(e) { cat(program, data, conditionMessage(e), "\n"); NULL })
  if (is.null(m)) next
  if (program == "glmmTMB") {
    b <- fixef(m)$cond; se <- sqrt(diag(vcov(m)$cond)); sd <- unname(unlist(lapply(VarCorr(m)$cond, attr, "stddev")))
  } else {
    b <- fixef(m); se <- sqrt(diag(as.matrix(vcov(m)))); sd <- as.data.frame(VarCorr(m))$sdcor
  }
  add(program, data, "coef", b); add(program, data, "se", se); add(program, data, "sigma", sd)
  if (program != "lme4, nAGQ = 25") add(program, data, "loglik", as.numeric(logLik(m)))
}
write.csv(do.call(rbind, rows), "software.csv", row.names = FALSE)
