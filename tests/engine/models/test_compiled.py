"""A compiled learner predicts what the learner predicts, for every learner, to 1e-5 of the value."""

import numpy as np
import pytest

from soilcore.models import forest as forests
from soilcore.models.catalogue import make_learner
from soilcore.models.compiled import compile_learner
from soilcore.models.pipelines import TunedRegressor
from soilcore.models.settings import FitSettings
from soilcore.models.stacking import StackingModel

COMPILED = ("plsr", "ridge", "rf", "xgboost", "mlp", "stacking")
BY_LIBRARY = ("svr", "mean", "best-index")


@pytest.fixture(scope="module")
def table():
    """Columns on very different scales, as reflectance beside elevation in metres; the target is positive."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(120, 6)) * [0.05, 0.1, 1, 1, 40, 900] + [0.2, 0.3, 0, 0, 3000, 1e4]
    X = X.astype(np.float32).astype(float)
    y = np.exp(4 * X[:, 0] + 0.3 * X[:, 2] + 0.01 * (X[:, 4] - 3000) + rng.normal(0, 0.2, 120))
    return X, y


@pytest.fixture(scope="module")
def pixels(table):
    """Ordinary pixels, and a few that lie far outside the training data."""
    rng = np.random.default_rng(8)
    X, _ = table
    ordinary = X[rng.integers(0, len(X), 900)] + rng.normal(size=(900, 6)) * X.std(axis=0)
    wild = X.mean(axis=0) + rng.normal(size=(60, 6)) * X.std(axis=0) * 60
    return np.concatenate([ordinary, wild]).astype(np.float32)


@pytest.fixture(scope="module")
def fitted(table):
    """Every learner fitted once per transform, on demand."""
    made = {}

    def fit(name, transform="log1p"):
        if (name, transform) not in made:
            made[name, transform] = _small(name, transform).fit(*table)
        return made[name, transform]

    return fit


def _small(name, transform):
    """The learner of that name, with few trees."""
    few = {"rf": {"n_estimators": 40}, "xgboost": {"rounds": 60}}
    if name == "stacking":
        return StackingModel(target_transform=transform, trials=0, parameters=few)
    if name in few:
        return TunedRegressor(name, target_transform=transform, parameters=few[name])
    return make_learner(name, FitSettings(transform, trials=0, jobs=1))


@pytest.mark.parametrize("transform", ["none", "log10", "log1p"])
@pytest.mark.parametrize("name", COMPILED)
def test_every_learner_s_arithmetic_equals_the_learner(fitted, pixels, name, transform):
    learner = fitted(name, transform)
    compiled = compile_learner(learner)
    assert compiled.by_library == ()
    expected = learner.predict(pixels.astype(float))
    np.testing.assert_allclose(compiled.predict(pixels), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", BY_LIBRARY)
def test_other_learners_predict_by_themselves(fitted, pixels, name):
    learner = fitted(name)
    compiled = compile_learner(learner)
    assert len(compiled.by_library) == 1
    np.testing.assert_allclose(compiled.predict(pixels), learner.predict(pixels.astype(float)), rtol=1e-12)


def test_a_stack_with_a_member_it_does_not_know_is_compiled_in_part(table, pixels):
    learner = StackingModel(members=("svr", "rf"), target_transform="log1p", trials=0).fit(*table)
    compiled = compile_learner(learner)
    assert compiled.by_library == ("svr",)
    np.testing.assert_allclose(compiled.predict(pixels), learner.predict(pixels.astype(float)), rtol=1e-6)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("layers", ["16", "12-8"])
def test_networks_of_every_shape_are_reproduced(table, pixels, activation, layers):
    parameters = {"activation": activation, "layers": layers, "seeds": 3}
    learner = TunedRegressor("mlp", target_transform="log10", parameters=parameters).fit(*table)
    np.testing.assert_allclose(compile_learner(learner).predict(pixels), learner.predict(pixels.astype(float)), rtol=1e-5, atol=1e-6)


def test_a_network_behind_principal_components_is_reproduced():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(20, 40)).astype(np.float32)
    learner = TunedRegressor("mlp", trials=0, parameters={"seeds": 2}).fit(X, X[:, 0] + 5)
    assert "turn" in dict(learner.pipeline_.steps)
    compiled = compile_learner(learner)
    assert compiled.by_library == ()
    np.testing.assert_allclose(compiled.predict(X), learner.predict(X.astype(float)), rtol=1e-5)


def test_a_column_that_never_varied_does_not_break_the_scaling(table, pixels):
    X, y = table
    X = X.copy()
    X[:, 3] = 1.0
    still = pixels.copy()
    still[:, 3] = 1.0
    for name in ("mlp", "plsr"):
        learner = TunedRegressor(name, target_transform="log1p", trials=0).fit(X, y)
        np.testing.assert_allclose(compile_learner(learner).predict(still), learner.predict(still.astype(float)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [*COMPILED, *BY_LIBRARY])
def test_a_row_s_result_does_not_depend_on_the_rows_beside_it(fitted, pixels, name):
    compiled = compile_learner(fitted(name))
    rng = np.random.default_rng(1)
    rows = rng.integers(0, len(pixels), 5000)  # more than one block, the last one partly filled
    once = compiled.predict(pixels)
    np.testing.assert_array_equal(compiled.predict(pixels[rows]), once[rows])
    for size in (1, 3, 257):
        np.testing.assert_array_equal(compiled.predict(pixels[:size]), once[:size])
    assert compiled.predict(pixels[:0]).shape == (0,)


def test_predictions_below_zero_are_cut_off_as_the_learner_does(fitted, pixels):
    learner = fitted("ridge", "none")
    predicted = compile_learner(learner).predict(pixels)
    assert learner.nonnegative_
    assert (learner.predict_transformed(pixels.astype(float)) < 0).any()
    assert predicted.min() == 0


def test_without_numba_the_stack_predicts_the_same(fitted, pixels, monkeypatch):
    learner = fitted("stacking")
    fast = compile_learner(learner).predict(pixels)
    monkeypatch.setattr(forests, "kernel", lambda: None)
    np.testing.assert_allclose(compile_learner(learner).predict(pixels), fast, rtol=1e-5)  # XGBoost itself adds in float32


def test_a_plain_pipeline_is_compiled_too(table, pixels):
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    X, y = table
    known = [make_pipeline(StandardScaler(), Ridge()), make_pipeline(RandomForestRegressor(8, random_state=0))]
    unknown = [make_pipeline(MinMaxScaler(), Ridge()), make_pipeline(StandardScaler(), RandomForestRegressor(8, random_state=0))]
    for pipeline in known + unknown:
        compiled = compile_learner(pipeline.fit(X, y))
        assert bool(compiled.by_library) == (pipeline in unknown)
        np.testing.assert_allclose(compiled.predict(pixels), pipeline.predict(pixels.astype(float)), rtol=1e-9, atol=1e-9)
