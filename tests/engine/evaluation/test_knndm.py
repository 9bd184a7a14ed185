"""kNNDM and what goes with it: the properties its authors promise, on samples whose layout is known."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor

from soilcore.core.errors import SampleError
from soilcore.data.landscape_fields import matern_field
from soilcore.evaluation.distances import distance_curves
from soilcore.evaluation.knndm import NearestInTraining, distance_mismatch, knndm
from soilcore.evaluation.places import points_in_hull, to_nearest
from soilcore.evaluation.protocol import evaluate
from soilcore.evaluation.sampling_design import detect_design
from soilcore.evaluation.splits import SplitSettings, make_splits

EXTENT = 10_000.0


def random_places(n=200, seed=0):
    return np.random.default_rng(seed).uniform(0, EXTENT, (n, 2)) + np.array([500_000, 4_000_000])


def regular_places(side=14, seed=0):
    step = EXTENT / side
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2) * step
    return grid + np.random.default_rng(seed).normal(0, 0.1 * step, grid.shape) + np.array([500_000, 4_000_000])


def clustered_places(n=200, centres=15, seed=0):
    rng = np.random.default_rng(seed)
    centre = rng.uniform(0, EXTENT, (centres, 2)) + np.array([500_000, 4_000_000])
    return centre[rng.integers(centres, size=n)] + rng.normal(0, 250, (n, 2))


def whole_area():
    step = EXTENT / 32
    return np.stack(np.meshgrid(np.arange(32), np.arange(32)), axis=-1).reshape(-1, 2) * step + np.array([500_000, 4_000_000]) + step / 2


def test_w_agrees_with_the_oracle(oracle):
    case = oracle("spatial")["knndm"]
    assert distance_mismatch(case["gij"], case["gjstar"]) == pytest.approx(case["W"], abs=1e-12)


def test_a_regular_sample_gets_random_folds():
    found = knndm(regular_places(), whole_area(), 10, repeats=2)
    assert found.clusters is None
    assert found.p >= 0.05
    assert np.ptp(np.bincount(found.assignments[0])) <= 1
    assert not np.array_equal(*found.assignments)


def test_random_samples_get_random_folds_unless_chance_makes_them_lie_in_clusters():
    made = [knndm(random_places(200, seed), whole_area(), 10) for seed in range(10)]
    assert sum(found.clusters is None for found in made) >= 8
    assert all(found.w <= found.w_random for found in made)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("folds", [3, 10])
def test_clustered_samples_get_folds_whose_distances_match_the_map_better_than_random_ones(seed, folds):
    places = clustered_places(seed=seed)
    found = knndm(places, whole_area(), folds, seed=seed)
    assert found.w < 0.9 * found.w_random
    sizes = np.bincount(found.assignments[0], minlength=folds)
    assert sizes.min() > 0
    assert sizes.max() <= 0.5 * len(places)
    assert all(np.unique(found.assignments[0][found.clusters == cluster]).size == 1 for cluster in np.unique(found.clusters))


def test_a_large_cluster_is_divided_when_it_would_hold_more_than_half_of_the_samples():
    rng = np.random.default_rng(1)
    places = np.concatenate([rng.normal(0, 100, (160, 2)), clustered_places(40, 5) - np.array([500_000, 4_000_000])])
    found = knndm(places, points_in_hull(places), 5)
    assert np.bincount(found.assignments[0]).max() <= 100


def test_the_distances_of_a_division_equal_a_search_fold_by_fold():
    places = clustered_places(300, 6)
    assignment = np.random.default_rng(0).integers(4, size=300)
    assignment[places[:, 0] > np.median(places[:, 0])] = 0  # a fold whose samples have only their own among near neighbours
    expected = np.empty(300)
    for fold in range(4):
        expected[assignment == fold] = to_nearest(places[assignment == fold], places[assignment != fold])
    assert np.allclose(NearestInTraining(places)(assignment), expected)
    assert np.allclose(NearestInTraining(places, np.array([3, 77, 200]))(assignment), expected[[3, 77, 200]])


def test_the_same_seed_gives_the_same_folds_and_samples_of_one_place_stay_together():
    places = np.repeat(clustered_places(80, 12), 4, axis=0)
    one, again = (knndm(places, whole_area(), 5, repeats=3, seed=7) for _ in range(2))
    assert np.array_equal(one.assignments, again.assignments)
    assert len(one.assignments) == 3
    for assignment in one.assignments:
        assert (assignment.reshape(-1, 4) == assignment.reshape(-1, 4)[:, :1]).all()


def test_many_samples_are_clustered_in_bounded_time_and_it_is_said():
    splits = make_splits(SplitSettings("knndm", folds=5), 4000, coordinates=clustered_places(4000, 60), prediction_points=whole_area())
    assert any("k-means" in sentence for sentence in splits.assumed)
    assert max(splits.sizes) <= 2000


def test_one_place_for_most_samples_and_fewer_places_than_folds_are_refused():
    most = np.concatenate([np.zeros((60, 2)), clustered_places(40) - np.array([500_000, 4_000_000])])
    with pytest.raises(SampleError, match="60 lie in one place"):
        knndm(most, whole_area() - np.array([500_000, 4_000_000]), 5)
    with pytest.raises(SampleError, match="4 places, fewer than the 10 folds"):
        knndm(np.repeat(random_places(4), 10, axis=0), whole_area(), 10)
    with pytest.raises(SampleError, match="same coordinates"):
        points_in_hull(np.ones((20, 2)))


def test_the_scheme_knndm_says_what_it_took_for_the_map_and_keeps_its_clusters_for_inner_folds():
    places = clustered_places()
    splits = make_splits(SplitSettings("knndm", folds=5), 200, coordinates=places)
    assert splits.is_spatial
    assert np.unique(splits.groups).size >= 5
    assert "convex hull of the samples" in splits.assumed[0]
    assert "random folds:" in splits.assumed[1]
    assert np.allclose(np.sort(np.concatenate([test for _, test in splits.folds()])), np.arange(200))
    named = make_splits(SplitSettings("knndm", folds=5), 200, coordinates=places, prediction_points=whole_area())
    assert not any("convex hull" in sentence for sentence in named.assumed)


def test_the_scheme_knndm_says_when_folds_are_random():
    splits = make_splits(SplitSettings("knndm", folds=5, repeats=4), 196, coordinates=regular_places())
    assert splits.groups is None
    assert splits.n_repeats == 4
    assert any("takes random folds; inner folds are random" in sentence for sentence in splits.assumed)


def test_knndm_needs_places_and_bears_a_buffer_and_repeats():
    with pytest.raises(SampleError, match="no coordinates, so kNNDM folds"):
        make_splits(SplitSettings("knndm"), 20)
    splits = make_splits(SplitSettings("knndm", folds=4, repeats=3, buffer=200.0), 140, coordinates=clustered_places(140))
    assert splits.n_repeats == 3
    assert splits.findings == ()
    for train, test in splits.folds():
        assert to_nearest(splits.coordinates[test], splits.coordinates[train]).min() > 200


def test_the_domain_covers_the_hull_evenly_and_follows_a_line():
    places = random_places(100)
    points = points_in_hull(places)
    assert 900 <= len(points) <= 1100
    assert to_nearest(points, points[::-1]).max() == 0
    assert np.ptp(points, axis=0) == pytest.approx(np.ptp(places, axis=0), rel=0.1)
    line = np.column_stack([np.arange(20.0), 2 * np.arange(20.0)])
    assert np.allclose(points_in_hull(line)[:, 1], 2 * points_in_hull(line)[:, 0])


@pytest.mark.parametrize(("make", "kind", "suggested"), [(regular_places, "regular", "random"), (clustered_places, "clustered", "knndm")])
def test_the_design_of_regular_and_clustered_samples_is_recognised(make, kind, suggested):
    for seed in range(5):
        found = detect_design(make(seed=seed))
        assert (found["kind"], found["suggested_cv"]) == (kind, suggested)
        assert (found["clark_evans"] > 1) == (kind == "regular")


def test_random_samples_are_taken_for_random_about_nine_times_in_ten():
    """Two tests at 5 % each."""
    kinds = [detect_design(random_places(100, seed))["kind"] for seed in range(30)]
    assert kinds.count("random") >= 24


def test_a_random_sample_in_a_corner_of_the_map_is_clustered_for_that_map():
    corner = (random_places(150, seed=1) - np.array([500_000, 4_000_000])) / 4 + np.array([500_000, 4_000_000])
    found = detect_design(corner, whole_area())
    assert found["kind"] == "clustered"
    assert detect_design(corner)["kind"] == "random"
    assert "mapped area" in found["detail"]


def test_samples_that_share_places_and_few_places_have_their_own_advice():
    found = detect_design(np.repeat(random_places(80, 3), 3, axis=0))
    assert (found["kind"], found["suggested_cv"]) == ("random", "knndm")
    assert "100% of the 240 samples share their place" in found["detail"]
    assert detect_design(random_places(5))["kind"] is None
    assert detect_design(np.full((30, 2), np.nan))["kind"] is None


def test_distance_curves_show_that_random_folds_test_nearer_than_the_map():
    places = clustered_places()
    random, matched = (make_splits(SplitSettings(scheme, folds=5), 200, coordinates=places) for scheme in ("random", "knndm"))
    flat, fair = (distance_curves(places, splits, whole_area()) for splits in (random, matched))
    assert fair["w"] < flat["w"]
    assert "nearer than the map" in flat["detail"]
    for curves in (flat, fair):
        assert len(curves["distance"]) == 100
        for name in ("sample_to_sample", "prediction_to_sample", "cv"):
            assert np.all(np.diff(curves[name]) >= 0)
            assert curves[name][-1] == 1
    # samples leave their neighbours behind under kNNDM: the share tested within the median map distance falls
    middle = np.searchsorted(flat["prediction_to_sample"], 0.5)
    assert fair["cv"][middle] < flat["cv"][middle]


def test_distance_curves_leave_out_samples_without_places():
    places = clustered_places()
    places[:20] = np.nan
    curves = distance_curves(places, make_splits(SplitSettings("random"), 200))
    assert curves["cv"][-1] == 1
    with pytest.raises(SampleError, match=r"shape \(200, 2\)"):
        distance_curves(places[:100], make_splits(SplitSettings("random"), 200))


@pytest.mark.parametrize(
    ("values", "groups", "words"),
    [
        (["2019-05-01", "2019-06-11", "2021-05-03", "2021-05-03"], [0, 0, 1, 1], "2 years"),
        (["03.05.2021 10:31", "03.05.2021 12:44", "01.09.2021 09:00", "02.09.2021 09:00"], [0, 0, 1, 1], "2 campaigns"),
        (["2021-05-03", "2021-05-03", "2021-05-04", "2021-05-05"], [0, 0, 1, 2], "3 days"),
        ([20190501, 20190611, 20210503, 20210503], [0, 0, 1, 1], "2 years"),
        ([2019, 2019, 2021, 2023], [0, 0, 1, 2], None),
        (["2019", 2019.0, " 2021", "2021 "], [0, 0, 1, 1], None),
        (["A-1", "A-1", "B-2", "C-3"], [0, 0, 1, 2], None),
        (pd.to_datetime(["2019-05-01", "2019-06-11", "2021-05-03", "2021-05-03"]), [0, 0, 1, 1], "2 years"),
    ],
)
def test_dates_are_grouped_by_year_campaign_or_day_and_names_stand_as_they_are(values, groups, words):
    table = pd.DataFrame({"when": np.repeat(np.array(values, dtype=object), 10)})
    if isinstance(values, pd.DatetimeIndex):
        table["when"] = pd.to_datetime(table["when"])
    splits = make_splits(SplitSettings("group:when", folds=20), 40, table=table)
    assert splits.groups[::10].tolist() == groups
    assert splits.n_folds == max(groups) + 1  # more folds than groups were asked for
    assert any("left out once" in sentence for sentence in splits.assumed)
    assert words is None or any(words in sentence for sentence in splits.assumed)


def landscape(seed, clustered, n=120, size=96, cell=50.0):
    """A map of known truth: half of it follows a predictor, half a field that no predictor shows; other predictors only tell places apart."""
    generator = np.random.default_rng(seed)
    fields = np.column_stack([matern_field(generator, size, cell, reach).ravel() for reach in (900, 900, 1200, 600, 1500, 1500)])
    X, y = fields[:, :5], 0.5 * fields[:, 0] + fields[:, 5] + 0.2 * generator.normal(size=size**2)
    row, column = np.divmod(np.arange(size**2), size)
    extent = size * cell
    places = generator.uniform(0, extent, (n, 2))
    if clustered:
        places = generator.uniform(0, extent, (10, 2))[generator.integers(10, size=n)] + generator.normal(0, 150, (n, 2))
    pixel = np.clip(places // cell, 0, size - 1).astype(int)
    return X, y, np.column_stack([column, row]) * cell, np.unique(pixel[:, 1] * size + pixel[:, 0])


def estimated_to_true_error(clustered, schemes, seeds):
    """RMSE under each scheme divided by the RMSE of the map, one row per landscape."""
    ratios = []
    for seed in seeds:
        X, y, places, at = landscape(seed, clustered)
        forest = RandomForestRegressor(15, min_samples_leaf=2, max_features=0.5, random_state=0)
        true = np.sqrt(np.mean((y - forest.fit(X[at], y[at]).predict(X)) ** 2))
        divided = [
            make_splits(SplitSettings(scheme, 5), at.size, coordinates=places[at], target=y[at], prediction_points=places[::9]) for scheme in schemes
        ]
        ratios.append([evaluate(forest, X[at], y[at], splits).scores["rmse"] / true for splits in divided])
    return np.array(ratios)


def test_from_clustered_samples_random_folds_promise_too_much_and_knndm_and_blocks_close_the_gap():
    random, matched, blocks = estimated_to_true_error(True, ("random", "knndm", "block"), range(6)).T
    assert random.mean() < 0.75
    for honest in (matched, blocks):
        assert abs(honest.mean() - 1) < 0.5 * abs(random.mean() - 1)
        assert np.abs(honest - 1).mean() < np.abs(random - 1).mean()


def test_from_random_samples_random_folds_and_knndm_are_right_and_blocks_are_too_hard():
    random, matched, blocks = estimated_to_true_error(False, ("random", "knndm", "block"), range(4)).T
    assert random.mean() == pytest.approx(1, abs=0.12)
    assert matched.mean() == pytest.approx(1, abs=0.12)
    assert blocks.mean() > matched.mean() + 0.05
