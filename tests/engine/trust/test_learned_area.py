"""Area of applicability in learned features: the definition by brute force, what dead units do, and networks through the whole assessment."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from soilcore.core.errors import ModelError
from soilcore.evaluation.protocol import evaluate
from soilcore.evaluation.splits import SplitSettings, make_splits
from soilcore.features.surroundings import NetworkNeeds, PatchNeed, Surroundings
from soilcore.models.archive import FittedModel, load_model, save_model
from soilcore.models.baselines import MeanModel
from soilcore.models.learner import Learner
from soilcore.trust.applicability import AreaOfApplicability, applicability_of
from soilcore.trust.assess import assess
from soilcore.trust.examine import examine
from soilcore.trust.leakage import leakage_report
from soilcore.trust.learned_area import FoldwiseArea, LearnedArea, dissimilarity_between
from soilcore.trust.permutation import permuted_scores
from soilcore.trust.weights import permutation_weights

SIDE = 650.0


class SmallNetwork(Learner):
    """Random tanh units of the columns and of the mean of each window layer, then least squares: a network without its training."""

    uses_coordinates = True
    uses_surroundings = True
    fits = 0

    def __init__(self, units=6, target_transform="none", smearing=1.0, shift=0.0):
        self.units, self.target_transform, self.smearing, self.shift = units, target_transform, smearing, shift

    def _places(self, coordinates, rows):
        assert isinstance(coordinates, Surroundings)
        assert len(coordinates) == rows
        return (coordinates,)

    def _read(self, X, places):
        return np.column_stack([np.asarray(X, float), places.batch()["window"].mean(axis=(2, 3))])

    def _fit(self, X, z, y, groups, report, places):
        type(self).fits += 1
        values = self._read(X, places)
        self.mean_, self.sd_ = values.mean(axis=0), values.std(axis=0)
        rng = np.random.default_rng(len(values))  # every fold draws a space of its own
        self.first_ = rng.normal(size=(values.shape[1], self.units))
        units = np.column_stack([self.embed(X, places), np.ones(len(X))])
        self.last_ = np.linalg.lstsq(units, z, rcond=None)[0]

    def embed(self, X, coordinates):
        return np.tanh((self._read(X, coordinates) - self.mean_) / self.sd_ @ self.first_ / 2)

    def _predict(self, X, places):
        return np.column_stack([self.embed(X, places), np.ones(len(X))]) @ self.last_


def network_world(n=120, seed=0):
    """Samples on a plane of 20 km with windows of 5 x 5 cells of 130 m (650 m), and blocks of 5 km as folds."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 20_000, (n, 2))
    wave = np.sin(places / 3000)
    X = pd.DataFrame(np.column_stack([wave, rng.normal(size=(n, 1))]), columns=["NDVI", "SI", "noise"])
    windows = (wave[:, :, None, None] + 0.1 * rng.normal(size=(n, 2, 5, 5))).astype(np.float32)
    y = np.exp(wave[:, 0] - 0.5 * windows[:, 1].mean(axis=(1, 2)) + 0.2 * rng.normal(size=n))
    around = Surroundings(NetworkNeeds((PatchNeed("window", ("a", "b"), 5, 130.0),)), places, {"window": windows}, cell_m=130.0)
    splits = make_splits(SplitSettings("block", folds=4, block_size=5000.0), n, coordinates=places)
    return X, y, around, replace(splits, surroundings=around)


def standard(known, other):
    return tuple((part - known.mean(axis=0)) / known.std(axis=0, ddof=1) for part in (known, other))


@pytest.fixture(scope="module")
def judged():
    X, y, around, splits = network_world()
    watch = FoldwiseArea(X, splits)
    evaluation = evaluate(SmallNetwork(), X, y, splits, keep_learners=True, watch=watch)
    return X, y, around, splits, evaluation, watch.area()


def test_the_definition_by_brute_force(judged):
    """Every fold in the space of its own network: nearest of its training samples over the mean distance there."""
    X, y, around, splits, evaluation, area = judged
    expected = np.empty(len(y))
    for learner, (train, test) in zip(evaluation.learners, splits.folds(0), strict=True):
        known, new = standard(*(learner.embed(X.iloc[rows], around.take(rows)) for rows in (train, test)))
        expected[test] = cdist(new, known).min(axis=1) / cdist(known, known)[np.triu_indices(len(known), 1)].mean()
    np.testing.assert_allclose(area.train_di_, expected, rtol=1e-6)
    lower, upper = np.quantile(expected, [0.25, 0.75])
    assert area.threshold_ == pytest.approx(min(upper + 1.5 * (upper - lower), expected.max()), rel=1e-6)
    final = SmallNetwork().fit(X, y, coordinates=around)
    settled = area.settled(final, X, around)
    known = final.embed(X, around)
    other = 3 * np.random.default_rng(1).uniform(-1, 1, (40, 6))
    scaled, new = standard(known, other)
    distances = cdist(new, scaled) / cdist(scaled, scaled)[np.triu_indices(len(known), 1)].mean()
    di, density = settled.dissimilarity_and_density(other)
    np.testing.assert_allclose(di, distances.min(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(density, (distances < settled.threshold_).sum(axis=1))
    assert settled.threshold_ == area.threshold_


def test_networks_that_were_kept_give_the_same_area(judged):
    X, _, _, splits, evaluation, area = judged
    again = LearnedArea().fit(evaluation.learners, X, splits)
    np.testing.assert_array_equal(again.train_di_, area.train_di_)
    with pytest.raises(ModelError, match="only 2 of their networks"):
        LearnedArea().fit(evaluation.learners[:2], X, splits)


def test_the_networks_own_training_samples_lie_nearer_than_the_samples_of_the_folds(judged):
    X, y, around, _, _, area = judged
    final = SmallNetwork().fit(X, y, coordinates=around)
    settled = area.settled(final, X, around)
    assert settled.dissimilarity(settled.features(final, X, around)).max() < 1e-9
    assert area.train_di_.min() > 0
    assert settled.facts()["share"] == pytest.approx((area.train_di_ <= area.threshold_).mean())


def test_a_unit_that_never_fired_speaks_where_it_fires():
    known = np.random.default_rng(0).normal(size=(200, 4))
    dead = np.column_stack([known, np.zeros(200)])
    same, lit = np.append(known[7], 0.0), np.append(known[7], 1.0)
    di, mean = dissimilarity_between(dead, np.stack([same, lit]))
    assert di[0] < 1e-6
    assert di[1] > 2
    assert mean == pytest.approx(dissimilarity_between(known, known)[1])


def test_a_unit_that_fired_for_two_samples_does_not_outweigh_the_others():
    known = np.random.default_rng(0).normal(size=(1000, 4))
    rare = np.zeros(1000)
    rare[[3, 4]] = 1e-3
    without, with_rare = (dissimilarity_between(part, part)[1] for part in (known, np.column_stack([known, rare])))
    assert with_rare == pytest.approx(without, rel=1e-3)


def test_another_scale_of_all_features_changes_nothing():
    rng = np.random.default_rng(3)
    known, new = rng.normal(size=(90, 5)), rng.normal(size=(30, 5))
    one, other = (dissimilarity_between(factor * known + 4, factor * new + 4)[0] for factor in (1.0, 1e-3))
    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_a_network_that_answers_the_same_to_everything_has_no_area():
    X, y, _, splits = network_world(60)

    class Flat(SmallNetwork):
        def embed(self, X, coordinates):
            return np.zeros((len(X), 3))

    one = assess("flat", Flat(), X, y, splits, permutations=0)
    assert one.area is None
    assert "the same of all" in one.facts["aoa"]["note"]
    assert one.row["aoa_share"] is None


def test_features_that_are_no_numbers_are_refused():
    X, y, around, _ = network_world(30)
    learner = SmallNetwork().fit(X, y, coordinates=around)
    learner.first_ = learner.first_ * np.nan
    with pytest.raises(ModelError, match="30 of 30 rows"):
        LearnedArea().features(learner, X, around)


def test_an_area_is_asked_for_distances_only_after_the_final_network():
    X, y, around, splits = network_world(60)
    watch = FoldwiseArea(X, splits)
    evaluate(SmallNetwork(), X, y, splits, watch=watch)
    area = watch.area()
    with pytest.raises(ModelError, match="final"):
        area.dissimilarity(np.zeros((2, 6)))
    with pytest.raises(ModelError, match="final"):
        area.stored()
    with pytest.raises(ModelError, match="60 samples"):
        area.settled(SmallNetwork().fit(X, y, coordinates=around), X.iloc[:50], around.take(np.arange(50)))


def test_folds_that_were_not_seen_are_missed():
    X, _, _, splits = network_world(60)
    with pytest.raises(ModelError, match="in no fold"):
        FoldwiseArea(X, splits).area()


def test_saved_and_loaded_it_says_the_same(tmp_path, judged):
    X, y, around, _, _, area = judged
    final = SmallNetwork().fit(X, y, coordinates=around)
    settled = area.settled(final, X, around)
    facts, arrays, _ = settled.stored()
    model = FittedModel(MeanModel().fit(X, y), "mean", {}, {}, {}, {}, {}, trust=facts, trust_arrays=arrays)
    loaded = applicability_of(load_model(save_model(model, tmp_path / "model")))
    other = np.random.default_rng(2).uniform(-1, 1, (20, 6))
    assert isinstance(loaded, LearnedArea)
    np.testing.assert_array_equal(loaded.dissimilarity(other), settled.dissimilarity(other))
    assert loaded.threshold_ == settled.threshold_
    assert loaded.facts() == settled.facts()
    strange = FittedModel(None, "mean", {}, {}, {}, {}, {}, trust={"aoa.facts": {**facts["aoa.facts"], "space": "other"}}, trust_arrays=arrays)
    with pytest.raises(ModelError, match="not known"):
        applicability_of(strange)


@pytest.mark.parametrize("method", ["conformal", "cv+", "split", "local"])
def test_a_network_is_assessed_with_intervals_and_examined_on_new_samples(method):
    X, y, around, splits = network_world(100)
    one = assess("network", SmallNetwork(), X, y, splits, intervals=method, permutations=0, models=2)
    assert isinstance(one.area, LearnedArea)
    assert one.facts["aoa"]["weights"] == {}
    assert 0 < one.row["aoa_share"] <= 1
    assert len(one.evaluation.learners) == (4 if method == "cv+" else 1)
    assert len(one.facts["expected_error"]) > 0
    final = SmallNetwork().fit(X, y, coordinates=around)
    facts, arrays, learners = one.stored(final, X)
    seen = pd.DataFrame({"observed": y})
    model = FittedModel(final, "network", {}, {}, {}, {}, {}, seen, trust=facts, trust_arrays=arrays, trust_learners=learners)
    known = examine(model, X, y, around)
    assert known.row["aoa_share"] == 1
    assert "100 of the 100 samples were in the training table" in known.warnings[0]
    new_X, new_y, new_around, _ = network_world(40, seed=9)
    new = examine(model, new_X, new_y, new_around)
    assert (new.facts["di"] > 1e-3).all()
    assert new.row["coverage_90"] > 0.5
    far = examine(model, new_X + 40, new_y, new_around)
    assert far.row["aoa_share"] < new.row["aoa_share"]


def test_a_network_for_spectra_is_saved_with_its_area_and_knows_its_own_spectra(tmp_path):
    from soilcore.models.neural import SpectraNetwork
    from soilcore.models.settings import NetworkSettings

    rng = np.random.default_rng(0)
    heights = rng.uniform(0, 1, (60, 2))
    points = np.linspace(0, 1, 80)
    X = heights @ np.exp(-0.5 * ((points - np.array([[0.3], [0.7]])) / 0.05) ** 2) + 0.01 * rng.normal(size=(60, 80))
    X = pd.DataFrame(X, columns=[f"{wavenumber:.0f}" for wavenumber in np.linspace(4000, 600, 80)])
    y = 1 + heights[:, 0]
    learner = SpectraNetwork(device="cpu", network=NetworkSettings(epochs=3, batch=16))
    splits = make_splits(SplitSettings("random", folds=2), 60)
    one = assess("spectra-cnn", learner, X, y, splits, permutations=0)
    assert isinstance(one.area, LearnedArea)
    learner.fit(X, y)
    facts, arrays, learners = one.stored(learner, X)
    model = FittedModel(learner, "spectra-cnn", {}, {}, {}, {}, {}, trust=facts, trust_arrays=arrays, trust_learners=learners)
    loaded = load_model(save_model(model, tmp_path / "model"))
    area = applicability_of(loaded)
    assert area.dissimilarity(area.features(loaded.learner, X)).max() < 1e-5
    upside_down = examine(loaded, 5 - 4 * X, y)
    assert upside_down.row["aoa_share"] < 0.5
    assert (upside_down.facts["di"] > 0.1).all()


def test_columns_are_not_permuted_against_a_network(judged):
    X, y, _, splits, evaluation, _ = judged
    weights = permutation_weights(evaluation.learners, X, y, splits)
    assert (weights.values == 1).all()
    assert "windows" in weights.note
    assert not AreaOfApplicability.learned


def row_of(check, *arguments, **named):
    return next(row for row in leakage_report(*arguments, **named) if row["check"] == check)


def test_windows_that_share_pixels_across_folds_are_counted_and_a_buffer_parts_them(judged):
    X, y, around, splits, _, _ = judged
    row = row_of("patch-windows-overlap", SmallNetwork(), X, y, splits, permutations=0)
    apart = cdist(np.asarray(around), np.asarray(around), "chebyshev") < SIDE
    shared = (apart & (splits.assignments[0][:, None] != splits.assignments[0])).any(axis=1).sum()
    assert shared > 0
    assert row["ok"] is False
    assert f"{shared} of 120 test samples" in row["detail"]
    assert "--buffer 920" in row["detail"]
    assert "650 m apart along x or y" in row["detail"]
    buffered = replace(splits, buffer=around.reach_m, buffer_along_axes=True)
    assert row_of("patch-windows-overlap", SmallNetwork(), X, y, buffered, permutations=0)["ok"] is True


def test_a_slow_network_is_not_fitted_again_unless_asked(judged):
    """The estimate comes from the evaluation; here it claims an hour."""
    X, y, _, splits, evaluation, _ = judged
    slow = replace(evaluation, seconds=3600.0)
    before = SmallNetwork.fits
    rows = {row["check"]: row for row in leakage_report(SmallNetwork(), X, y, splits, slow)}
    assert SmallNetwork.fits == before
    assert rows["fitted-inside-folds"]["ok"] is None
    assert "15 minutes" in rows["fitted-inside-folds"]["detail"]
    assert rows["target-permutation"]["ok"] is None
    assert "--permutations 3" in rows["target-permutation"]["detail"]
    asked = {row["check"]: row for row in leakage_report(SmallNetwork(), X, y, splits, slow, permutations=3)}
    assert SmallNetwork.fits > before
    assert asked["fitted-inside-folds"]["ok"] is True
    assert "permuted 3 times" in asked["target-permutation"]["detail"]


def test_a_quick_network_is_permuted_without_being_asked(judged):
    X, y, _, splits, evaluation, _ = judged
    row = row_of("target-permutation", SmallNetwork(), X, y, splits, replace(evaluation, seconds=4.0))
    assert "permuted 5 times" in row["detail"]
    assert np.quantile(permuted_scores(SmallNetwork(), X, y, splits, 3), 0.95) < evaluation.scores["r2"]
