"""Divisions of samples: what each scheme promises holds for any samples, and what it cannot do is said."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soilcore.core.errors import SampleError, SettingsError
from soilcore.evaluation.blocks import block_labels, choose_block_size, deal
from soilcore.evaluation.leakage_checks import leakage_checks, straddling_pairs
from soilcore.evaluation.splits import Splits, SplitSettings, make_splits, parse_scheme, random_contrast
from soilcore.evaluation.variogram import correlation_range, experimental_variogram


def places(n=200, extent=1000.0, seed=0):
    return np.random.default_rng(seed).uniform(0, extent, (n, 2)) + np.array([500_000, 4_000_000])


def field(coordinates, reach, seed=0, nugget=0.05):
    """Gaussian values with a spherical covariance of known range."""
    from scipy.spatial.distance import cdist

    h = np.minimum(cdist(coordinates, coordinates) / reach, 1)
    covariance = (1 - 1.5 * h + 0.5 * h**3) + nugget * np.eye(len(h))
    return np.linalg.cholesky(covariance) @ np.random.default_rng(seed).normal(size=len(h))


def assert_partition(splits):
    for repeat in range(splits.n_repeats):
        folds = splits.folds(repeat)
        assert np.array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(splits.n_samples))
        for train, test in folds:
            assert not set(train) & set(test)
            assert test.size


@given(st.integers(12, 300), st.integers(2, 10), st.integers(1, 3), st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_random_folds_test_every_sample_once_in_equal_numbers(n, folds, repeats, seed):
    splits = make_splits(SplitSettings("random", folds, repeats, seed=seed), n)
    assert_partition(splits)
    assert max(splits.sizes) - min(splits.sizes) <= 1
    assert splits.groups is None
    assert splits.n_repeats == repeats


def test_the_seed_draws_the_folds_and_repeats_differ():
    one, again, other = (make_splits(SplitSettings(repeats=2, seed=seed), 100) for seed in (1, 1, 2))
    assert np.array_equal(one.assignments, again.assignments)
    assert not np.array_equal(one.assignments, other.assignments)
    assert not np.array_equal(one.assignments[0], one.assignments[1])


@given(st.lists(st.integers(1, 30), min_size=2, max_size=60), st.integers(2, 10), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_whole_groups_are_dealt_evenly(sizes, folds, seed):
    """No fold is larger than another by more than the largest group, and none is empty."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    folds = min(folds, len(sizes))
    dealt = deal(groups, folds, np.random.default_rng(seed))
    counts = np.bincount(dealt, minlength=folds)
    assert counts.min() > 0
    assert np.ptp(counts) <= max(sizes)
    assert all(np.unique(dealt[groups == group]).size == 1 for group in range(len(sizes)))


def test_group_folds_keep_groups_whole_in_every_repeat_and_tell_the_inner_folds():
    table = pd.DataFrame({"cell": [f"C{i // 3}" for i in range(90)]})
    splits = make_splits(SplitSettings("group:cell", folds=7, repeats=4), 90, table=table)
    assert_partition(splits)
    for folds in splits.assignments:
        assert all(np.unique(folds[splits.groups == group]).size == 1 for group in np.unique(splits.groups))
    assert np.unique(splits.groups).size == 30
    assert not np.array_equal(splits.assignments[0], splits.assignments[1])


def test_fewer_groups_than_folds_make_fewer_folds_and_say_so():
    splits = make_splits(SplitSettings("group:year", folds=10), 60, table=pd.DataFrame({"year": np.repeat([2019, 2020, 2021], 20)}))
    assert splits.sizes == [20, 20, 20]
    assert any("only 3 groups" in sentence and "instead of 10" in sentence for sentence in splits.assumed)


@pytest.mark.parametrize("value", [np.nan, None, "", "  "])
def test_a_sample_without_a_group_is_refused_with_its_row(value):
    table = pd.DataFrame({"site": ["a"] * 10 + ["b"] * 10}, index=range(2, 22))
    table.loc[7, "site"] = value
    with pytest.raises(SampleError, match="row 7"):
        make_splits(SplitSettings("group:site"), 20, table=table)


def test_one_group_leaves_nothing_to_test_on():
    with pytest.raises(SampleError, match="All 20 samples"):
        make_splits(SplitSettings("group:site"), 20, table=pd.DataFrame({"site": ["a"] * 20}))


def test_published_folds_are_used_as_they_stand():
    folds = np.array([3, 1, 2] * 10)
    splits = make_splits(SplitSettings("folds:fold"), 30, table=pd.DataFrame({"fold": folds}))
    assert (splits.assignments[0] == folds - 1).all()
    assert splits.groups is None
    assert any("3 folds of column 'fold'" in sentence for sentence in splits.assumed)


def test_published_folds_as_text_or_with_gaps_in_their_numbers_work():
    splits = make_splits(SplitSettings("folds:fold"), 30, table=pd.DataFrame({"fold": ["10", "2", "7"] * 10}))
    assert splits.sizes == [10, 10, 10]


def test_published_folds_cannot_be_repeated_and_say_so():
    splits = make_splits(SplitSettings("folds:fold", repeats=5), 30, table=pd.DataFrame({"fold": [1, 2, 3] * 10}))
    assert splits.n_repeats == 1
    assert any("1 repeat instead of 5" in sentence for sentence in splits.assumed)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([1.5] * 10 + [2.0] * 10, r"10 rows .*1\.5.*group:fold"),
        (["train"] * 10 + ["test"] * 10, "'train'"),
        ([np.nan] + [1.0] * 10 + [2.0] * 9, "row 0"),
        ([1] * 20, "only fold 1"),
    ],
)
def test_a_column_of_no_folds_is_refused_with_its_values(column, words):
    with pytest.raises(SampleError, match=words):
        make_splits(SplitSettings("folds:fold"), 20, table=pd.DataFrame({"fold": column}))


def test_a_measurement_is_not_taken_for_folds():
    with pytest.raises(SampleError, match="no column of folds"):
        make_splits(SplitSettings("folds:elevation"), 100, table=pd.DataFrame({"elevation": np.arange(100)}))


def test_a_fold_that_leaves_too_few_to_train_on_is_refused():
    with pytest.raises(SampleError, match="tests 18 samples and leaves 2"):
        make_splits(SplitSettings("folds:fold"), 20, table=pd.DataFrame({"fold": [1] * 18 + [2] * 2}))


@given(st.integers(0, 1000), st.floats(20, 2000))
@settings(max_examples=50, deadline=None)
def test_samples_of_a_block_lie_within_its_side(seed, size):
    coordinates = places(60, seed=seed)
    labels = block_labels(coordinates, size)
    assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))
    for label in range(labels.max() + 1):
        assert np.ptp(coordinates[labels == label], axis=0).max() <= size * (1 + 1e-9)


def test_block_folds_keep_blocks_whole_with_balanced_numbers():
    splits = make_splits(SplitSettings("block", folds=5, repeats=3, block_size=100.0), 200, coordinates=places())
    assert_partition(splits)
    for folds in splits.assignments:
        assert all(np.unique(folds[splits.groups == block]).size == 1 for block in np.unique(splits.groups))
    assert max(splits.sizes) - min(splits.sizes) <= np.bincount(splits.groups).max()
    assert "100 m" in splits.label


def test_the_default_block_side_is_the_range_of_the_target_and_is_said():
    coordinates = places(300)
    splits = make_splits(SplitSettings("block", folds=5), 300, coordinates=coordinates, target=field(coordinates, 250))
    assert "variogram of the target" in splits.assumed[0]
    assert np.unique(splits.groups).size >= 5


def test_without_a_target_the_default_block_side_is_a_sixth_of_the_extent():
    coordinates = places()
    splits = make_splits(SplitSettings("block", folds=5), 200, coordinates=coordinates)
    assert choose_block_size(coordinates)[0] == pytest.approx(np.ptp(coordinates, axis=0).max() / 6)
    assert "a sixth of the extent" in splits.assumed[0]


def test_no_training_sample_lies_within_the_buffer_of_a_test_sample():
    from scipy.spatial.distance import cdist

    coordinates = places()
    splits = make_splits(SplitSettings("block", folds=5, block_size=200.0, buffer=60.0), 200, coordinates=coordinates)
    for train, test in splits.folds():
        assert cdist(coordinates[train], coordinates[test]).min() > 60
        assert train.size + test.size < 200


def test_a_buffer_that_swallows_the_training_samples_is_refused():
    with pytest.raises(SampleError, match="smaller --buffer"):
        make_splits(SplitSettings("block", folds=5, block_size=200.0, buffer=5000.0), 200, coordinates=places())


def test_one_block_and_one_place_are_refused():
    with pytest.raises(SampleError, match="smaller --block-size"):
        make_splits(SplitSettings("block", block_size=1e6), 200, coordinates=places())
    with pytest.raises(SampleError, match="same coordinates"):
        make_splits(SplitSettings("block"), 20, coordinates=np.ones((20, 2)))


def test_blocks_and_buffers_need_places_of_every_sample():
    with pytest.raises(SampleError, match="no coordinates, so blocks"):
        make_splits(SplitSettings("block"), 20)
    with pytest.raises(SampleError, match="no coordinates, so a buffer"):
        make_splits(SplitSettings("random", buffer=10.0), 20)
    coordinates = places(20)
    coordinates[4] = np.nan
    with pytest.raises(SampleError, match=r"1 of 20 samples .* number 5"):
        make_splits(SplitSettings("block"), 20, coordinates=coordinates)
    assert make_splits(SplitSettings("random", repeats=2), 20, coordinates=coordinates).findings == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"folds": 1}, "--folds .* 1"),
        ({"folds": 2.5}, "2.5"),
        ({"repeats": 0}, "--repeats"),
        ({"block_size": -5.0, "scheme": "block"}, "-5.0"),
        ({"buffer": float("nan")}, "nan"),
        ({"block_size": 100.0}, "--block-size has a meaning with --cv block only"),
        ({"scheme": "loo"}, "'loo'"),
        ({"scheme": "group:"}, "group:COLUMN"),
        ({"scheme": "random:x"}, "random:x"),
        ({"scheme": "group:nothere"}, "'nothere'.*columns are cell"),
    ],
)
def test_an_impossible_call_is_refused_with_its_value(changes, words):
    with pytest.raises(SettingsError, match=words):
        make_splits(SplitSettings(**changes), 30, coordinates=places(30), table=pd.DataFrame({"cell": range(30)}))


def test_knndm_is_a_scheme_without_a_column():
    assert parse_scheme("knndm") == ("knndm", None)
    with pytest.raises(SettingsError, match="knndm:x"):
        parse_scheme("knndm:x")


def test_more_folds_than_samples_are_refused():
    with pytest.raises(SampleError, match="7 samples cannot be divided into 10 folds"):
        make_splits(SplitSettings(), 7)


def test_random_folds_warn_of_samples_of_one_place_and_blocks_keep_them_together():
    coordinates = np.repeat(places(50), 4, axis=0)
    found = make_splits(SplitSettings("random"), 200, coordinates=coordinates).findings
    assert [finding.code for finding in found] == ["same-place-across-folds"]
    blocks = make_splits(SplitSettings("block", block_size=100.0), 200, coordinates=coordinates)
    assert not len(straddling_pairs(blocks, coordinates))


def test_few_samples_divided_once_are_told_to_repeat():
    table = pd.DataFrame({"fold": [1, 2] * 50})
    codes = {
        (scheme, repeats): [finding.code for finding in make_splits(SplitSettings(scheme, repeats=repeats), 100, table=table).findings]
        for scheme, repeats in [("random", 1), ("random", 10), ("folds:fold", 1)]
    }
    assert codes == {("random", 1): ["few-samples-one-division"], ("random", 10): [], ("folds:fold", 1): []}
    assert make_splits(SplitSettings(), 150).findings == ()


def test_the_random_contrast_has_as_many_folds_and_repeats():
    splits = make_splits(SplitSettings("group:year", folds=10, repeats=2), 60, table=pd.DataFrame({"year": np.repeat([2019, 2020, 2021], 20)}))
    contrast = random_contrast(splits)
    assert (contrast.n_folds, contrast.n_repeats, contrast.name) == (3, 2, "random")
    assert splits.is_spatial
    assert not contrast.is_spatial


def test_the_variogram_finds_the_range_of_a_known_field():
    """Median over 12 fields of 400 points; one realisation of a spherical field varies by tens of percent."""
    ranges = [correlation_range(places(400, seed=seed), field(places(400, seed=seed), 250, seed)) for seed in range(12)]
    assert np.nanmedian(ranges) == pytest.approx(250, rel=0.25)


def test_the_variogram_of_noise_has_no_range_and_skew_does_not_matter():
    rng = np.random.default_rng(0)
    none = [correlation_range(places(200, seed=seed), rng.normal(size=200)) for seed in range(10)]
    assert np.isnan(none).mean() >= 0.7
    coordinates = places(400)
    values = field(coordinates, 250)
    assert correlation_range(coordinates, 10 ** (1.5 * values)) == pytest.approx(correlation_range(coordinates, values), rel=1e-6)


def test_the_experimental_variogram_equals_a_hand_count():
    """Three points on a line: half the largest distance is 1, so only the two pairs at distance 1 count."""
    distance, semivariance, pairs = experimental_variogram(np.array([[0.0, 0], [1, 0], [2, 0]]), np.array([1.0, 3, 4]), lags=1)
    assert (distance.tolist(), semivariance.tolist(), pairs.tolist()) == ([1.0], [(4 + 1) / 4], [2])


def test_the_leakage_checks_pass_on_clean_data_and_each_can_fail():
    rng = np.random.default_rng(0)
    coordinates, y = places(100), rng.normal(size=100)
    X = pd.DataFrame(rng.normal(size=(100, 3)), columns=["NDVI", "SI", "B"])
    splits = make_splits(SplitSettings("block", folds=5, block_size=100.0), 100, coordinates=coordinates)
    assert all(check["ok"] for check in leakage_checks(X, y, splits, coordinates))

    random = make_splits(SplitSettings("random"), 100)
    leaky = X.assign(copy=y * 2 + 1, lon=coordinates[:, 0])
    leaky.iloc[50:] = leaky.iloc[:50].to_numpy()
    failed = {check["check"]: check["ok"] for check in leakage_checks(leaky, np.tile(y[:50], 2), random, np.tile(coordinates[:50], (2, 1)))}
    assert failed == {
        "fitted-inside-folds": True,
        "groups-kept-whole": None,
        "duplicates-across-folds": False,
        "same-place-across-folds": False,
        "predictor-gives-away-target": False,
        "coordinates-as-predictors": False,
    }
    cut = Splits("group:g", np.array([[0, 1] * 50]), np.repeat(np.arange(50), 2), "made")
    assert {check["check"]: check["ok"] for check in leakage_checks(X, y, cut)}["groups-kept-whole"] is False


def test_odisha_cells_and_published_folds_of_limesoda_divide_real_tables(shared_data):
    odisha = pd.read_csv(shared_data / "ec_odisha" / "soil_data_raw.csv", encoding="latin-1")
    splits = make_splits(SplitSettings("group:Grid_Cell_ID"), len(odisha), table=odisha)
    assert np.unique(splits.groups).size == odisha["Grid_Cell_ID"].nunique()
    assert max(splits.sizes) - min(splits.sizes) <= 4
    field_set = pd.read_csv(shared_data / "limesoda" / "B.204.csv")
    published = make_splits(SplitSettings("folds:fold"), len(field_set), table=field_set)
    assert published.sizes == field_set["fold"].value_counts().sort_index().tolist()
