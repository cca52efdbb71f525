"""The pictures of a model: that each shows the right numbers, fits its page, and says them in words."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, logit

from datasets import cbpp, contraception, vegetables
from glmm_binomial import fit_formula, quality
from glmm_binomial.answers.estimates import estimates_of
from glmm_binomial.answers.fitted import Fitted
from glmm_binomial.answers.plot import KINDS, plot
from glmm_binomial.answers.plots.calibration import calibrated, wilson
from glmm_binomial.answers.plots.caterpillar import caterpillar_figure, caterpillar_sentence, order_of
from glmm_binomial.answers.plots.effect import effects_of_variables
from glmm_binomial.answers.plots.forest import OddsRatios, forest_figure, forest_sentence, round_ratios
from glmm_binomial.answers.plots.picture import on_one_line, short_names
from glmm_binomial.answers.plots.residuals import pictured, residual_figure, residual_sentence
from glmm_binomial.answers.plots.roc import curve
from glmm_binomial.answers.predict import predict
from glmm_binomial.answers.ranef import GroupEffects, random_effects
from glmm_binomial.answers.residuals import residuals
from glmm_binomial.estimation.fitted_model import fit_model
from glmm_binomial.observations import InvalidInputError
from simulated import draw


def study(method="ml", formula="y ~ trt * sex + (1 | id)"):
    arguments = vegetables().arguments
    words = [("control", "treat"), ("female", "male")]
    rows = zip(arguments["y"], arguments["x"], arguments["groups"], strict=True)
    table = [[float(y[0]), *(of[int(code)] for of, code in zip(words, x, strict=False)), g[0]] for y, x, g in rows]
    return fit_formula([["y", "trt", "sex", "id"], *table], formula, method=method)


def wide():
    generator = np.random.default_rng(4)
    x = generator.normal(size=(400, 45))
    y = (generator.random(400) < expit(x[:, 0])).astype(float)
    names = [f"question {i} of the questionnaire on food and drink at home" for i in range(45)]
    labels = [[f"the county hospital with the number {g // 20}"] for g in range(400)]
    return fit_model([["y"], *[[v] for v in y]], [names, *x.tolist()], [["hospital"], *labels], method="ml")


def many_groups():
    y, x, group, x_random = draw(7, groups=2000, size=4, slopes=1)
    return fit_model(y, x, group, x_random=x_random, method="ml")


MODELS = {
    "formula": study,
    "counts": lambda: fit_model(**cbpp().arguments, method="vb"),
    "mean-field": lambda: fit_model(**cbpp().arguments, method="mean-field"),
    "bins": lambda: fit_model(**contraception().arguments, method="ml"),
    "wide": wide,
    "many groups": many_groups,
}


def points_of(axes, **wanted):
    """The coordinates of the drawn lines with such properties, one after the other."""
    lines = [line for line in axes.get_lines() if all(getattr(line, f"get_{k}")() == v for k, v in wanted.items())]
    return np.vstack([line.get_xydata() for line in lines])


def segments_of(axes):
    """The ends of the intervals, (m, 2, 2)."""
    return np.vstack([segment for lines in axes.collections for segment in [np.array(lines.get_segments())]])


# all kinds -----------------------------------------------------------------------------------------------------------


@pytest.mark.mass
@pytest.mark.parametrize("name", MODELS)
def test_every_kind_fits_its_page_and_says_what_it_shows(name):
    model = MODELS[name]()
    for kind in KINDS:
        found = plot(model, kind, 50)
        FigureCanvasAgg(found.figure).draw()
        box = found.figure.get_tightbbox()
        assert box.x0 >= 0, kind
        assert box.y0 >= 0, kind
        assert box.x1 <= found.figure.get_figwidth(), kind
        assert box.y1 <= found.figure.get_figheight(), kind
        assert found.figure.get_figheight() <= 15, kind
        assert re.search(r"\d", found.sentence), kind
        assert len(found.sentence) < 700, kind
        assert found.rows() == [(found.sentence,)]


def test_the_kind_is_read_in_any_case_and_is_a_check_unless_given():
    model = fit_model(**cbpp().arguments, method="ml")
    assert plot(model, " ROC ").sentence == plot(model, "roc").sentence
    assert plot(model).sentence == plot(model, "check").sentence


@pytest.mark.parametrize("kind", ["pie", 1.0, True])
def test_the_message_names_all_kinds(kind):
    with pytest.raises(InvalidInputError) as refused:
        plot(fit_model(**cbpp().arguments, method="ml"), kind)
    assert str(refused.value).startswith("Invalid input: kind must be ")
    assert all(f'"{each}"' in str(refused.value) for each in KINDS)


def test_only_kinds_that_simulate_read_the_options_of_a_simulation():
    model = fit_model(**cbpp().arguments, method="ml")
    for kind in KINDS:
        if kind in {"check", "residuals"}:
            with pytest.raises(InvalidInputError, match="n_sim must be"):
                plot(model, kind, 0)
        else:
            plot(model, kind, 0)


def test_a_model_without_columns_has_no_odds_ratios_and_no_variables():
    model = fit_model(np.tile([0.0, 1.0, 1.0], 40), None, np.repeat(np.arange(12), 10), method="ml")
    for kind in ("forest", "effect"):
        with pytest.raises(InvalidInputError, match=f'kind must be another than "{kind}"'):
            plot(model, kind)
    for kind in set(KINDS) - {"forest", "effect"}:
        assert plot(model, kind, 50).sentence


# forest --------------------------------------------------------------------------------------------------------------


def test_a_forest_shows_the_odds_ratios_of_the_table():
    model = study()
    estimates = estimates_of(model)
    found = plot(model, "forest")
    (axes,) = found.figure.axes
    drawn = points_of(axes, marker="D")
    assert_allclose(drawn[:, 0], estimates.coefficients[1:])
    assert_array_equal(drawn[:, 1], [0, 1, 2])
    segments = segments_of(axes)
    assert_allclose(segments[:, 0, 0], estimates.ci_lower[1:])
    assert_allclose(segments[:, 1, 0], estimates.ci_upper[1:])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["trt[treat]", "sex[male]", "trt[treat]:sex[male]"]
    # the axis counts logarithms, and is labelled by what they are logarithms of
    ticks = [
        (np.log(float(label.get_text())), at)
        for label, at in zip(axes.get_xticklabels(), axes.get_xticks(), strict=True)
    ]
    assert_allclose(*np.transpose(ticks))
    assert "3 of 3 intervals leave out 1" in found.sentence
    assert "trt[treat] 8.93 (6.99 to 11.4)" in found.sentence


def odds_ratios(logs, half, *, alpha=0.05):
    logs, half = np.array(logs), np.array(half)
    names = tuple(f"x{i}" for i in range(len(logs)))
    return OddsRatios(names=names, logs=logs, lower=logs - half, upper=logs + half, left_out=0, alpha=alpha)


def test_intervals_that_hold_one_are_circles_and_the_others_diamonds():
    (axes,) = forest_figure(odds_ratios([1.0, 0.5, -1.0], [0.5, 1.0, 0.2])).axes
    assert_allclose(points_of(axes, marker="D"), [[1.0, 0.0], [-1.0, 2.0]])
    assert_allclose(points_of(axes, marker="o"), [[0.5, 1.0]])


def test_an_interval_without_end_does_not_squeeze_the_others():
    found = odds_ratios([1.0, 0.5, 0.2], [0.5, 0.4, 300.0])
    (axes,) = forest_figure(found).axes
    assert axes.get_xlim()[1] < 10.0
    # an arrow at either end says that it goes on
    assert {line.get_marker() for line in axes.get_lines()} >= {"<", ">"}
    assert "x2" not in forest_sentence(found).split("interval: ")[1].split(";")[0]


@pytest.mark.parametrize(
    ("low", "high", "some"),
    [(-0.1, 0.1, [1.0]), (-0.2, 1.3, [1.0, 3.0]), (-2.0, 2.0, [0.2, 0.5, 1.0, 2.0, 5.0]), (-30.0, 30.0, [1.0])],
)
def test_ticks_of_a_log_axis_are_round_and_hold_one(low, high, some):
    values = round_ratios(low, high)
    assert set(some) <= set(values.round(9))
    assert 3 <= len(values) <= 8
    assert (np.diff(values) > 0).all()
    assert (np.log(values) >= low).all()
    assert (np.log(values) <= high).all()


def test_odds_ratios_of_a_large_unit_have_the_digits_that_tell_them_apart():
    assert "1.00012 (1.0001 to 1.00014)" in forest_sentence(odds_ratios([1.2e-4], [2e-5]))


# caterpillar ---------------------------------------------------------------------------------------------------------


def test_a_caterpillar_shows_the_effects_of_all_groups_sorted():
    model = fit_model(**cbpp().arguments, method="ml")
    effects = random_effects(model)
    found = plot(model, "caterpillar")
    (axes,) = found.figure.axes
    order = np.argsort(-effects.estimates[:, 0])
    drawn = np.vstack([points_of(axes, marker=marker) for marker in ("D", "o") if marker in markers(axes)])
    drawn = drawn[np.argsort(drawn[:, 1])]
    assert_allclose(drawn[:, 0], effects.estimates[order, 0])
    assert_array_equal(drawn[:, 1], np.arange(15))
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"{effects.group_labels[i]:g}" for i in order]
    assert f"largest {effects.group_labels[order[0]]:g} {effects.estimates[order[0], 0]:.3g}" in found.sentence


def markers(axes):
    return {line.get_marker() for line in axes.get_lines()}


def group_effects(estimates, half=0.5):
    estimates = np.array(estimates, dtype=np.float64)
    return GroupEffects(
        group_labels=tuple(f"g{i}" for i in range(len(estimates))),
        effect_names=("intercept", "dose", "age")[: estimates.shape[1]],
        estimates=estimates,
        std_devs=np.full_like(estimates, half / 2),
        ci_lower=estimates - half,
        ci_upper=estimates + half,
        alpha=0.05,
        notices=(),
    )


def test_of_many_groups_the_extreme_ones_are_named():
    found = group_effects(np.linspace(-2.0, 2.0, 90)[:, None])
    (axes,) = caterpillar_figure(found).axes
    assert [text.get_text() for text in axes.texts] == ["largest:\ng89\ng88\ng87", "smallest:\ng2\ng1\ng0"]
    assert order_of(found, 0)[0] == 89
    # 23 values of a step of 4 / 89 lie within half of zero
    assert caterpillar_sentence(found).startswith(
        "Random intercept: 68 of 90 95 % intervals leave out zero; largest g89 2"
    )


def test_each_effect_has_a_panel_in_its_own_order_and_one_that_is_zero_says_so():
    found = group_effects([[1.0, 0.0], [-1.0, 0.0], [2.0, 0.0]])
    first, second = caterpillar_figure(found).axes
    assert first.get_title(loc="left") == "random intercept"
    assert [label.get_text() for label in first.get_yticklabels()] == ["g2", "g0", "g1"]
    assert second.get_title(loc="left") == "random slope of dose"
    assert caterpillar_sentence(found).endswith("Random slope of dose: estimated at zero in all 3 groups.")


# effect --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["ml", "vb"])
def test_an_effect_is_the_prediction_for_a_typical_group_with_logits_averaged(method):
    table = [["y", "arm", "age", "id"]]
    y, x, group, _ = draw(3, groups=20, size=8)
    for outcome, (age, arm), label in zip(y.tolist(), x.tolist(), group.tolist(), strict=True):
        table.append([outcome, "ab"[int(arm > 0)], age, label])
    model = fit_formula(table, "y ~ arm + age + (1 | id)", method=method)
    (arm, age), left_out = effects_of_variables(model)
    assert left_out == ()
    assert (arm.name, arm.labels, age.name, age.labels) == ("arm", ("a", "b"), "age", None)
    # logits are linear in age, so that their mean is that at the mean age
    mean = np.mean([row[2] for row in table[1:]])
    expected = predict(model, [["arm", "age"], ["a", mean], ["b", mean]])
    assert_allclose(arm.probability, expected.probability, rtol=1e-9)
    # from fewer of the draws of the posterior
    assert_allclose(arm.lower, expected.ci_lower, rtol=1e-9 if method == "ml" else 2e-2)
    assert_allclose(arm.upper, expected.ci_upper, rtol=1e-9 if method == "ml" else 2e-2)
    share = np.mean([row[1] == "b" for row in table[1:]])
    logits = [predict(model, [["arm", "age"], [each, age.values[0]]]).logit[0] for each in "ab"]
    assert_allclose(logit(age.probability[0]), (1 - share) * logits[0] + share * logits[1], rtol=1e-9)
    assert (age.values[0], age.values[-1]) == (min(r[2] for r in table[1:]), max(r[2] for r in table[1:]))


def test_the_panels_draw_the_effects():
    model = study()
    effects, _ = effects_of_variables(model)
    found = plot(model, "effect")
    for axes, each in zip(found.figure.axes, effects, strict=True):
        assert axes.get_xlabel() == each.name
        assert [label.get_text() for label in axes.get_xticklabels()] == list(each.labels)
        assert_allclose(points_of(axes, marker="o")[:, 1], each.probability)
        assert_allclose(segments_of(axes)[:, :, 1], np.column_stack([each.lower, each.upper]))
    assert len({axes.get_ylim() for axes in found.figure.axes}) == 1
    trt = effects[0]
    assert f"trt {trt.probability[0]:.3f} ({trt.lower[0]:.3f} to {trt.upper[0]:.3f}) at control" in found.sentence


def test_columns_that_cannot_change_alone_are_not_drawn_and_named():
    model = fit_model(**contraception().arguments, method="ml")
    effects, left_out = effects_of_variables(model)
    # x2 is the square of x1
    assert [each.name for each in effects] == ["x3", "x4", "x5", "x6"]
    assert left_out == ("not drawn, since they are products or go into one: x1 and x2",)
    assert left_out[0] in plot(model, "effect").sentence


# calibration and roc -------------------------------------------------------------------------------------------------


def test_calibration_by_hand():
    fitted = SimpleNamespace(successes=np.array([0.0, 1.0, 3.0, 4.0]), trials=np.array([2.0, 2.0, 4.0, 4.0]))
    found = calibrated(logit([0.2, 0.2, 0.5, 0.9]), fitted, 0.05)
    assert_allclose(found.fitted, [0.2, 0.5, 0.9])
    assert_allclose(found.observed, [0.25, 0.75, 1.0])
    # as R's prop.test(3, 4, correct = FALSE) and prop.test(4, 4, correct = FALSE), R 4.2.2
    assert_allclose([found.lower[1], found.upper[1]], [0.3006418, 0.9544127], atol=1e-6)
    assert_allclose([found.lower[2], found.upper[2]], [0.5101092, 1.0], atol=1e-6)
    assert_allclose(np.transpose(wilson(np.array([0.5]), np.array([1e12]), 0.05)), [[0.5, 0.5]], atol=1e-5)


def test_the_picture_of_calibration_shows_its_bins_and_the_measures_of_quality():
    model = fit_model(**contraception().arguments, method="ml")
    found = plot(model, "calibration")
    (axes,) = found.figure.axes
    typical, known = points_of(axes, marker="D"), points_of(axes, marker="o")
    assert len(typical) == len(known) == 10
    assert (np.diff(known[:, 0]) > 0).all()
    # rows weigh alike here, so the proportions of the bins are those of all rows together
    assert abs(known[:, 1].mean() - model.observations.successes.mean()) < 0.01
    measured = {each.name: each.value for each in quality(model).measures}
    for which in ("typical", "known"):
        assert f"intercept {measured[f'calibration_intercept_{which}']:.3f}" in found.sentence
        assert f"slope {measured[f'calibration_slope_{which}']:.3f}" in found.sentence


def test_a_curve_by_hand():
    fitted = Fitted(successes=np.array([1.0, 0.0, 1.0, 0.0]), trials=np.ones(4), typical=np.zeros(4), known=np.zeros(4))
    found = curve(np.array([2.0, 1.0, 0.0, -1.0]), fitted)
    assert_allclose(found.sensitivity, [0.0, 0.5, 0.5, 1.0, 1.0])
    assert_allclose(found.false_alarms, [0.0, 0.0, 0.5, 0.5, 1.0])
    assert found.auc == 0.75
    # logits of zero and above are taken for successes
    assert found.at_half == (0.5, 1.0)


@pytest.mark.parametrize("name", ["counts", "bins"])
def test_the_area_under_the_drawn_curve_is_the_one_it_says(name):
    model = MODELS[name]()
    found = plot(model, "roc")
    (axes,) = found.figure.axes
    measured = {each.name: each.value for each in quality(model).measures}
    for which, style in (("typical", "--"), ("known", "-")):
        line = next(
            each for each in axes.get_lines() if which in str(each.get_label()) and each.get_linestyle() == style
        )
        assert_allclose(np.trapezoid(line.get_ydata(), line.get_xdata()), measured[f"auc_{which}"], rtol=1e-12)
        assert f"{measured[f'auc_{which}']:.3f}" in found.sentence


# residuals -----------------------------------------------------------------------------------------------------------


def test_the_picture_of_residuals_shows_those_of_the_table():
    model = fit_model(**cbpp().arguments, method="ml")
    listed = residuals(model, n_sim=100, seed=4).quantile
    left, right = plot(model, "residuals", 100, 4).figure.axes
    drawn = points_of(left, marker=".")
    assert_allclose(drawn[:, 1], np.sort(listed))
    assert_allclose(drawn[:, 0], (np.arange(56) + 0.5) / 56)
    assert_allclose(points_of(right, marker=".")[:, 1], listed)


def test_bins_and_distance_of_residuals_by_hand():
    found = pictured(np.repeat([0.2, 0.4], 5), np.r_[np.full(5, 0.1), np.linspace(0.0, 1.0, 5)])
    assert_allclose(found.middles, [0.2, 0.4])
    assert_allclose(found.quartiles, [[0.1, 0.25], [0.1, 0.5], [0.1, 0.75]])
    # six of ten residuals at .1 or below
    assert_allclose(found.distance, (0.5, 0.1))
    assert "lie between 0.100 and 0.500" in residual_sentence(found)
    _, right = residual_figure(found).axes
    medians = next(line for line in right.get_lines() if line.get_label() == "median in bins")
    assert_allclose(medians.get_xydata(), [[0.2, 0.1], [0.4, 0.5]])


# names ---------------------------------------------------------------------------------------------------------------


def test_long_names_keep_beginning_and_end():
    assert on_one_line("a" * 30 + "b" * 30, 20) == "a" * 12 + "..." + "b" * 5
    assert on_one_line("short\nname") == "short name"
    assert on_one_line(2.0) == "2"


def test_names_that_begin_alike_lose_their_beginning():
    names = [f"the county hospital of the town with the number {i}, ward of the north wing" for i in (1, 2)]
    shown = short_names(names, 30)
    assert len(set(shown)) == 2
    assert all(len(name) <= 30 and name.startswith("...") for name in shown)
    assert short_names(["a", "b"]) == ["a", "b"]
    assert short_names(["a", "a"]) == ["a", "a"]
