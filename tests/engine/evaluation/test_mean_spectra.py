"""Mean spectra by level: means by hand, the three views, and what is left out."""

import numpy as np
import pandas as pd
import pytest

from soilcore.core.errors import SampleError, SettingsError
from soilcore.evaluation.mean_spectra import by_wavelength, mean_spectra, quantile_levels


def test_means_and_views_by_hand():
    bands = pd.DataFrame({"N": [0.2, 0.4, 0.5], "B": [0.1, 0.1, -0.2], "mine": [0.3, 0.5, 0.25]})
    spectra = mean_spectra(bands, [0, 0, 2], ["low", "middle", "high"]).set_index(["label", "role"])
    near = spectra.loc[("low", "N")]
    assert near[["n", "mean", "sd", "reciprocal", "square", "square_root", "wavelength_nm"]].tolist() == pytest.approx(
        [2, 0.3, np.std([0.2, 0.4], ddof=1), 1 / 0.3, 0.09, 0.3**0.5, 833]
    )
    assert spectra.loc[("high", "B"), "n"] == 0
    assert np.isnan(spectra.loc[("high", "B"), "mean"])
    assert np.isnan(spectra.loc[("high", "N"), "sd"])
    assert np.isnan(spectra.loc[("low", "mine"), "wavelength_nm"])
    assert "middle" not in spectra.index.get_level_values(0)


def test_roles_follow_the_wavelength_and_unknown_ones_come_last():
    assert by_wavelength(["S2", "mine", "B", "N", "RE1"]) == ["B", "RE1", "N", "S2", "mine"]


def test_a_negative_level_is_left_out():
    spectra = mean_spectra(pd.DataFrame({"B": [0.1, 0.2]}), [-1, 0])
    assert spectra["mean"].tolist() == [0.2]


def test_wrong_calls_are_said():
    with pytest.raises(SampleError, match="2 samples"):
        mean_spectra(pd.DataFrame({"B": [0.1, 0.2]}), [0])
    with pytest.raises(SettingsError, match="Level 1 has no label"):
        mean_spectra(pd.DataFrame({"B": [0.1, 0.2]}), [0, 1], ["only"])
    with pytest.raises(SettingsError, match="cannot be made"):
        quantile_levels([np.nan, np.nan])


def test_quantile_levels_are_of_equal_size_and_half_open():
    levels, labels = quantile_levels(np.r_[np.arange(100.0), np.nan], 4)
    assert np.bincount(levels[:-1]).tolist() == [25, 25, 25, 25]
    assert levels[-1] == -1
    assert len(labels) == 4
    assert quantile_levels([1.0, 1.0])[0].tolist() == [0, 0]
