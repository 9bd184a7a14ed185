"""Expected error: it rises with dissimilarity, follows a known relation, and says nothing where nothing is known."""

import numpy as np
import pytest

from soilcore.core.errors import ModelError
from soilcore.models.archive import FittedModel, load_model, save_model
from soilcore.models.baselines import MeanModel
from soilcore.trust.expected_error import ExpectedError, expected_error_of


def errors_that_grow(n, seed=0):
    rng = np.random.default_rng(seed)
    di = rng.gamma(2, 0.1, n)
    return di, rng.normal(0, 1 + 5 * di)


def test_it_finds_the_relation_behind_the_errors():
    di, error = errors_that_grow(20_000)
    expected = ExpectedError().fit(di, error)
    at = np.array([0.05, 0.1, 0.2, 0.3, 0.5])
    np.testing.assert_allclose(expected.rmse(at), 1 + 5 * at, rtol=0.12)


@pytest.mark.parametrize("n", [5, 30, 95, 1000])
def test_it_never_falls_and_stays_within_the_errors(n):
    di, error = errors_that_grow(n, seed=n)
    expected = ExpectedError().fit(di, error)
    rmse = expected.rmse(np.linspace(0, di.max(), 300))
    assert (np.diff(rmse) >= 0).all()
    assert rmse.max() <= np.abs(error).max() + 1e-12
    assert rmse.min() >= 0


def test_the_sign_of_an_error_does_not_matter():
    di, error = errors_that_grow(200)
    np.testing.assert_array_equal(ExpectedError().fit(di, error).rmse(di), ExpectedError().fit(di, np.abs(error)).rmse(di))


def test_errors_that_shrink_with_distance_give_one_level():
    di = np.linspace(0, 1, 500)
    expected = ExpectedError().fit(di, np.where(np.arange(500) % 2, 1, -1) * (2 - di))
    rmse = expected.rmse(di)
    assert np.ptp(rmse) == pytest.approx(0, abs=1e-9)
    assert 1 < rmse[0] < 2


def test_in_the_unit_of_the_target():
    di, error = errors_that_grow(300)
    np.testing.assert_allclose(ExpectedError().fit(di, 1000 * error).rmse(di), 1000 * ExpectedError().fit(di, error).rmse(di), rtol=1e-9)


def test_beyond_the_samples_nothing_is_known():
    di, error = errors_that_grow(100)
    expected = ExpectedError().fit(di, error)
    assert np.isnan(expected.rmse([di.max() * 1.01, np.nan])).all()
    assert np.isfinite(expected.rmse([0, di.max()])).all()


def test_samples_all_at_one_distance():
    expected = ExpectedError().fit(np.full(40, 0.3), np.linspace(-1, 1, 40))
    assert expected.rmse(0.3) > 0


def test_facts_are_rows_for_a_chart():
    di, error = errors_that_grow(100)
    expected = ExpectedError().fit(di, error)
    rows = expected.facts()
    assert all(set(row) == {"di", "rmse"} for row in rows)
    assert [row["di"] for row in rows] == sorted(row["di"] for row in rows)


def test_it_comes_back_from_a_model_folder_as_it_was(tmp_path):
    di, error = errors_that_grow(100)
    expected = ExpectedError().fit(di, error)
    facts, arrays, _ = expected.stored()
    learner = MeanModel().fit(np.arange(20.0)[:, None], np.arange(20.0))
    save_model(FittedModel(learner, "mean", {}, {}, {}, {}, {}, trust=facts, trust_arrays=arrays), tmp_path / "model")
    np.testing.assert_array_equal(expected_error_of(load_model(tmp_path / "model")).rmse(di), expected.rmse(di))
    assert expected_error_of(FittedModel(learner, "mean", {}, {}, {}, {}, {})) is None


@pytest.mark.parametrize(
    ("di", "error", "words"), [([0.1] * 4, [1] * 4, "at least 5"), ([0.1] * 6, [1] * 5, "shapes"), ([np.nan] * 6, [1] * 6, "6 of 6")]
)
def test_what_cannot_be_learnt_from_is_refused(di, error, words):
    with pytest.raises(ModelError, match=words):
        ExpectedError().fit(di, error)


def test_what_a_folder_holds_of_expected_errors_is_checked_before_it_is_used():
    facts, arrays, _ = ExpectedError().fit(np.arange(40.0), np.arange(40.0)).stored()
    model = FittedModel(None, "", {}, {}, {}, {}, {}, trust=facts, trust_arrays=arrays | {"aoa.error_rmse": arrays["aoa.error_rmse"][:-1]})
    with pytest.raises(ModelError, match="expected errors cannot be put together"):
        expected_error_of(model)
