"""Area of applicability: the published method to the last digit, and what must hold of any dissimilarity."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from soilcore.core.errors import ModelError
from soilcore.evaluation.splits import SplitSettings, make_splits
from soilcore.models.archive import FittedModel, load_model, save_model
from soilcore.models.baselines import MeanModel
from soilcore.trust.applicability import AreaOfApplicability, Weights, applicability_of, outlier_limit


def correlated(n, columns, seed=0):
    """Columns that depend on four hidden ones, as imagery does."""
    rng = np.random.default_rng(seed)
    loads = np.random.default_rng(99).normal(size=(4, columns))
    return np.tanh(rng.normal(size=(n, 4)) @ loads / 2) + 0.05 * rng.normal(size=(n, columns))


@pytest.fixture(scope="module")
def fitted():
    X = correlated(300, 12)
    weights = np.random.default_rng(5).uniform(0.1, 1, 12)
    return X, weights, AreaOfApplicability().fit(X, np.arange(300) % 5, weights)


def test_the_published_example_to_the_last_digit(oracle):
    expected = oracle("spatial")["aoa"]
    area = AreaOfApplicability().fit(np.array(expected["train"]), expected["folds"], expected["weights"])
    assert area.mean_distance_ == pytest.approx(expected["mean_distance"], rel=1e-12)
    assert area.train_di_ == pytest.approx(expected["train_di"], rel=1e-12)
    assert area.threshold_ == pytest.approx(expected["threshold"], rel=1e-12)
    di = area.dissimilarity(np.array(expected["new"]))
    assert di == pytest.approx(expected["new_di"], rel=1e-12, abs=1e-15)
    assert area.inside(di).tolist() == expected["inside"]


def test_the_definition_by_brute_force(fitted):
    X, weights, area = fitted
    new = np.vstack([correlated(500, 12, seed=1), correlated(50, 12, seed=2) * 5])
    scaled, other = ((part - X.mean(axis=0)) / X.std(axis=0, ddof=1) * weights for part in (X, new))
    between = cdist(scaled, scaled)
    mean = between[np.triu_indices(300, 1)].mean()
    folds = np.arange(300) % 5
    train_di = np.where(folds[:, None] == folds, np.inf, between).min(axis=1) / mean
    lower, upper = np.quantile(train_di, [0.25, 0.75])
    distances = cdist(other, scaled) / mean
    assert area.mean_distance_ == pytest.approx(mean, rel=1e-9)
    np.testing.assert_allclose(area.train_di_, train_di, atol=1e-9)
    assert area.threshold_ == pytest.approx(min(upper + 1.5 * (upper - lower), train_di.max()), rel=1e-9)
    np.testing.assert_allclose(area.dissimilarity(new), distances.min(axis=1), atol=1e-9)
    np.testing.assert_array_equal(area.local_point_density(new), (distances < area.threshold_).sum(axis=1))


def test_pixels_in_float32_are_as_exact_as_their_values(fitted):
    _, _, area = fitted
    new = correlated(300, 12, seed=3).astype(np.float32)
    np.testing.assert_array_equal(area.dissimilarity(new), area.dissimilarity(new.astype(float)))


def test_a_training_sample_is_at_no_distance(fitted):
    X, _, area = fitted
    assert not area.dissimilarity(X).any()
    assert (area.local_point_density(X) >= 1).all()


def test_training_samples_of_float32_rasters_stay_at_no_distance_for_pixels():
    X = correlated(100, 6).astype(np.float32)
    area = AreaOfApplicability().fit(X, np.arange(100) % 4)
    assert not area.dissimilarity(X).any()


def test_another_unit_of_a_column_changes_nothing(fitted):
    X, weights, area = fitted
    scale, shift = np.geomspace(1e-3, 1e4, 12), np.linspace(-5, 2000, 12)
    again = AreaOfApplicability().fit(X * scale + shift, np.arange(300) % 5, weights)
    new = correlated(200, 12, seed=4)
    np.testing.assert_allclose(again.dissimilarity(new * scale + shift), area.dissimilarity(new), rtol=1e-6, atol=1e-9)
    assert again.threshold_ == pytest.approx(area.threshold_, rel=1e-6)


def test_twice_the_weights_change_nothing(fitted):
    X, weights, area = fitted
    again = AreaOfApplicability().fit(X, np.arange(300) % 5, 2 * weights)
    new = correlated(50, 12, seed=4)
    np.testing.assert_allclose(again.dissimilarity(new), area.dissimilarity(new), rtol=1e-9)


def test_a_column_without_weight_is_not_looked_at(fitted):
    X, weights, _ = fitted
    without = weights.copy()
    without[3] = 0
    area = AreaOfApplicability().fit(X, np.arange(300) % 5, without)
    new = correlated(80, 12, seed=6)
    alien = new.copy()
    alien[:, 3] = 1e6
    np.testing.assert_array_equal(area.dissimilarity(alien), area.dissimilarity(new))
    kept = np.delete(np.arange(12), 3)
    smaller = AreaOfApplicability().fit(X[:, kept], np.arange(300) % 5, weights[kept])
    np.testing.assert_allclose(area.dissimilarity(new), smaller.dissimilarity(new[:, kept]), rtol=1e-9)


def test_a_constant_column_is_left_out_and_named():
    X = pd.DataFrame(correlated(60, 3), columns=["NDVI", "slope", "SI"])
    X["site"] = 7.1
    area = AreaOfApplicability().fit(X, np.arange(60) % 3)
    assert "site" in area.note_
    assert area.weights_ == {"NDVI": 1, "slope": 1, "SI": 1, "site": 0}
    np.testing.assert_allclose(area.train_di_, AreaOfApplicability().fit(X[["NDVI", "slope", "SI"]], np.arange(60) % 3).train_di_)


def test_weights_that_are_all_nothing_become_all_alike(fitted):
    X, _, _ = fitted
    area = AreaOfApplicability().fit(X, np.arange(300) % 5, np.zeros(12))
    np.testing.assert_array_equal(area.train_di_, AreaOfApplicability().fit(X, np.arange(300) % 5).train_di_)
    assert "same" in area.note_


def test_columns_of_a_table_are_taken_by_name(fitted):
    X, _, _ = fitted
    names = [f"c{number}" for number in range(12)]
    area = AreaOfApplicability().fit(pd.DataFrame(X, columns=names), np.arange(300) % 5)
    new = pd.DataFrame(correlated(20, 12, seed=7), columns=names)
    np.testing.assert_array_equal(area.dissimilarity(new[names[::-1]]), area.dissimilarity(new.to_numpy()))


def test_blocks_give_a_wider_area_than_random_folds():
    """Samples of one block resemble each other: to be tested they must bridge more than random folds ask."""
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.normal(size=(8, 5)), 25, axis=0)
    X = centres + 0.1 * rng.normal(size=centres.shape)
    blocks = AreaOfApplicability().fit(X, np.repeat(np.arange(8), 25))
    random = AreaOfApplicability().fit(X, np.arange(200) % 8)
    assert blocks.threshold_ > 2 * random.threshold_


def test_a_buffer_keeps_near_samples_out_of_the_training_dissimilarity():
    rng = np.random.default_rng(1)
    places = rng.uniform(0, 1000, (120, 2))
    X = places / 500 + 0.05 * rng.normal(size=(120, 2))
    splits = {
        buffer: make_splits(SplitSettings("block", folds=4, block_size=300.0, buffer=buffer), 120, coordinates=places) for buffer in (None, 150.0)
    }
    near, far = (AreaOfApplicability().fit(X, splits[buffer]) for buffer in (None, 150.0))
    np.testing.assert_array_equal(near.train_di_, AreaOfApplicability().fit(X, splits[None].assignments[0]).train_di_)
    assert (far.train_di_ >= near.train_di_).all()
    assert far.train_di_.mean() > 1.5 * near.train_di_.mean()


def test_the_limit_is_never_beyond_the_largest_training_dissimilarity():
    assert outlier_limit(np.array([0.1, 0.2, 0.3, 0.4])) == pytest.approx(0.4)
    assert outlier_limit(np.array([*np.linspace(0, 1, 101), 50.0])) < 2


def test_it_comes_back_from_a_model_folder_as_it_was(fitted, tmp_path):
    X, _, area = fitted
    learner = MeanModel().fit(X, np.arange(300.0))
    facts, arrays, learners = area.stored()
    model = FittedModel(learner, "mean", {}, {}, {}, {}, {}, trust=facts, trust_arrays=arrays, trust_learners=learners)
    save_model(model, tmp_path / "model")
    back = applicability_of(load_model(tmp_path / "model"))
    new = correlated(40, 12, seed=8)
    np.testing.assert_array_equal(back.dissimilarity(new), area.dissimilarity(new))
    np.testing.assert_array_equal(back.train_di_, area.train_di_)
    assert (back.threshold_, back.mean_distance_, back.weights_, back.note_) == (area.threshold_, area.mean_distance_, area.weights_, area.note_)
    assert applicability_of(FittedModel(learner, "mean", {}, {}, {}, {}, {})) is None


def test_facts_hold_what_pages_show(fitted):
    _, _, area = fitted
    facts = area.facts()
    assert set(facts) == {"threshold", "share", "of", "n", "mean_distance", "weights", "note"}
    assert facts["of"] == "samples"
    assert facts["n"] == 300
    assert facts["share"] == pytest.approx((area.train_di_ <= area.threshold_).mean())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"folds": np.zeros(30)}, "one fold"),
        ({"folds": np.arange(29)}, "30 training samples"),
        ({"weights": [1, -1, 1]}, "at least 0"),
        ({"weights": [1, 1]}, "3 predictors"),
        ({"X": np.ones((30, 3))}, "do not differ"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_words(change, words):
    given = {"X": correlated(30, 3), "folds": np.arange(30) % 3, "weights": None} | change
    with pytest.raises(ModelError, match=words):
        AreaOfApplicability().fit(**given)


def test_other_columns_are_refused(fitted):
    _, _, area = fitted
    with pytest.raises(ModelError, match="knows 12 predictors"):
        area.dissimilarity(np.zeros((5, 11)))


def test_weights_bring_their_note_along(fitted):
    X, weights, _ = fitted
    area = AreaOfApplicability().fit(X, np.arange(300) % 5, Weights(weights, "told by somebody"))
    assert area.note_ == "told by somebody"


def test_a_second_fit_forgets_the_first():
    first, second = correlated(60, 3), correlated(60, 3, seed=11) + 5
    area = AreaOfApplicability().fit(first, np.arange(60) % 3)
    area.dissimilarity(first)
    area.fit(second, np.arange(60) % 3)
    assert not area.dissimilarity(second).any()


def test_several_threads_may_ask_at_once(fitted):
    from concurrent.futures import ThreadPoolExecutor

    X, weights, _ = fitted
    area, new = AreaOfApplicability().fit(X, np.arange(300) % 5, weights), correlated(400, 12, seed=12)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: area.dissimilarity(new), range(8)))
    assert all((answer == answers[0]).all() for answer in answers)


def test_what_a_folder_holds_of_an_area_is_checked_before_it_is_used():
    X = np.random.default_rng(0).normal(size=(30, 3))
    facts, arrays, _ = AreaOfApplicability().fit(X, np.arange(30) % 3).stored()
    assert np.array_equal(applicability_of(FittedModel(None, "", {}, {}, {}, {}, {}, trust=facts, trust_arrays=arrays)).train_, arrays["aoa.train"])
    damaged = [arrays | {name: array[..., :-1]} for name, array in arrays.items()] + [{}, arrays | {"aoa.scale": np.full(3, np.nan)}]
    for stored in damaged:
        with pytest.raises(ModelError, match="area of applicability cannot be put together"):
            applicability_of(FittedModel(None, "", {}, {}, {}, {}, {}, trust=facts, trust_arrays=stored))
