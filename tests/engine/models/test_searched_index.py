"""The search as a step of a model: chosen by training samples alone."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from soilcore.core.errors import ModelError, SettingsError
from soilcore.features.formula import parse_formula
from soilcore.models.index_search import search_indices
from soilcore.models.searched_index import SearchedIndex

ROLES = ["B", "G", "R", "N", "S1", "S2"]


@pytest.fixture
def data():
    generator = np.random.default_rng(0)
    bands = pd.DataFrame(generator.uniform(0.06, 0.25, (80, 1)) * generator.lognormal(0, 0.2, (80, 6)), columns=ROLES)
    bands["elevation"] = generator.normal(size=80)
    return bands, np.exp(3 * (bands.S1 - bands.N) / (bands.S1 + bands.N) + generator.normal(0, 0.2, 80)).to_numpy()


def test_it_chooses_what_the_search_ranks_first(data):
    X, y = data
    step = SearchedIndex(bands=ROLES, keep=3).fit(X, y)
    rows = [row for row in search_indices(X[ROLES], y, permutations=99, halves=1).rows if row["same_order_as"] is None]
    assert step.formulas_ == tuple(row["formula"] for row in rows[:3])
    assert step.correlations_ == pytest.approx([row["rho"] for row in rows[:3]])


def test_transform_is_the_formula_and_what_is_passed_through(data):
    X, y = data
    step = SearchedIndex(bands=ROLES, keep=2, passthrough=True).fit(X, y)
    values = step.transform(X[:5])
    assert list(step.get_feature_names_out()) == [*step.formulas_, "elevation"]
    np.testing.assert_allclose(values[:, 0], parse_formula(step.formulas_[0]).evaluate(X[:5]))
    np.testing.assert_array_equal(values[:, 2], X["elevation"][:5])
    assert SearchedIndex(bands=ROLES).fit(X, y).transform(X).shape == (80, 1)


def test_nothing_of_a_test_fold_reaches_the_choice(data):
    X, y = data
    generator = np.random.default_rng(1)
    for train, test in KFold(4, shuffle=True, random_state=0).split(X):
        altered, noise = X.copy(), y.copy()
        altered.iloc[test, :6] = generator.uniform(0.05, 0.6, (len(test), 6))
        noise[test] = generator.lognormal(size=len(test))
        plain = SearchedIndex(bands=ROLES, keep=3).fit(X.iloc[train], y[train])
        other = SearchedIndex(bands=ROLES, keep=3).fit(altered.iloc[train], noise[train])
        assert plain.formulas_ == other.formulas_
        np.testing.assert_array_equal(plain.transform(X), other.transform(X))


def test_predictions_of_a_fold_do_not_depend_on_its_own_target(data):
    X, y = data
    model = make_pipeline(SearchedIndex(bands=ROLES, keep=2), SimpleImputer(strategy="median"), LinearRegression())
    folds = list(KFold(4, shuffle=True, random_state=0).split(X))
    honest = cross_val_predict(model, X, y, cv=folds)
    for train, test in folds:
        altered = y.copy()
        altered[test] = np.random.default_rng(2).permutation(altered[test]) * 3
        again = clone(model).fit(X.iloc[train], altered[train]).predict(X.iloc[test])
        np.testing.assert_array_equal(again, honest[test])


def test_a_permuted_target_shows_no_skill_when_the_search_is_inside_and_much_when_it_is_outside(data):
    X, y = data
    inside, outside = [], []
    for seed in range(12):
        shuffled = np.log(np.random.default_rng(seed).permutation(y))
        folds = KFold(5, shuffle=True, random_state=seed)
        model = make_pipeline(SearchedIndex(bands=ROLES), SimpleImputer(), LinearRegression())
        inside.append(_r2(shuffled, cross_val_predict(model, X, shuffled, cv=folds)))
        leaked = SearchedIndex(bands=ROLES).fit(X, shuffled).transform(X)
        outside.append(_r2(shuffled, cross_val_predict(LinearRegression(), leaked, shuffled, cv=folds)))
    assert np.quantile(inside, 0.95) <= 0.05
    assert np.median(inside) < 0 < np.median(outside)


def _r2(y, predicted):
    return 1 - np.sum((y - predicted) ** 2) / np.sum((y - y.mean()) ** 2)


def test_a_clone_is_unfitted_and_has_the_same_settings(data):
    step = SearchedIndex(bands=ROLES, keep=2, statistic="pearson", log_target=True, forms=["ratio"])
    copy = clone(step.fit(*data))
    assert copy.get_params() == step.get_params()
    assert not hasattr(copy, "formulas_")
    assert all("/" in formula and "(" not in formula for formula in step.formulas_)


def test_invalid_reflectance_gives_nan_at_transform(data):
    X, y = data
    step = SearchedIndex(bands=ROLES).fit(X, y)
    dark = X[:2].copy()
    dark.iloc[0, :6] = -0.01
    assert np.isnan(step.transform(dark)[0, 0])
    assert np.isfinite(step.transform(dark)[1, 0])


def test_arrays_serve_as_well_as_tables(data):
    X, y = data
    step = SearchedIndex().fit(X[ROLES].to_numpy(), y)
    np.testing.assert_allclose(step.transform(X[ROLES].to_numpy()), SearchedIndex().fit(X[ROLES], y).transform(X))


def test_wrong_calls_are_said(data):
    X, y = data
    with pytest.raises(ModelError, match="needs the column 'RE1'"):
        SearchedIndex(bands=["RE1", "N"]).fit(X, y)
    with pytest.raises(SettingsError, match="keep must be"):
        SearchedIndex(keep=0).fit(X[ROLES], y)
    with pytest.raises(ModelError, match="reflectance lies above 0"):
        SearchedIndex().fit(X[ROLES] * 1e4, y)
    with pytest.raises(ModelError, match="fitted with the column 'G'"):
        SearchedIndex().fit(X[ROLES], y).transform(X[["B"]])
