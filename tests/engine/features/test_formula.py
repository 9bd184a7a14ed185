"""Formulas are arithmetic and nothing else; what is undefined is NaN."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soilcore.core.errors import FormulaError
from soilcore.features.formula import MAXIMUM_LENGTH, parse_formula, parse_named_formula

HOSTILE = [
    "9**9**9**9",
    "N**9**9",
    "N**99",
    "N**R",
    "N**0",
    "N**-0.0",
    "N**1e9",
    "(9**8)**8*N",
    "x" * 10_000_000,
    "(" * 5_000_000 + "N" + ")" * 5_000_000,
    "(" * 150 + "N" + ")" * 150,
    "-" * (MAXIMUM_LENGTH - 1) + "N",
    "+".join("N" * 200),
    "N.real",
    "N.__class__",
    "().__class__.__bases__",
    "__import__('os').system('id')",
    '"text"',
    "[N for N in G]",
    "{N}",
    "N[0]",
    "(N:=1)",
    "lambda: N",
    "N if R else G",
    "N and R",
    "not N",
    "N<R",
    "N==R",
    "N//R",
    "N%R",
    "N@R",
    "N&R",
    "~N",
    "N,R",
    "()",
    "abs(N)",
    "max(N,R)",
    "sqrt",
    "sqrt()",
    "sqrt(N)(R)",
    "N(R)",
    "f'{N}'",
    "1j*N",
    "True*N",
    "None+N",
    "1e400*N",
    "9" * 390 + "*N",
    "N/0",
    "N/(1-1)",
    "sqrt(-1)*N",
    "1",
    "",
    "   ",
    "N+",
    "*N",
    "N R",
    "N\n+R",
    "N;R",
    "N#R",
    "await N",
    "\uff2e+R",  # a full-width N, which Python would read as N
    "N\u2212R",  # a typographic minus
    "N\u200b+R",
    "\u212a*R",  # the Kelvin sign, which Python would read as K
    "N\x00",
    "N\ud800",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:24]))
def test_everything_but_arithmetic_is_refused_in_one_sentence(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(FormulaError) as caught:
            parse_formula(text)
    message = caught.value.message
    assert "position" in message
    assert "+ - * / **" in message
    assert message.count(". ") == 0
    assert len(message) < 400


@pytest.mark.parametrize("text", [None, 5, b"N-R", ["N"]])
def test_what_is_no_text_is_refused(text):
    with pytest.raises((FormulaError, TypeError)):
        parse_formula(text)


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_text_does_anything_but_parse_or_raise_a_formula_error(text):
    try:
        formula = parse_formula(text)
    except FormulaError:
        return
    values = formula.evaluate({name: np.array([0.1, 0.2]) for name in formula.names})
    assert not np.isinf(values).any()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("N-R", 0.2),
        (" (N-R)/(N+R) ", 0.5),
        ("-N**2", -0.09),
        ("N**-1", 1 / 0.3),
        ("N**-0.5", 0.3**-0.5),
        ("N**1.5", 0.3**1.5),
        ("N**0.3", 0.3**0.3),
        ("N**3", 0.027),
        ("2**3*N", 2.4),
        ("2.5*N/R", 7.5),
        ("sqrt(N*R)", 0.03**0.5),
        ("+N--R", 0.4),
        ("N-R-R", 0.1),
        ("N/R/R", 30.0),
        ("1e-1*N", 0.03),
    ],
)
def test_arithmetic_follows_the_usual_order(text, expected):
    assert parse_formula(text).evaluate({"N": np.array([0.3]), "R": np.array([0.1])})[0] == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("exponent", [2, 3, 0.5, 2.5, 0.3, -1, -0.5, -2.7])
def test_powers_equal_those_of_numpy(exponent):
    values = np.random.default_rng(0).uniform(0.01, 1.5, 500)
    np.testing.assert_allclose(parse_formula(f"N**{exponent}").evaluate({"N": values}), values**exponent, rtol=1e-14)


def test_a_small_denominator_and_a_negative_radicand_give_nan_and_nothing_is_clamped():
    values = {"N": np.array([1.0, 1.0, 1.0, -1.0]), "R": np.array([9.9e-7, -9.9e-7, 1.1e-6, 0.5])}
    np.testing.assert_allclose(parse_formula("N/R").evaluate(values), [np.nan, np.nan, 1 / 1.1e-6, -2.0])
    np.testing.assert_allclose(parse_formula("sqrt(N)").evaluate(values), [1, 1, 1, np.nan])
    np.testing.assert_allclose(parse_formula("N**0.3").evaluate(values), [1, 1, 1, np.nan])
    np.testing.assert_allclose(parse_formula("R**-2").evaluate({"R": np.array([1e-4, -0.5])}), [np.nan, 4.0])


def test_no_infinity_leaves_even_when_one_goes_in():
    values = np.array([np.inf, -np.inf, np.nan, 1e300, 0.2])
    for text in ("N", "N*N", "1/N", "N-N", "N**8", "-N"):
        assert not np.isinf(parse_formula(text).evaluate({"N": values})).any()
    single = parse_formula("N**8").evaluate({"N": np.array([1e20], np.float32)})
    assert np.isnan(single[0])


def test_float32_stays_float32_and_everything_else_becomes_float64():
    formula = parse_formula("2.5*N+R")
    one = np.ones((2, 3), np.float32)
    assert formula.evaluate({"N": one, "R": one}).dtype == np.float32
    assert formula.evaluate({"N": one, "R": one.astype(float)}).dtype == np.float64
    assert formula.evaluate({"N": one.astype(np.int16), "R": one}).dtype == np.float64
    assert formula.evaluate({"N": one, "R": one}).shape == (2, 3)
    assert formula.evaluate({"N": 0.2, "R": 0.1}).shape == ()
    assert formula.evaluate({"N": np.empty(0), "R": np.empty(0)}).shape == (0,)


def test_inputs_are_never_changed():
    values = {"N": np.array([0.2, -1.0]), "R": np.array([0.0, 0.1])}
    kept = {name: array.copy() for name, array in values.items()}
    parse_formula("(N-R)/(N+R)+N/R").evaluate(values)
    for name, array in values.items():
        np.testing.assert_array_equal(array, kept[name])


def test_a_strided_view_gives_what_a_copy_gives():
    image = np.random.default_rng(0).uniform(0.1, 0.5, (40, 50, 2))
    view = {"N": image[::3, ::2, 0], "R": image[::3, ::2, 1]}
    np.testing.assert_array_equal(parse_formula("N/R").evaluate(view), image[::3, ::2, 0] / image[::3, ::2, 1])


def test_a_missing_name_and_unequal_shapes_are_said():
    with pytest.raises(FormulaError, match="'S2', which is not there"):
        parse_formula("N/S2").evaluate({"N": np.ones(2)})
    with pytest.raises(FormulaError, match=r"N \(2,\), R \(3,\)"):
        parse_formula("N/R").evaluate({"N": np.ones(2), "R": np.ones(3)})


def test_a_named_formula_carries_its_name():
    formula = parse_named_formula(" MINE = (S1 - N)/(S1 + N) ")
    assert (formula.name, formula.text, formula.names) == ("MINE", "(S1 - N)/(S1 + N)", ("S1", "N"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("S1=B/R", "is S_1 here"),
        ("N=R", "near infrared"),
        ("NDVI=N-R", "already the index"),
        ("1X=N", "cannot name"),
        ("a b=N", "cannot name"),
        ("=N", "cannot name"),
        ("sqrt=N", "cannot name"),
        ("N-R", "has no name"),
        ("X==N", "position 1"),
        (7, "has no name"),
    ],
)
def test_a_name_that_clashes_or_is_none_is_explained(text, said):
    with pytest.raises(FormulaError, match=said):
        parse_named_formula(text)
