"""The difference between two models on the same samples, and how sure it is."""

import numpy as np
import pytest

from soilcore.core.errors import ModelError
from soilcore.evaluation.metrics import regression_scores
from soilcore.evaluation.paired import paired_difference


def samples(n=400, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.lognormal(size=n)
    return y, y + rng.normal(scale=0.3, size=n), y + rng.normal(scale=0.6, size=n)


def test_the_difference_is_that_of_r2_and_its_interval_holds_it():
    y, good, bad = samples()
    facts = paired_difference(y, good, bad, folds=np.arange(400) % 4)
    r2 = [regression_scores(y, p)["r2"] for p in (good, bad)]
    assert facts["difference"] == pytest.approx(r2[0] - r2[1])
    assert 0 < facts["low"] < facts["difference"] < facts["high"]
    assert (facts["folds_better"], facts["folds"]) == (4, 4)
    turned = paired_difference(y, bad, good, folds=np.arange(400) % 4)
    assert turned["difference"] == pytest.approx(-facts["difference"])
    assert turned["folds_better"] == 0


def test_equal_predictions_differ_by_nothing():
    y, good, _ = samples()
    facts = paired_difference(y, good, good)
    assert facts["difference"] == facts["low"] == facts["high"] == 0


def test_repeats_are_averaged():
    y, good, bad = samples()
    both = paired_difference(y, np.stack([good, bad]), np.stack([bad, good]))
    assert both["difference"] == pytest.approx(0, abs=1e-12)


def test_neighbours_that_err_together_make_the_interval_wider():
    rng = np.random.default_rng(3)
    y, units = rng.normal(size=400), np.repeat(np.arange(20), 20)
    first = y + 0.5 * rng.normal(size=20)[units]
    second = y + 0.5 * rng.normal(size=20)[units]
    alone, together = paired_difference(y, first, second), paired_difference(y, first, second, units)
    assert together["units"] == 20
    assert together["high"] - together["low"] > 1.5 * (alone["high"] - alone["low"])


def test_predictions_of_other_samples_are_refused():
    with pytest.raises(ModelError, match="do not belong to 400 observed values"):
        paired_difference(samples()[0], np.zeros(3), np.zeros(3))
