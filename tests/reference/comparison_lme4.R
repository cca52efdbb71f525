# Tests of terms, shares of variance and summaries of fit, for tests/test_compare.py, test_terms.py and test_quality.py.
# Run in this directory:  Rscript comparison_lme4.R
#
# Written with R 4.2.2, lme4 1.1-31 (25 nodes of adaptive Gauss-Hermite quadrature; Laplace's approximation for the
# random slope, the only one it has), performance 0.10.2, insight 0.19.0. what: "drop1" drop1(m, test = "Chisq"),
# "glm" the model without random effects, "anova" anova(smaller, larger), "performance" r2_nakagawa and icc, "lme4"
# -2 logLik, df.residual and the sum of squares of residuals(m, type = "pearson").

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
bacteria <- read("bacteria.csv")
bacteria$cured <- as.numeric(bacteria$y == "y")

out <- list()
add <- function(data, what, term, ...) {
  values <- c(...)
  out[[length(out) + 1]] <<- data.frame(data, what, term, name = names(values), value = sprintf("%.12g", values))
}

ask <- function(name, fixed, group, rows) {
  assign("used", rows, globalenv())
  model <- eval(bquote(glmer(.(as.formula(paste(fixed, "+ (1 |", group, ")"))), used, family = binomial, nAGQ = 25,
                             control = tight)))
  dropped <- drop1(model, test = "Chisq")
  for (term in rownames(dropped)[-1]) {
    row <- dropped[term, ]
    add(name, "drop1", term, df = row$npar, chi_square = row$LRT, p_value = row[["Pr(Chi)"]], aic = row$AIC)
  }
  without <- glm(as.formula(fixed), binomial, used)
  # of counts lme4 leaves constants out of logLik when it takes more than one node
  if (!grepl("cbind", fixed)) {
    add(name, "glm", "random intercept", chi_square = 2 * as.numeric(logLik(model) - logLik(without)),
        aic = AIC(without))
  }
  r2 <- performance::r2_nakagawa(model)
  add(name, "performance", "", r2_conditional = as.numeric(r2$R2_conditional), r2_marginal = as.numeric(r2$R2_marginal),
      icc = as.numeric(performance::icc(model)$ICC_adjusted))
  add(name, "lme4", "", deviance = -2 * as.numeric(logLik(model)), df_resid = df.residual(model),
      pearson = sum(residuals(model, type = "pearson")^2))
  model
}

product <- ask("vegetables", "y ~ trt * sex", "id", vegetables)
sum_ <- ask("vegetables, no product", "y ~ trt + sex", "id", vegetables)
treatment <- ask("vegetables, treatment", "y ~ trt", "id", vegetables)
ask("vegetables, no intercept", "y ~ 0 + trt + sex", "id", vegetables)
ask("cbpp", "cbind(incidence, size - incidence) ~ period", "herd", cbpp)
ask("contraception", "usey ~ decades + I(decades^2) + livch + urban", "district", contraception)
ask("bacteria", "cured ~ trt * week", "ID", bacteria)

compared <- anova(treatment, sum_, product)
for (i in 1:3)
  add("vegetables", "anova", as.character(i), npar = compared$npar[i], aic = compared$AIC[i], bic = compared$BIC[i],
      log_likelihood = compared$logLik[i], chi_square = compared$Chisq[i], df = compared$Df[i],
      p_value = compared[["Pr(>Chisq)"]][i])

sloped <- glmer(usey ~ decades + I(decades^2) + livch + urban + (1 | district) + (0 + town | district), contraception,
                family = binomial, control = tight)
# shares of variance by their definition (Johnson 2014), since performance 0.10.2 leaves the slope's variance out
v_f <- var(as.vector(model.matrix(sloped) %*% fixef(sloped)))
v_r <- sum(mapply(function(z, sigma) mean(rowSums((z %*% sigma) * z)), getME(sloped, "mmList"), VarCorr(sloped)))
v_all <- v_f + v_r + pi^2 / 3
add("contraception + urban slope", "definition", "", r2_conditional = (v_f + v_r) / v_all, r2_marginal = v_f / v_all,
    icc = v_r / (v_r + pi^2 / 3))
add("contraception + urban slope", "lme4", "", sd_1 = as.data.frame(VarCorr(sloped))$sdcor[1],
    sd_2 = as.data.frame(VarCorr(sloped))$sdcor[2], fixef(sloped))
write.csv(do.call(rbind, out), "comparison_lme4.csv", row.names = FALSE, quote = TRUE)
