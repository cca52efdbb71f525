"""The picture of a check: what is drawn where, in which colours, and what it says in words."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal

from datasets import cbpp
from glmm_binomial.answers.check import check
from glmm_binomial.answers.plots.check import check_figure, check_sentence, jitter, layout_of, pattern_labels
from glmm_binomial.estimation.fitted_model import fit_model
from glmm_binomial.extras import MissingPackageError
from test_check import hand_built, vegetables_model


def lines_of(figure):
    """The drawn points of the first facet by the beginning of their label: simulations, inside, outside."""
    axes, *_ = figure.axes
    named = {}
    for line in axes.get_lines():
        label = line.get_label()
        kind = next((word for word in ("inside", "outside") if word in label), "simulations")
        named[kind] = line
    return named


def tick_labels(figure):
    axes, *_ = figure.axes
    return [label.get_text() for label in axes.get_yticklabels()]


def drawn(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


def test_observed_proportions_lie_on_their_pattern_and_simulated_ones_around_it():
    found = hand_built()
    lines = lines_of(check_figure(found))
    assert_array_equal(lines["inside"].get_xydata(), [[0.5, 0.0]])
    assert_array_equal(lines["outside"].get_xydata(), [[0.25, 1.0]])
    simulated = lines["simulations"].get_xydata()
    assert_array_equal(simulated[:, 0], found.simulated.ravel())
    assert_array_equal(np.round(simulated[:, 1]), [0.0, 1.0, 0.0, 1.0])


def test_observed_points_are_large_and_simulated_ones_small():
    lines = lines_of(check_figure(hand_built()))
    # dots of the marker "." are drawn at half their size
    assert lines["inside"].get_markersize() > 3 * lines["simulations"].get_markersize() / 2
    assert lines["inside"].get_zorder() >= lines["simulations"].get_zorder()


def test_inside_and_outside_differ_in_shape_and_in_lightness():
    lines = lines_of(check_figure(hand_built()))
    assert lines["inside"].get_marker() != lines["outside"].get_marker()
    lightness = sorted(np.dot(to_rgb(line.get_color()), [0.2126, 0.7152, 0.0722]) for line in lines.values())
    # a difference that remains without any colour vision
    assert min(np.diff(lightness)) > 0.1


def test_what_does_not_occur_has_no_entry_in_the_legend():
    assert set(lines_of(check_figure(hand_built(inside=np.array([True, True]))))) == {"simulations", "inside"}
    assert set(lines_of(check_figure(hand_built(inside=np.array([False, False]))))) == {"simulations", "outside"}


def test_the_first_pattern_is_on_top_with_its_values():
    figure = check_figure(hand_built(patterns=((0.0, 1.0), (1.0, 0.0))))
    assert figure.axes[0].yaxis_inverted()
    assert tick_labels(figure) == ["treat = 0", "treat = 1"]


def test_the_last_of_several_columns_makes_facets_as_in_the_article():
    found = check(vegetables_model(), n_sim=60)
    layout = layout_of(found)
    assert layout.facets == ("x2 = 0", "x2 = 1")
    assert layout.rows == ("x1 = 0", "x1 = 1")
    figure = check_figure(found)
    assert [axes.get_title() for axes in figure.axes] == ["x2 = 0", "x2 = 1"]
    for facet, axes in enumerate(figure.axes):
        (observed,) = [line for line in axes.get_lines() if "observed" in line.get_label()]
        # patterns are sorted with the last column first
        assert_array_equal(observed.get_xydata(), [[found.observed[2 * facet], 0], [found.observed[2 * facet + 1], 1]])
        (simulated,) = [line for line in axes.get_lines() if "simulations" in line.get_label()]
        assert_array_equal(np.sort(simulated.get_xdata()), np.sort(found.simulated[:, layout.facet == facet].ravel()))
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()


def test_columns_that_code_one_factor_make_no_facets():
    # three columns of 0 and 1 for four periods, of which no two are 1 in the same row
    layout = layout_of(check(fit_model(**cbpp().arguments, method="ml"), n_sim=40))
    assert layout.facets == ("",)
    assert layout.rows == ("all columns = 0", "x1 = 1", "x2 = 1", "x3 = 1")


def test_a_last_column_of_many_values_makes_no_facets():
    patterns = tuple((float(i % 2), float(i)) for i in range(6))
    ones = {name: np.full(6, 0.5) for name in ("observed", "simulated_mean", "ci_lower", "ci_upper")}
    found = hand_built(
        patterns=patterns,
        simulated=np.full((2, 6), 0.5),
        inside=np.ones(6, dtype=bool),
        observations=np.ones(6),
        **ones,
    )
    layout = layout_of(found)
    assert layout.facets == ("",)
    assert layout.row.tolist() == list(range(6))


def test_labels_show_the_columns_that_tell_patterns_apart():
    assert pattern_labels(check(vegetables_model())) == (
        "x1 = 0\nx2 = 0",
        "x1 = 1\nx2 = 0",
        "x1 = 0\nx2 = 1",
        "x1 = 1\nx2 = 1",
    )


def test_of_many_columns_of_zero_and_one_only_the_ones_are_shown():
    patterns = ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 1.0, 1.0))
    found = hand_built(names=("a", "b", "c"), patterns=patterns)
    assert pattern_labels(found) == ("all columns = 0", "a = 1", "b = 1", "b = 1\nc = 1")


def test_a_single_pattern_is_labelled_by_its_columns():
    assert pattern_labels(hand_built(names=("one",), patterns=((1.0,),))) == ("one = 1",)


def test_what_has_no_glyph_in_a_header_is_a_space():
    assert pattern_labels(hand_built(names=("a\nb\x00c",), patterns=((1.0,),))) == ("a b c = 1",)


def test_bins_are_labelled_by_their_range():
    found = hand_built(names=("bin",), patterns=(("0.1 to 0.2",), ("0.2 to 0.3",)))
    figure = check_figure(found)
    assert tick_labels(figure) == ["0.1 to 0.2", "0.2 to 0.3"]
    assert figure.axes[0].get_ylabel() == "fitted probability"
    # a column that happens to be called bin is a column
    assert pattern_labels(hand_built(names=("bin",), patterns=((0.0,), (1.0,)))) == ("bin = 0", "bin = 1")


def test_a_title_is_drawn_when_given():
    assert check_figure(hand_built()).get_suptitle() == ""
    assert check_figure(hand_built(), title="Wrong model").get_suptitle() == "Wrong model"


def test_a_dollar_sign_in_a_header_is_not_mathematics():
    found = hand_built(names=("$ x^", "y_$"), patterns=((0.0, 1.0), (1.0, 0.0)))
    drawn(check_figure(found, title="$ x^ y_$"))


def test_jitter_spreads_evenly_over_half_the_distance_and_never_repeats():
    points = jitter(200)
    assert abs(points).max() <= 0.25
    # each tenth of the band gets a tenth of the points, give or take two
    counts = np.histogram(points, bins=10, range=(-0.25, 0.25))[0]
    assert abs(counts - 20).max() <= 2
    assert_allclose(points.mean(), 0.0, atol=0.005)


def test_the_same_check_gives_the_same_picture():
    found = check(vegetables_model())
    assert_array_equal(drawn(check_figure(found)), drawn(check_figure(found)))


@pytest.mark.mass
@pytest.mark.parametrize("interaction", [True, False])
def test_everything_lies_within_the_picture(interaction):
    found = check(vegetables_model(interaction=interaction))
    figure = check_figure(found, title="Vegetables")
    drawn(figure)
    box = figure.get_tightbbox()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= figure.get_figwidth()
    assert box.y1 <= figure.get_figheight()
    assert len(lines_of(figure)) == 2


def test_the_legend_fits_with_all_three_entries():
    figure = check_figure(hand_built())
    drawn(figure)
    box = figure.get_tightbbox()
    assert box.x0 >= 0
    assert box.x1 <= figure.get_figwidth()


def test_a_figure_of_its_own_leaves_pyplot_alone():
    assert isinstance(check_figure(hand_built()), Figure)
    if "matplotlib.pyplot" in sys.modules:
        assert not sys.modules["matplotlib.pyplot"].get_fignums()


def test_the_sentence_says_how_many_patterns_pass():
    assert check_sentence(hand_built()) == (
        "The observed proportion lies inside 95 % of 2 simulations in 1 of 2 patterns of x."
    )


def test_a_missing_package_is_answered_with_the_way_to_install_it(monkeypatch):
    for module in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError, match=r'pip install "glmm-binomial\[plot\]"'):
        check_figure(hand_built())
