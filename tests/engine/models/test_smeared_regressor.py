"""One regression on a logarithm that answers with the mean: unbiased where plain back-transformation is not."""

import numpy as np
import pytest

from soilcore.models.smeared_regressor import SmearedRegressor


@pytest.fixture(scope="module")
def skewed():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(400, 3))
    return X, np.exp(0.5 + 0.6 * X[:, 0] + rng.normal(0, 0.8, 400))


def test_the_mean_is_met_where_plain_back_transformation_falls_short(skewed):
    X, y = skewed
    smeared = SmearedRegressor("ridge", "log10", trials=0).fit(X, y)
    plain = smeared.regression_.predict(X)
    assert smeared.factor_ == pytest.approx(np.exp(0.8**2 / 2), rel=0.12)  # of a lognormal error
    assert abs(smeared.predict(X).mean() / y.mean() - 1) < 0.1
    assert plain.mean() / y.mean() < 0.85


def test_predictions_below_zero_on_the_way_are_no_obstacle():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(60, 2))
    y = np.maximum(0.3 * X[:, 0] + rng.normal(0, 0.05, 60), 0.0)  # many zeros: ridge on log1p goes below
    y[0] = 3.0
    smeared = SmearedRegressor("ridge", "log1p", trials=0).fit(X, y)
    assert (smeared.regression_.predict_transformed(X) < 0).any()
    assert np.isfinite(smeared.factor_)
    assert (smeared.predict(X) >= 0).all()


def test_without_a_logarithm_nothing_is_multiplied(skewed):
    X, y = skewed
    assert SmearedRegressor("ridge", "none", trials=0).fit(X, y).factor_ == 1.0
