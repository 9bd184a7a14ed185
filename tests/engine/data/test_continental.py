"""The continental table: 42 covariates, LUCAS-like EC, and a ceiling that holds."""

import numpy as np
import pytest

from soilcore.core.errors import SettingsError
from soilcore.core.tables import load_table
from soilcore.core.units import texture_class
from soilcore.data.continental import continental

FIXED = ["id", "lon", "lat", "date", "texture", "ec_1_5_dS_m"]


@pytest.fixture(scope="module")
def continent():
    return continental(3000, 1)


def test_there_are_forty_two_covariates_and_none_is_made_of_the_target(continent):
    covariates = continent.table.columns.drop(FIXED)
    assert list(covariates) == list(load_table("continental")["covariates"])
    assert len(covariates) == 42
    assert not any(name.startswith(("ec", "giz", "gi_")) for name in covariates)
    assert continent.table.notna().all(axis=None)


def test_loadings_leave_room_for_noise_in_every_covariate():
    for name, row in load_table("continental")["covariates"].items():
        assert sum(weight**2 for weight in row["loadings"].values()) < 1, name


@pytest.mark.parametrize("seed", range(4))
def test_ec_has_the_quartiles_of_lucas_and_a_saline_tail(seed):
    drawn = continental(3000, seed)
    quartiles = drawn.table["ec_1_5_dS_m"].quantile([0.25, 0.5, 0.75])
    np.testing.assert_allclose(quartiles, [0.10, 0.17, 0.28], rtol=0.1)
    assert drawn.table["ec_1_5_dS_m"].max() < 25
    assert (drawn.table["ec_1_5_dS_m"] > 1).mean() == pytest.approx(0.04, abs=0.02)
    assert drawn.facts["saline_share"] == pytest.approx(0.05, abs=0.02)


def test_organic_carbon_has_its_median_and_texture_is_a_composition(continent):
    table = continent.table
    assert table["soc_g_kg"].median() == pytest.approx(20, rel=0.1)
    silt = 100 - table["sand_pct"] - table["clay_pct"]
    assert silt.min() >= -0.1
    assert list(table["texture"]) == list(texture_class(table["sand_pct"], silt.round(1), table["clay_pct"]))
    assert table["texture"].nunique() >= 9


def test_the_ceiling_is_the_score_of_the_truth_and_no_forest_passes_it(continent):
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import KFold, cross_val_predict

    y = np.log(continent.table["ec_1_5_dS_m"].to_numpy())
    ceiling = 1 - ((y - continent.truth) ** 2).mean() / y.var()
    assert continent.facts["r2_ceiling_ln_ec"] == pytest.approx(ceiling, abs=2e-3)
    assert 0.4 < ceiling < 0.6
    forest = RandomForestRegressor(40, min_samples_leaf=5, max_features=0.33, random_state=0)
    guessed = cross_val_predict(forest, continent.table.drop(columns=FIXED), y, cv=KFold(3, shuffle=True, random_state=0))
    assert 0.2 < 1 - ((y - guessed) ** 2).mean() / y.var() < ceiling


def test_neighbours_are_alike_so_that_random_folds_flatter(continent):
    table = continent.table
    near = np.argsort((table["lon"] - table["lon"].iloc[0]) ** 2 + (table["lat"] - table["lat"].iloc[0]) ** 2)[:100]
    assert table["tmean_degC"].iloc[near].std() < 0.85 * table["tmean_degC"].std()


def test_the_seed_makes_it_repeatable():
    first, second, other = continental(50, 3).table, continental(50, 3).table, continental(50, 4).table
    assert first.equals(second)
    assert not first["ec_1_5_dS_m"].equals(other["ec_1_5_dS_m"])


@pytest.mark.parametrize(("samples", "seed"), [(29, 0), (2_000_000, 0), (100, -1)])
def test_impossible_settings_are_refused(samples, seed):
    with pytest.raises(SettingsError, match=r"29|2000000|-1"):
        continental(samples, seed)
