"""Every name of the command line is listed, made or refused in words."""

import subprocess
import sys

import pytest

from soilcore.core.errors import SettingsError
from soilcore.models.catalogue import learner_spec, learner_specs, make_learner
from soilcore.models.neural_profiles import PROFILES
from soilcore.models.settings import FitSettings

NAMES = [
    "mean",
    "best-index",
    "plsr",
    "ridge",
    "svr",
    "rf",
    "xgboost",
    "mlp",
    "stacking",
    "kriging",
    "regression-kriging",
    "auto",
    "dual-step",
    "soilnet",
    "soilnet-image",
    "soilnet-image-glam",
    "soilnet-small",
    "sssoilnet",
    "sssoilnet-index",
    "sssoilnet-spec-index",
    "sssoilnet-stack",
    "sssoilnet-dense",
    "spectra-cnn",
]


def test_all_names_of_the_command_line_are_listed_once():
    listed = [spec.name for spec in learner_specs()]
    assert sorted(listed) == sorted(NAMES)


def test_every_row_says_what_it_is_and_where_it_comes_from():
    for spec in learner_specs():
        assert spec.label
        assert spec.citation
        assert spec.family in {"baseline", "linear", "kernel", "trees", "network", "ensemble", "geostatistics", "two-step"}
        assert (spec.parameters is not None) == (spec.name in PROFILES)


@pytest.mark.parametrize("name", [name for name in NAMES if learner_spec(name).available])
def test_available_learners_are_made_with_the_settings(name):
    learner = make_learner(name, FitSettings("log1p", 3, 7.0, 5, "cpu", 1), index_columns=("SI", "CRSI"))
    given = learner.get_params()
    assert given["target_transform"] == "log1p"
    expected = {"trials": 3, "budget": 7.0, "random_state": 5, "device": "cpu", "jobs": 1, "name": name, "candidates": ("SI", "CRSI")}
    assert all(given[key] == value for key, value in expected.items() if key in given)


def test_an_unknown_name_is_refused_with_the_choices():
    with pytest.raises(SettingsError, match=r"'randomforest'.*rf, xgboost"):
        make_learner("randomforest", FitSettings())


def test_listing_the_learners_imports_nothing_heavy():
    code = "import sys; from soilcore.models.catalogue import learner_specs; learner_specs(); print([m for m in ('sklearn', 'xgboost', 'optuna', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
