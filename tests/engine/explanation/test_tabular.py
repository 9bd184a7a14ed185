"""Attributions of whole models: they add up on the modelling scale, exact where the members are, sampled with their error where not."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from soilcore.core.errors import ModelError, NotAvailableError
from soilcore.explanation import perceptrons
from soilcore.explanation.background import Background, background_arrays, background_of, background_rows
from soilcore.explanation.members import Effort, Function, Layout
from soilcore.explanation.tabular import TabularExplainer, explain_rows
from soilcore.models.archive import FittedModel, training_envelope
from soilcore.models.catalogue import make_learner
from soilcore.models.pipelines import TunedRegressor
from soilcore.models.settings import DualStepSettings, FitSettings
from soilcore.models.stacking import StackingModel

NAMES = list("abcde")
EXACT = ("mean", "best-index", "plsr", "ridge", "rf", "xgboost", "kriging", "regression-kriging")
FEW = {"rf": {"n_estimators": 12}, "xgboost": {"rounds": 15}, "mlp": {"seeds": 2, "layers": "8"}}


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(2)
    X, places = pd.DataFrame(rng.normal(size=(70, 5)), columns=NAMES), rng.uniform(0, 4000, (70, 2))
    y = np.exp(X["a"] + 0.4 * X["b"] * X["c"] + places[:, 0] / 4000).to_numpy() + 0.1
    return X, y, places


def fitted(name, samples, neighbours=()):
    X, y, places = samples
    settings = FitSettings(
        "log1p", trials=0, neighbours=neighbours, dual_step=DualStepSettings(at=float(np.median(y)), classifier="logistic", regressor="ridge")
    )
    learner = make_learner(name, settings, index_columns=("a", "b"))
    if isinstance(learner, StackingModel):
        learner.set_params(parameters=FEW)
    elif "parameters" in learner.get_params() and name in FEW:
        learner.set_params(parameters=FEW[name])
    elif name == "regression-kriging":
        learner.set_params(parameters=FEW["rf"])
    return SimpleNamespace(learner=learner.fit(X, y, coordinates=places), name=name)


def explained(model, samples, rows=12):
    X, _, places = samples
    return explain_rows(model, X[:rows], coordinates=places[:rows], background=Background(X.to_numpy(), places))


def library(model, samples, rows=12):
    X, _, places = samples
    given = {"coordinates": places[:rows]} if model.learner.uses_coordinates else {}
    return model.learner.predict_transformed(X[:rows], **given)


@pytest.mark.parametrize("name", EXACT)
def test_trees_linear_learners_and_kriging_are_exact_and_add_up(samples, name):
    model = fitted(name, samples)
    made = explained(model, samples)
    assert made.exact and made.sampling_error is None
    assert made.additivity_error < 1e-9
    np.testing.assert_allclose(made.base + made.values.sum(axis=1), library(model, samples), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["stacking", "mlp", "svr", "auto", "dual-step"])
def test_other_learners_add_up_and_state_their_sampling_error(samples, name):
    model = fitted(name, samples)
    made = explained(model, samples)
    assert made.additivity_error < 1e-9 and 0 < made.sampling_error < 0.2 * np.abs(made.values).max()
    np.testing.assert_allclose(made.predicted, library(model, samples), atol=2e-6)
    assert made.scale == "log1p of the target"


def test_the_stack_is_the_weighted_sum_of_its_members(samples):
    model, background = fitted("stacking", samples), Background(samples[0].to_numpy())
    whole = TabularExplainer(model, background=background).explain(samples[0][:6])
    total, base = 0, model.learner.meta_intercept_
    for weight, member in zip(model.learner.meta_coef_, model.learner.members_.values(), strict=True):
        one = TabularExplainer(SimpleNamespace(learner=member), background=background).explain(samples[0][:6])
        total, base = total + weight * one.values, base + weight * one.base
    np.testing.assert_allclose(whole.values, total, atol=1e-12)
    assert whole.base == pytest.approx(base)
    assert {entry["how"] for entry in whole.how.values()} == {"exact", "sampled"}


def test_linear_attributions_are_weight_times_distance_from_the_mean(samples):
    X, model = samples[0], fitted("ridge", samples)
    made = explained(model, samples)
    steps = dict(model.learner.pipeline_.steps)
    weights = steps["model"].coef_.ravel() / steps["scale"].scale_
    np.testing.assert_allclose(made.values, (X[:12] - X.mean()).to_numpy() * weights, atol=1e-10)


def test_places_and_neighbours_are_drivers_of_their_own(samples):
    kriged = explained(fitted("regression-kriging", samples), samples)
    assert kriged.names == (*NAMES, "place") and np.isnan(kriged.given[:, -1]).all()
    wide = explained(fitted("rf", samples, ("gi-star", "kriging-prior")), samples)
    assert wide.names == (*NAMES, "gi_star", "kriging_prior") and wide.exact and np.abs(wide.values[:, -1]).max() > 0.01
    with pytest.raises(ModelError, match="looks at places"):
        explain_rows(fitted("kriging", samples), samples[0][:2], background=Background(samples[0].to_numpy(), samples[2]))


@pytest.mark.parametrize("parameters", [{"layers": "8"}, {"layers": "8-4"}, {"activation": "tanh", "layers": "6"}])
def test_walks_through_networks_equal_plain_ones(samples, parameters, monkeypatch):
    X, y, _ = samples
    member = TunedRegressor("mlp", "log1p", parameters={"seeds": 2, **parameters}).fit(X, y)
    background = X.to_numpy()[:20]
    compiled, alone = (TabularExplainer(SimpleNamespace(learner=member), background=Background(background), many=many) for many in (True, None))
    made = compiled.explain(X[30:33])
    monkeypatch.setattr(perceptrons, "is_compiled", lambda module, kernel: False)
    plainly = alone.explain(X[30:33])
    plain = Function(lambda Z: member.predict_transformed(pd.DataFrame(Z, columns=NAMES)))
    values, errors = plain.prepare(background, Layout(tuple(NAMES), 5, False), Effort()).attribute(X[30:33].to_numpy())
    np.testing.assert_allclose(made.values, values, atol=1e-5)
    np.testing.assert_allclose(made.errors, errors, atol=1e-5)
    np.testing.assert_allclose(plainly.values, values, atol=1e-5)
    np.testing.assert_allclose(plainly.errors, errors, atol=1e-5)


def test_the_background_stands_for_all_samples_and_is_kept_with_the_model(samples):
    X, y, places = samples
    assert list(background_rows([3.0, 1.0, 2.0])) == [1, 2, 0]
    chosen = background_rows(np.arange(1000.0)[::-1])
    assert len(chosen) == 100 and np.arange(1000.0)[::-1][chosen].mean() == pytest.approx(499.5, abs=1)
    model = fitted("ridge", samples).learner
    arrays = background_arrays(X, y, places)
    stored = FittedModel(model, "ridge", {}, {}, training_envelope(X), {}, {}, trust_arrays=arrays)
    kept = background_of(stored)
    np.testing.assert_array_equal(kept.rows, X.to_numpy()[np.argsort(y)])
    assert kept.places.shape == (70, 2) and not kept.note
    drawn = background_of(FittedModel(model, "ridge", {}, {}, training_envelope(X), {}, {}))
    assert "distribution of each predictor" in drawn.note
    np.testing.assert_allclose(np.median(drawn.rows, axis=0), X.median(), atol=0.15)
    with pytest.raises(ModelError, match="nothing tells what to compare with"):
        background_of(FittedModel(model, "ridge", {}, {}, {}, {}, {}))


def test_the_background_of_an_older_model_comes_from_its_area_of_applicability(samples):
    from soilcore.trust.applicability import AreaOfApplicability

    X, y, _ = samples
    area = AreaOfApplicability().fit(X, np.arange(70) % 5, [1.0, 0.5, 0.2, 0.1, 0.0])
    facts, arrays, _ = area.stored()
    oof = pd.DataFrame({"observed": y})
    old = FittedModel(
        fitted("ridge", samples).learner, "ridge", {}, {}, training_envelope(X), {}, {}, out_of_fold=oof, trust=facts, trust_arrays=arrays
    )
    found = background_of(old)
    np.testing.assert_allclose(found.rows[:, :4], X.to_numpy()[np.argsort(y)][:, :4], atol=1e-9)
    assert "1 predictors without importance" in found.note


def test_networks_that_read_windows_are_referred_to_their_own_attributions():
    windows = SimpleNamespace(learner=SimpleNamespace(uses_surroundings=True), name="soilnet")
    with pytest.raises(NotAvailableError, match="reads windows of imagery"):
        TabularExplainer(windows)
