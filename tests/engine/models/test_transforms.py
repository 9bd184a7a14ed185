"""The way to the modelling scale and back."""

import numpy as np
import pytest

from soilcore.core.errors import ModelError, SettingsError
from soilcore.models.transforms import TargetTransform, WayBack, duan_factor


@pytest.mark.parametrize("name", ["none", "log10", "log1p"])
def test_the_way_back_returns_the_values(name):
    y = np.array([0.01, 0.5, 2.0, 4.0, 120.0])
    transform = TargetTransform(name)
    np.testing.assert_allclose(transform.inverse(transform.forward(y)), y, rtol=1e-14)


def test_known_values_of_each_scale():
    assert TargetTransform("log10").forward([1000.0])[0] == 3.0
    assert TargetTransform("log1p").forward([np.e - 1])[0] == pytest.approx(1.0)
    assert TargetTransform("none").forward([7.0])[0] == 7.0


def test_log10_refuses_zero_and_says_how_many_and_what_to_do():
    with pytest.raises(ModelError, match=r"2 of 4 target values .*smallest 0.*log1p"):
        TargetTransform("log10").forward([0.0, 0.0, 1.0, 2.0])


def test_log10_refuses_negative_values_as_missing_codes():
    with pytest.raises(ModelError, match=r"1 of 3 .*-9999.*missing codes"):
        TargetTransform("log10").forward([-9999.0, 1.0, 2.0])


def test_log1p_takes_zero_and_refuses_less():
    assert TargetTransform("log1p").forward([0.0])[0] == 0.0
    with pytest.raises(ModelError, match="1 of 2"):
        TargetTransform("log1p").forward([-0.5, 1.0])


def test_an_unknown_transform_is_refused_with_the_choices():
    with pytest.raises(SettingsError, match="none, log10, log1p"):
        TargetTransform("sqrt")


def test_an_absurd_extrapolation_stays_finite():
    assert np.isfinite(TargetTransform("log10").inverse([1e6, -1e6]) ** 2).all()


def test_results_below_zero_are_limited_only_for_nonnegative_targets():
    z = np.array([-1.0, 2.0])
    assert WayBack(TargetTransform("none"), nonnegative=True)(z).tolist() == [0.0, 2.0]
    assert WayBack(TargetTransform("none"), nonnegative=False)(z).tolist() == [-1.0, 2.0]


@pytest.mark.parametrize(("name", "offset"), [("log10", 0.0), ("log1p", 1.0)])
def test_smearing_turns_the_median_of_a_lognormal_into_its_mean(name, offset):
    rng = np.random.default_rng(0)
    natural = rng.normal(1.5, 0.6, 200_000)
    y = np.exp(natural) - offset
    keep = y > 0
    y, median = y[keep], np.full(keep.sum(), np.exp(1.5) - offset)
    transform = TargetTransform(name)
    factor = duan_factor(transform, y, median)
    assert factor == pytest.approx(np.exp(0.6**2 / 2), rel=0.02)
    assert transform.inverse(transform.forward(median[:1]), factor)[0] == pytest.approx(y.mean(), rel=0.02)


def test_smearing_means_nothing_without_a_logarithm():
    assert duan_factor(TargetTransform("none"), [1.0, 2.0], [3.0, 5.0]) == 1.0
    assert TargetTransform("none").inverse([2.0], smearing=3.0)[0] == 2.0


def test_smearing_refuses_pairs_of_different_length():
    with pytest.raises(ModelError, match="do not belong together"):
        duan_factor(TargetTransform("log10"), [1.0, 2.0], [3.0])
