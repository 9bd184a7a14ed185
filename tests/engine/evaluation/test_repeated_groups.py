"""Units that stand in several rows are found by what they share, named by the table, and warned of when folds divide them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor

from soilcore.core.projection import projected_metres
from soilcore.data.sample_set import SampleSettings
from soilcore.data.samples import read_samples
from soilcore.evaluation.protocol import compare
from soilcore.evaluation.repeated_groups import check_repeated_units, found_groups, naming_column, straddling_samples
from soilcore.evaluation.splits import SplitSettings, make_splits


def profiles(units=60, each=4, covariates=10, seed=0):
    """Horizons of profiles: covariates of the place are shared, depth is not; the target has a part of the profile that no covariate shows."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(units), each)
    X = pd.DataFrame(rng.normal(size=(units, covariates))[unit], columns=[f"c{i}" for i in range(covariates)])
    X["depth"] = np.tile(np.arange(each) * 20.0, units)
    y = 0.3 * X["c0"] + rng.normal(size=units)[unit] - 0.005 * X["depth"] + 0.3 * rng.normal(size=units * each)
    order = rng.permutation(unit.size)
    table = pd.DataFrame({"row": np.arange(unit.size), "profile": [f"P{one}" for one in unit], "lab": rng.normal(size=unit.size)})
    return X.iloc[order].reset_index(drop=True), y.to_numpy()[order], unit[order], table.iloc[order].reset_index(drop=True)


def test_units_that_share_most_covariates_are_found_and_named():
    X, _, unit, table = profiles()
    groups = found_groups(X, table)
    assert groups.n_groups == 60
    assert not _spread(groups, unit).any()
    assert groups.column == "profile"
    assert groups.n_repeated == 240


def _spread(groups, unit):
    return np.array([np.ptp(groups.labels[unit == one]) for one in np.unique(unit)])


def test_missing_values_and_a_few_columns_that_vary_do_not_hide_a_unit():
    X, _, unit, table = profiles()
    X["slope of the horizon"] = np.random.default_rng(1).normal(size=len(X))
    X.loc[X.index % 7 == 0, "c3"] = np.nan
    groups = found_groups(X, table)
    assert groups.n_groups == 60
    assert not _spread(groups, unit).any()


def test_samples_of_their_own_are_no_units_even_where_classes_and_counts_agree():
    rng = np.random.default_rng(0)
    own = pd.DataFrame(rng.normal(size=(300, 5)))
    own["land use"], own["soil"], own["class"] = rng.integers(0, 3, (3, 300))
    assert found_groups(own).n_repeated == 0
    assert found_groups(pd.DataFrame(rng.integers(0, 4, (300, 3)))).n_repeated == 0
    assert found_groups(pd.DataFrame(index=range(5))).n_repeated == 0
    assert "No two samples" in found_groups(own).detail


def test_equal_coordinates_make_a_unit_but_not_one_dummy_place():
    rng = np.random.default_rng(0)
    X, places = rng.normal(size=(60, 4)), np.repeat(rng.uniform(0, 1e4, (30, 2)), 2, axis=0)
    groups = found_groups(X, coordinates=places)
    assert (groups.n_groups, groups.column) == (30, None)
    assert "share their place" in groups.detail
    assert found_groups(X, coordinates=np.zeros((60, 2))).n_repeated == 0
    assert found_groups(X, coordinates=np.full((60, 2), np.nan)).n_repeated == 0


def test_measurements_predictors_and_folds_name_no_unit():
    labels = np.repeat(np.arange(20), 3)
    table = pd.DataFrame({"elevation": labels + 0.5, "covariate": labels, "fold": labels, "number": np.arange(60)})
    assert naming_column(labels, table, {"covariate"}) is None
    table["site"] = labels // 2
    table["sample"] = np.arange(60).astype(str)
    assert naming_column(labels, table, {"covariate"}) == "site"
    table["pedon"] = labels
    assert naming_column(labels, table, {"covariate"}) == "pedon"


def test_folds_that_divide_units_are_warned_of_with_the_way_out():
    X, _, _, table = profiles()
    random = make_splits(SplitSettings("random"), 240, table=table, predictors=X)
    warning = next(finding for finding in random.findings if finding.code == "repeated-units")
    assert (warning.severity, warning.column) == ("warning", "profile")
    assert warning.fix == "Use --cv group:profile."
    assert straddling_samples(random.repeated, random).mean() > 0.9
    grouped = make_splits(SplitSettings("group:profile"), 240, table=table, predictors=X)
    assert not [finding for finding in grouped.findings if finding.code == "repeated-units"]


def test_a_few_repeated_samples_are_a_note():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 5)))
    X.iloc[1] = X.iloc[0]
    for seed in range(20):
        splits = make_splits(SplitSettings("random", seed=seed), 300, predictors=X)
        if splits.assignments[0, 0] != splits.assignments[0, 1]:
            break
    assert [(finding.code, finding.severity) for finding in splits.findings] == [("repeated-units", "note")]


def test_a_table_is_said_to_repeat_units_before_anyone_divides_it(tmp_path):
    X, y, _, table = profiles()
    X.assign(EC=np.exp(y), profile=table["profile"]).to_csv(tmp_path / "horizons.csv", index=False)
    samples = read_samples(tmp_path / "horizons.csv", SampleSettings(target="EC"))
    (found,) = check_repeated_units(samples)
    assert (found.code, found.severity, found.column) == ("repeated-units", "warning", "profile")
    assert "240 of 240 samples" in found.message
    assert "--cv group:profile" in found.fix


def test_places_in_degrees_are_told_apart_when_a_table_is_checked(tmp_path):
    rng = np.random.default_rng(0)
    places = np.repeat(rng.uniform(0, 0.05, (30, 2)), 2, axis=0)  # all within what would be a decimetre, were they metres
    frame = pd.DataFrame({"lon": 15 + places[:, 0], "lat": 45 + places[:, 1], "EC": rng.uniform(1, 5, 60), "a": rng.normal(size=60)})
    frame.to_csv(tmp_path / "plots.csv", index=False)
    (found,) = check_repeated_units(read_samples(tmp_path / "plots.csv", SampleSettings(target="EC")))
    assert "30 units of 2 samples" in found.message
    frame.assign(lon=np.linspace(15, 15.05, 60)).to_csv(tmp_path / "own.csv", index=False)
    assert check_repeated_units(read_samples(tmp_path / "own.csv", SampleSettings(target="EC"))) == ()


def test_a_spectrum_is_compared_by_some_of_its_columns():
    rng = np.random.default_rng(0)
    spectra = np.repeat(rng.normal(size=(40, 1500)), 2, axis=0)
    assert found_groups(spectra).n_groups == 40


def test_many_rows_are_searched_in_seconds():
    import time

    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(5500, 42)), 4, axis=0)
    X[:, 0] = rng.normal(size=22000)
    started = time.perf_counter()
    groups = found_groups(X)
    assert groups.n_groups == 5500
    assert time.perf_counter() - started < 20


@pytest.fixture(scope="module")
def ucrb(shared_data):
    table = pd.read_csv(shared_data / "ec_ucrb" / "cop_ncss17_ec12_2D_covarsc.txt", sep=None, engine="python")
    table = table[table["ec_12pre"] > 0]
    X = table.loc[:, "CAlog_10":].assign(top=table["depth_t"], bottom=table["depth_b"])
    return table, X, np.log10(table["ec_12pre"].to_numpy())


def test_the_horizons_of_the_upper_colorado_are_found_and_random_folds_flatter_them(ucrb):
    """3,067 horizons of 608 profiles: R2 of log10 EC about 0.78 with random folds, about 0.45 with whole profiles."""
    table, X, y = ucrb
    random = make_splits(SplitSettings("random", folds=4), len(X), table=table, predictors=X)
    warning = random.findings[0]
    assert (warning.code, warning.severity, warning.column) == ("repeated-units", "warning", "Pedon_key")
    grouped = make_splits(SplitSettings("group:Pedon_key", folds=4), len(X), table=table, predictors=X)
    assert not [finding for finding in grouped.findings if finding.severity == "warning"]
    forest = RandomForestRegressor(20, max_features=0.33, min_samples_leaf=2, n_jobs=2, random_state=0)
    row = compare({"rf": forest}, X.to_numpy(), y, grouped).rows[0]
    assert row["r2_random"] > row["r2"] + 0.2
    assert row["r2"] == pytest.approx(0.45, abs=0.08)
    assert row["r2_random"] == pytest.approx(0.78, abs=0.08)


def test_the_horizons_are_also_found_by_place_alone(ucrb):
    table, X, _ = ucrb
    places = projected_metres(table["LONG_dec"], table["LAT_dec"], 4326)
    groups = found_groups(X[["SLOPE"]], table, places)
    assert groups.column == "Pedon_key"


def test_the_cells_of_odisha_keep_its_repeated_samples_together(shared_data):
    table = pd.read_csv(shared_data / "ec_odisha" / "soil_data_raw.csv", encoding="latin-1").dropna(subset=["NIR"])
    groups = found_groups(table.loc[:, "Blue":"SWIR2"], table)
    assert (groups.n_repeated, groups.column) == (12, "Grid_Cell_ID")
