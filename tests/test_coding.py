"""Columns coded by a formula: the coding itself, the names, every refusal, and that nothing typed is ever run."""

from __future__ import annotations

import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import formulaic
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from datasets import CERTIFIED, vegetables
from glmm_binomial import fit
from glmm_binomial.answers.design import design
from glmm_binomial.answers.rows import finished
from glmm_binomial.extras import MissingPackageError
from glmm_binomial.observations import InvalidInputError


def columns(*arguments):
    return finished(design(*arguments).rows())


HEADER = ["trt", "sex", "age", "my age", "week", "flag", "x.1", "remarks"]
DATA = [
    HEADER,
    ["treat", "male", 30.0, 1.5, 1, True, 2.0, None],
    ["control", "female", 40.0, 2.5, 2, False, 2.5, RuntimeError()],
    ["treat", "female", 50.0, 3.5, 3, True, 1.0, 3],
    ["control", "male", 20.0, 0.0, 1, False, 2.0, "a"],
]
TREAT, MALE, AGE = (1.0, 0.0, 1.0, 0.0), (1.0, 0.0, 0.0, 1.0), (30.0, 40.0, 50.0, 20.0)


def coded(formula, data=DATA):
    """The coded columns by name."""
    header, *rows = columns(data, formula)
    assert all(isinstance(cell, float) for row in rows for cell in row)
    return {name: tuple(column) for name, column in zip(header, zip(*rows, strict=True), strict=True)}


def refusal(formula, data=DATA):
    with pytest.raises(InvalidInputError) as refused:
        columns(data, formula)
    return str(refused.value)


def product(*columns):
    return tuple(float(value) for value in np.prod(columns, axis=0))


# coding --------------------------------------------------------------------------------------------------------------


def test_factors_and_their_interaction_are_named_as_a_person_writes_them():
    assert coded("trt * sex") == {"trt[treat]": TREAT, "sex[male]": MALE, "trt[treat]:sex[male]": product(TREAT, MALE)}


def test_the_first_level_in_sorted_order_is_the_reference():
    assert list(coded("trt", [["trt"], ["b"], ["a"], ["c"]])) == ["trt[b]", "trt[c]"]


@pytest.mark.parametrize("treatment", ['Treatment("treat")', "Treatment('treat')", 'Treatment(reference="treat")'])
def test_another_reference_is_chosen_by_treatment(treatment):
    control = tuple(1.0 - value for value in TREAT)
    assert coded(f"C(trt, {treatment}) * sex") == {
        "trt[control]": control,
        "sex[male]": MALE,
        "trt[control]:sex[male]": product(control, MALE),
    }


def test_a_chosen_reference_leaves_the_other_levels_in_sorted_order():
    data = [["week"], [3], [1], [2], [4]]
    assert coded("C(week, Treatment(3))", data) == {
        "week[1]": (0.0, 1.0, 0.0, 0.0),
        "week[2]": (0.0, 0.0, 1.0, 0.0),
        "week[4]": (0.0, 0.0, 0.0, 1.0),
    }


def test_numbers_stay_numbers_unless_c_makes_levels_of_them():
    assert coded("week") == {"week": (1.0, 2.0, 3.0, 1.0)}
    assert coded("C(week)") == {"week[2]": (0.0, 1.0, 0.0, 0.0), "week[3]": (0.0, 0.0, 1.0, 0.0)}


def test_numbers_stored_as_text_among_numbers_are_counted_even_when_they_are_many():
    assert refusal("age", [["age"], [31], ["42"], ["28"], ["55"], [40]]) == (
        "Invalid input: data[2][0] must be a number, as other cells of the column age are. 3 cells of data are "
        "numbers stored as text, such as '42': rows 3, 4 and 5. Convert them with VALUE() or Data > Text to Columns."
    )


def test_whole_numbers_stored_as_text_are_levels_when_asked():
    assert list(coded("C(code)", [["code"], ["1"], ["10"], ["2"]])) == ["code[10]", "code[2]"]


def test_numbers_that_look_alike_in_a_cell_are_one_level():
    assert coded("C(dose)", [["dose"], [0.1], [0.3], [3 * 0.1]]) == {"dose[0.3]": (0.0, 1.0, 1.0)}


def test_a_negative_number_may_be_the_reference():
    data = [["change"], [-1], [0], [1]]
    assert list(coded("C(change, Treatment(0))", data)) == ["change[-1]", "change[1]"]
    for reference in ("-1", "reference=-1", '"-1"'):
        assert list(coded(f"C(change, Treatment({reference}))", data)) == ["change[0]", "change[1]"]


def test_powers_within_functions_may_be_written_as_in_excel():
    data = [["dose", "a^b"], [2, 3], [3, 5], [5, 1]]
    assert coded("I(dose^2 / 2)", data) == {"I(dose ** 2 / 2)": (2.0, 4.5, 12.5)}
    assert coded("I(`a^b`^2)", data) == {"I(a^b ** 2)": (9.0, 25.0, 1.0)}
    assert list(coded('C(code, Treatment("a^b"))', [["code"], ["a^b"], ["c"]])) == ["code[c]"]


def test_booleans_count_as_numbers_and_name_their_levels_as_excel_does():
    assert coded("flag") == {"flag": TREAT}
    assert coded("C(flag)") == {"flag[TRUE]": TREAT}


def test_an_interaction_of_a_factor_with_numbers_is_coded_by_level():
    assert coded("trt:age") == {
        "trt[control]:age": (0.0, 40.0, 0.0, 20.0),
        "trt[treat]:age": (30.0, 0.0, 50.0, 0.0),
    }
    assert list(coded("trt * age")) == ["trt[treat]", "age", "trt[treat]:age"]


def test_without_intercept_every_level_gets_a_column():
    assert list(coded("0 + trt")) == list(coded("trt - 1")) == ["trt[control]", "trt[treat]"]


@pytest.mark.parametrize(
    ("formula", "names"),
    [
        ("~ trt", ["trt[treat]"]),
        ("trt + C(trt)", ["trt[treat]"]),
        ("log(age) + log( age ) + log(age):trt", ["log(age)", "log(age):trt[treat]"]),
        ("(trt + sex + age)**2 - trt:age", ["trt[treat]", "sex[male]", "age", "trt[treat]:sex[male]", "sex[male]:age"]),
        ("(trt + sex)^2", ["trt[treat]", "sex[male]", "trt[treat]:sex[male]"]),
        ("trt / age", ["trt[treat]", "trt[control]:age", "trt[treat]:age"]),
        ("`my age` + x.1", ["my age", "x.1"]),
        ("C(`week`)", ["week[2]", "week[3]"]),
    ],
)
def test_the_operators_of_wilkinson_notation_are_known(formula, names):
    assert list(coded(formula)) == names


@pytest.mark.parametrize(
    ("formula", "name", "values"),
    [
        ("log(age)", "log(age)", np.log(AGE)),
        ("log2( age )", "log2(age)", np.log2(AGE)),
        ("log10(age)", "log10(age)", np.log10(AGE)),
        ("exp(age / 100)", "exp(age / 100)", np.exp(np.divide(AGE, 100))),
        ("sqrt(`my age`)", "sqrt(my age)", np.sqrt([1.5, 2.5, 3.5, 0.0])),
        ("abs(week - 2)", "abs(week - 2)", [1, 0, 1, 1]),
        ("I(age**2)", "I(age ** 2)", np.square(AGE)),
        ("{age + 2 * week}", "age + 2 * week", [32, 44, 56, 22]),
        ("I(-age)", "I(-age)", np.negative(AGE)),
        ("center(age)", "center(age)", [-5, 5, 15, -15]),
        ("scale(age)", "scale(age)", np.array([-5, 5, 15, -15]) / np.sqrt(500 / 3)),
    ],
)
def test_plain_transforms_of_numbers_are_known(formula, name, values):
    found = coded(formula)
    assert list(found) == [name]
    # one rounding of a logarithm or a square root
    assert_allclose(found[name], values, rtol=1e-15)


@pytest.mark.parametrize("formula", ["trt * sex", "trt * age + C(week)", "0 + trt:sex + age", "trt / (sex + age)"])
def test_the_columns_are_those_of_formulaic_itself(formula):
    frame = pd.DataFrame({name: [row[i] for row in DATA[1:]] for i, name in enumerate(HEADER[:5])})
    theirs = formulaic.model_matrix(formula, frame)
    if "Intercept" in theirs:
        theirs = theirs.drop(columns="Intercept")
    header, *rows = columns(DATA, formula)
    assert_array_equal(rows, theirs.to_numpy(dtype=float))
    assert header == [name.replace("[T.", "[").replace("C(week)", "week") for name in theirs.columns]


def test_every_thread_gets_the_same_columns():
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: columns(DATA, "trt * sex + log(age)"), range(32)))
    assert all(rows == found[0] for rows in found)


def test_a_data_frame_is_read_with_its_names():
    frame = pd.DataFrame({"trt": ["b", "a"], "age": [1, 2]}, index=[7, 9])
    assert coded("trt + age", frame) == {"trt[b]": (1.0, 0.0), "age": (1.0, 2.0)}


def test_blank_rows_at_the_end_of_whole_columns_are_left_out():
    whole = DATA + [[None] * len(HEADER)] * 100_000
    started = time.process_time()
    assert coded("trt * sex", whole) == coded("trt * sex")
    # half a second on a slow machine; 20 ms measured
    assert time.process_time() - started < 0.5


def test_columns_that_the_formula_does_not_name_are_not_looked_at():
    assert coded("trt", [["trt", None], ["a", 1], ["b", "x"]]) == {"trt[b]": (0.0, 1.0)}


def test_the_coded_columns_are_the_x_of_a_fit():
    rows = [line.split(",") for line in (CERTIFIED / "vegetables.csv").read_text("utf-8").split()]
    data = vegetables()
    with_headers = data.with_headers()
    with_headers["x"] = columns(rows, "trt * sex")
    found = fit(**with_headers)
    assert found.fixed_names == ("intercept", "trt[treat]", "sex[male]", "trt[treat]:sex[male]")
    assert_array_equal(found.coefficients, fit(**data.arguments).coefficients)


# refusals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("nope", "formula must name columns of data. There is no column nope; the columns are trt, sex, age, my age,"),
        ("Trt", "formula must name columns of data. There is no column Trt; is trt meant?"),
        ("log(nope)", "formula must name columns of data. There is no column nope;"),
        ("y ~ trt ~ sex", 'formula must have one "~", between the response and the effects. It has 2.'),
        ("trt + 1 | sex", "formula must have random effects in brackets, such as (1 | id)."),
        ("trt sex", "formula cannot be read: Missing operator between `trt` and `sex`."),
        ("trt +", "formula cannot be read: "),
        ("(trt", "formula cannot be read: "),
        ("log(age", "formula cannot be read: "),
        ("age * 1", "formula cannot be read: "),
        ("trt @ sex", 'formula must be written with + - * / : ** and brackets. It holds "@".'),
        ("age = 3", 'formula must be written with + - * / : ** and brackets. It holds "=".'),
        ("2:age", 'formula must be written with names, operators and brackets. It holds "2";'),
        (".", 'formula must be written with names, operators and brackets. It holds ".";'),
        ("age**trt", "formula must raise to a power from 1 to 9"),
        ("age**2**2", "formula must raise to a power from 1 to 9"),
        ("1", "formula must name columns. It leaves none beside the intercept."),
        ("trt - trt", "formula must name columns. It leaves none beside the intercept."),
        ("", "formula must be text. It is blank."),
        (None, "formula must be text. It is blank."),
        (3.0, "formula must be text. It is 3."),
        ("~", 'formula must name columns. It holds only "~".'),
        ("trt +" * 300, "formula must have at most 1,000 characters. It has 1,500."),
        ('C(trt, Treatment("x"))', 'formula must choose a level of the column as reference. trt has no level "x";'),
        ('trt + C(trt, Treatment("treat"))', "formula must code a column in one way."),
        ("log(trt)", "formula must apply functions to numbers. In log(trt), the column trt holds text."),
        ("log(2)", "formula must apply functions to columns. log(2) holds none."),
        ("log(`my age`)", "formula must give finite numbers. log(my age) has none in row 5 of data, where"),
        ("(age + week + trt + sex + flag)**9", "formula must give at most 10,000 terms."),
    ],
)
def test_a_formula_that_cannot_be_used_is_refused_with_the_reason(formula, message):
    assert refusal(formula).startswith(f"Invalid input: {message}")


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        (None, "is blank. Fill it in"),
        (" ", "is blank. Fill it in"),
        (RuntimeError(), "holds the error #N/A. Correct the formula in that cell"),
        (datetime(2024, 1, 1, tzinfo=UTC), "holds "),
    ],
)
def test_a_cell_that_holds_neither_number_nor_text_is_named(cell, what):
    data = [["trt", "age"], ["a", 1.0], ["b", cell], ["b", 2.0]]
    expected = f"Invalid input: data[2][1] must be a number or text. Row 3, column 2 of data {what}"
    assert refusal("trt + age", data).startswith(expected)


def test_a_column_of_numbers_and_text_is_refused_at_the_exception():
    data = [["age"], [1.0], ["12O"], [2.0], ["3"]]
    assert refusal("age", data) == (
        "Invalid input: data[2][0] must be a number, as other cells of the column age are. Row 3, column 1 of data "
        "holds the text '12O'. Correct the cell, or write C(age) if its values are categories."
    )
    data = [["site"], ["a"], [7.0], ["b"]]
    assert refusal("site", data).startswith("Invalid input: data[2][0] must be text, as other cells of the column site")


def test_numbers_and_texts_are_levels_together_when_asked():
    data = [["children"], [1.0], ["3+"], [0.0], [2.0], ["3+"]]
    found = coded("C(children)", data)
    assert list(found) == ["children[1]", "children[2]", "children[3+]"]
    assert found["children[3+]"] == (0.0, 1.0, 0.0, 0.0, 1.0)
    assert found["children[1]"] == (1.0, 0.0, 0.0, 0.0, 0.0)
    chosen = coded('C(children, Treatment("3+"))', data)
    assert list(chosen) == ["children[0]", "children[1]", "children[2]"]
    # numbers that were typed as text among numbers are still a slip
    assert "It is a number stored as text" in refusal("C(children)", [["children"], [1.0], ["2"], [3.0]])


def test_measurements_stored_as_text_are_not_taken_for_levels_in_silence():
    data = [["age"], ["1.5"], ["2.5"], ["1.5"]]
    advice = "convert them with VALUE() or Data > Text to Columns. Or write C(age) to make a level of each."
    assert refusal("age", data) == (
        "Invalid input: data[1][0] must be a number. Row 2, column 1 of data holds the text '1.5'. 3 cells of the "
        f"column age are numbers stored as text: {advice}"
    )
    for texts in (["1,5", "2", "3"], ["20", "21", "22"]):
        assert refusal("age", [["age"], *([text] for text in texts)]).endswith(advice)
    assert coded("C(age)", data) == {"age[2.5]": (0.0, 1.0, 0.0)}


def test_a_column_that_does_not_vary_cannot_be_scaled():
    message = "Invalid input: formula must give finite numbers. scale(a) has none in row 2 of data, where a holds 7."
    for rows in ([[7.0]], [[7.0], [7.0]]):
        assert refusal("scale(a)", [["a"], *rows]) == message


def test_a_product_too_large_for_a_number_is_refused():
    message = "formula must give finite numbers. a:b has none in row 3 of data: the product is too large."
    assert message in refusal("a:b", [["a", "b"], [1.0, 1.0], [1e200, 1e200]])


def test_the_largest_numbers_are_scaled_without_overflow():
    # differences of the order of rounding, whatever the unit
    assert_allclose(
        coded("scale(a)", [["a"], [1e300], [3e300], [8e300]])["scale(a)"],
        coded("scale(a)", [["a"], [1.0], [3.0], [8.0]])["scale(a)"],
        rtol=1e-14,
    )


def test_numbers_must_be_finite():
    assert refusal("age", [["age"], [1.0], [float("nan")]]).startswith("Invalid input: data[2][0] must be finite.")


def test_a_column_of_one_level_is_refused():
    message = 'Invalid input: formula must name columns that vary. Every row of the column trt is "a".'
    assert refusal("trt", [["trt"], ["a"], ["a"]]) == message


@pytest.mark.parametrize("formula", ["trt", "C(trt)"])
def test_levels_that_differ_only_by_outer_spaces_are_refused(formula):
    data = [["trt"], ["b "], ["a"], ["b"], ["c"], [" c"]]
    assert 'trt holds levels that look alike: " c" and "c"; "b" and "b ". Correct' in refusal(formula, data)


def test_levels_that_differ_by_case_are_different_only_when_asked():
    data = [["gene"], ["AA"], ["Aa"], ["aa"]]
    assert refusal("gene", data) == (
        'Invalid input: formula must name columns of distinct levels. gene holds levels that look alike: "AA" and "Aa" '
        'and "aa". Correct the cells, or clean them with TRIM(). Write C(gene) for levels that differ in case on '
        "purpose."
    )
    assert list(coded("C(gene)", data)) == ["gene[Aa]", "gene[aa]"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([["trt", 3.5], ["a", 1.0]], "data must have a header row: the names of the columns. Row 1, column 2"),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), "data must have a header row: the names of the columns. Row 1, column 1"),
        ([[None, ""], ["a", 1.0]], "data must have a header row: the names of the columns. Row 1 of data is blank."),
        ([["trt"]], "data must have at least 2 row(s). It has 1."),
        ("trt", "data must have at least 2 row(s). It has 1."),
        ([["trt", "age"], ["a"]], "data must have consistent column count."),
        ([["trt", "trt "], ["a", "b"]], "formula must name columns of data. 2 columns are called trt;"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_the_reason(data, message):
    assert refusal("trt", data).startswith(f"Invalid input: {message}")


def test_labels_of_groups_taken_for_a_factor_are_refused_before_they_are_coded():
    data = [["id"], *([f"p{i}"] for i in range(2000))]
    assert refusal("id", data) == (
        "Invalid input: formula must give at most 1,000 columns. It gives up to 2,001. id has 2,000 levels; labels of "
        "groups belong in the argument groups, or in a random term such as (1 | id)."
    )


# nothing typed is run ------------------------------------------------------------------------------------------------

ATTACKS = [
    "__import__('os').system('touch {canary}')",
    "{{__import__('os').system('touch {canary}')}}",
    "I(__import__('os').system('touch {canary}'))",
    "log(open('{canary}', 'w'))",
    "open('{canary}', 'w')",
    "I(eval('1'))",
    "I(exec('1'))",
    "I(print(age))",
    "np.save('{canary}', age)",
    "I(np.save('{canary}', age))",
    "age.tofile('{canary}')",
    "I(age.tofile('{canary}'))",
    "log(age).__class__",
    "I(age.__class__.__mro__)",
    "().__class__.__bases__[0]",
    "I(().__class__.__bases__[0].__subclasses__())",
    "age[open('{canary}', 'w')]",
    "C(trt, open('{canary}', 'w'))",
    "C(trt, Treatment(open('{canary}', 'w')))",
    "C(trt, contr.treatment)",
    "C(trt, Treatment('treat'), open('{canary}', 'w'))",
    "C(trt, levels=open('{canary}', 'w'))",
    "C(C(trt))",
    "C(open('{canary}', 'w'))",
    "I((lambda: open('{canary}', 'w'))())",
    "I([open('{canary}', 'w') for _ in [1]])",
    "I(age if open('{canary}', 'w') else 1)",
    "I(f'{{open(1)}}')",
    "I(age := 3)",
    "I(age, 2)",
    "I(*age)",
    "log(x=age)",
    "log(age)(age)",
    "I('a' * age)",
    "I(True + age)",
    "I(1j * age)",
    "I(age and week)",
    "I(age == 1)",
    "I(not age)",
    "I(age @ age)",
    "I(age << 9)",
    "I(await age)",
    "I(yield)",
    "bs(age)",
    "poly(age, week)",
    "poly(age, 2, raw=True)",
    "poly(age, True)",
    "poly(*age)",
    "bs(age, **age)",
    "bs(open('{canary}', 'w'), 4)",
    "bs(age, df=open('{canary}', 'w'))",
    "poly(age, 10**9)",
    "bs(age, 1000)",
    "cr(age, 3)",
    "lag(age)",
    "hashed(trt)",
    "Q('age')",
    "[age ~ trt]",
    "`age`.tofile('{canary}')",
    "I(" + "-" * 900 + "age)",
    "I(" + "(" * 400 + "age" + ")" * 400 + " +)",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_python_in_a_formula_is_refused_and_not_run(attack, tmp_path):
    canary = tmp_path / "canary"
    assert refusal(attack.format(canary=canary)).startswith("Invalid input: formula")
    assert not canary.exists()


def test_formulaic_gets_nothing_but_placeholders_operators_brackets_and_numbers(monkeypatch):
    seen = []
    original = formulaic.Formula

    def watched(text):
        seen.append(text)
        return original(text)

    monkeypatch.setattr(formulaic, "Formula", watched)
    coded('C(trt, Treatment("treat")) * log(age) + (`my age` + week)**2 - 1')
    assert seen == ["f0 * f1 + ( f2 + f3 ) ** 2 - 1"]


def test_the_largest_exponents_end_in_a_message_and_not_in_a_hanging_sheet():
    started = time.process_time()
    assert refusal("I(10**10**10**age)").startswith("Invalid input: formula must give finite numbers.")
    assert refusal("(trt*sex*age*week*flag)**9").startswith("Invalid input: formula must give at most 10,000 terms.")
    assert time.process_time() - started < 1.0


def test_whatever_is_typed_gives_columns_or_a_message():
    pieces = ["trt", "sex", "age", "`my age`", "C(week)", "log(age)", *"+-*/:^()", "**", "0", "1", "2"]
    rare = [" ", "C(", "I(", *"[]{}'\"`,.~|%\\=#@!\n\0", "in", "lambda", "Treatment('treat')"]
    generator = random.Random(5)
    read = 0
    for _ in range(3000):
        formula = "".join(
            generator.choice(pieces if generator.random() < 0.7 else rare) for _ in range(generator.randint(1, 7))
        )
        try:
            columns(DATA, formula)
            read += 1
        except InvalidInputError:
            pass
    # a few per cent of such strings are formulas, so the loop reaches both ends
    assert 30 < read < 1500


def test_a_missing_package_is_answered_with_the_way_to_install_it(monkeypatch):
    for module in [name for name in sys.modules if name.partition(".")[0] == "formulaic"]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError, match=r'pip install "glmm-binomial\[formulas\]"'):
        columns(DATA, "trt")
