"""Exactly dependent drivers are one; dependence plots name a partner only where there is an interaction; importance is that of unseen places."""

import numpy as np
import pandas as pd
import pytest

from soilcore.core.errors import SettingsError
from soilcore.evaluation.splits import SplitSettings, make_splits
from soilcore.explanation.dependence import dependence
from soilcore.explanation.grouping import exact_dependency_groups, grouped
from soilcore.explanation.importance import attribution_rows, permutation_importance
from soilcore.explanation.tabular import Explained
from soilcore.models.pipelines import TunedRegressor


def explained(given, values, names):
    return Explained(tuple(names), 0.5, values, 0.5 + values.sum(axis=1), given, "the unit of the target")


def test_indices_that_follow_from_one_another_are_one_group():
    names = (
        "NDVI",
        "S_2",
        "elevation",
        "RVI",
        "TVI",
        "LSWI",
        "S_1",
        "GDVI",
        "NDSI_LAN",
        "NDSI_KHAN",
        "SI_T",
        "DVI",
        "SSSI1_LAN",
        "SI_ASTER",
        "SI4_IDNP",
        "SI4",
    )
    groups = [set(members) for members in exact_dependency_groups(names).values()]
    for chain in (
        {"NDVI", "RVI", "TVI", "GDVI", "NDSI_KHAN", "SI_T"},
        {"S_1", "S_2"},
        {"LSWI", "NDSI_LAN", "SI4"},
        {"DVI", "SSSI1_LAN"},
        {"SI_ASTER", "SI4_IDNP"},
    ):
        assert chain in groups
    assert {"elevation"} in groups


def test_indices_that_are_merely_alike_stay_apart():
    groups = exact_dependency_groups(("NDVI", "SAVI", "OSAVI", "EVI2", "SI2", "BI_KHAN", "S1", "SI4"))
    assert all(len(members) == 1 for members in groups.values())


def test_formulas_and_categories_are_grouped_too():
    groups = exact_dependency_groups(("a", "cover=1", "NDVI", "cover=2"), {"a": "(N-R)/(R+N)"})
    assert set(groups.values()) == {("a", "NDVI"), ("cover=1", "cover=2")}


def test_the_attribution_of_a_group_is_the_sum_of_its_members():
    values = np.array([[1.0, 2.0, -4.0], [0.0, 1.0, 1.0]])
    made = grouped(explained(values, values, "abc"), {"ab": ("a", "b"), "c": ("c",)})
    np.testing.assert_allclose(made.values, [[3, -4], [1, 1]])
    assert made.additivity_error == 0 and np.isnan(made.given[:, 0]).all() and made.given[0, 1] == -4
    with pytest.raises(SettingsError, match="every driver once"):
        grouped(explained(values, values, "abc"), {"ab": ("a", "b")})


def test_dependence_finds_the_partner_of_an_interaction_and_none_where_there_is_none():
    given = np.random.default_rng(0).normal(size=(150, 4))
    product = explained(given, np.column_stack([given[:, 0] * (1 + given[:, 2]), np.sin(given[:, 1]), given[:, 2], given[:, 3]]), "abcd")
    found = dependence(product, "a")
    assert found["partner"] == "c" and found["strength"] > 0.9 > found["chance"]
    assert len(found["values"]) == len(found["contributions"]) == len(found["partner_values"]) == 150
    alone = dependence(product, "d")
    assert alone["partner"] is None and alone["slope_sign"] == pytest.approx(1)


def test_dependence_of_an_unknown_driver_is_refused():
    given = np.zeros((20, 2))
    with pytest.raises(SettingsError, match="no driver 'x'"):
        dependence(explained(given, given, "ab"), "x")


def test_rows_of_attributions_are_ordered_by_their_mean_size():
    values = np.array([[1.0, -3.0], [1.0, 3.0]])
    rows = attribution_rows(explained(values, values, "ab"))
    assert [row["feature"] for row in rows] == ["b", "a"]
    assert rows[0] | {"low": 0, "high": 0} == {"feature": "b", "mean_abs": 3, "share": 0.75, "mean": 0, "low": 0, "high": 0, "error": None}


@pytest.fixture(scope="module")
def field():
    rng = np.random.default_rng(5)
    places = rng.uniform(0, 1000, (90, 2))
    N, R, noise = rng.uniform(0.2, 0.6, 90), rng.uniform(0.05, 0.3, 90), rng.normal(size=90)
    X = pd.DataFrame({"NDVI": (N - R) / (N + R), "RVI": N / R, "noise": noise})
    y = 5 - 4 * X["NDVI"].to_numpy() + rng.normal(0, 0.1, 90)
    return X, y, make_splits(SplitSettings("block", folds=4, block_size=250.0), 90, coordinates=places)


def test_importance_of_dependent_indices_is_shown_only_when_they_are_permuted_together(field):
    X, y, splits = field
    learner = TunedRegressor("ridge", trials=0)
    together = permutation_importance(learner, X, y, splits, repeats=3)
    alone = permutation_importance(learner, X, y, splits, groups={name: (name,) for name in X}, repeats=3)
    first = together["rows"][0]
    assert first["members"] == ["NDVI", "RVI"] and len(first["folds"]) == splits.n_folds
    assert first["loss"] > 1.2 > 0.1 > abs(together["rows"][1]["loss"])
    assert alone["rows"][0]["loss"] < first["loss"] and first["loss_sd"] > 0
    assert together["r2"] > 0.8


def test_too_few_permutations_are_refused(field):
    X, y, splits = field
    with pytest.raises(SettingsError, match="Give 2 or more"):
        permutation_importance(TunedRegressor("ridge", trials=0), X, y, splits, repeats=1)
