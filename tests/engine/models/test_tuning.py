"""Tuning stays inside the training samples, repeats itself, and keeps groups whole."""

import builtins
import sys

import numpy as np
import pytest

from soilcore.core.errors import NotAvailableError
from soilcore.models import tuning
from soilcore.models.pipelines import TunedRegressor
from soilcore.models.spaces import SPACES, Hardware, Table, make_pipeline
from soilcore.models.transforms import TargetTransform, WayBack
from soilcore.models.tuning import Search, fold_error, inner_folds, tune
from tests.engine.models.synthetic import linear, salinity, table

PLAIN = WayBack(TargetTransform("none"))
LOG = WayBack(TargetTransform("log10"), nonnegative=True)


@pytest.fixture(autouse=True)
def _nothing_remembered():
    tuning._MEMORY.clear()


def search(name="svr", groups=None, **settings):
    X = table(40)
    y = salinity(X)
    return tune(name, X.to_numpy(), np.log10(y), y, groups, LOG, Search(**{"trials": 6, **settings}))


@pytest.mark.parametrize("name", ["svr", "xgboost"])
def test_the_same_seed_finds_the_same_parameters_with_any_number_of_threads(name):
    first = search(name, trials=7, jobs=1)
    tuning._MEMORY.clear()
    second = search(name, trials=7, jobs=2)
    assert first.parameters == second.parameters
    assert first.history == second.history


def test_another_seed_searches_elsewhere():
    assert search(seed=0).history[1:] != search(seed=1).history[1:]


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
@pytest.mark.parametrize("name", list(SPACES))
def test_the_defaults_are_tried_first_and_never_beaten_by_the_choice(name):
    found = search(name, trials=3)
    assert found.rmse == min(trial["rmse"] for trial in found.history)
    if SPACES[name].suggest:
        defaults = SPACES[name].defaults(Table(40, 5))
        assert found.history[0]["parameters"].items() <= defaults.items()
        assert len(found.history) == 3
    assert set(found.parameters) == set(SPACES[name].defaults(Table(40, 5)))


def test_plsr_finds_the_number_of_components_a_rule_needs():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 8)) * np.arange(1, 9)
    y = X @ np.array([1, -1, 1, -1, 1, -1, 1, -1.0]) + 0.01 * rng.normal(size=80)
    found = tune("plsr", X, y, y, None, PLAIN, Search(trials=1))
    assert [trial["parameters"]["components"] for trial in found.history] == list(range(1, 9))
    assert found.parameters["components"] >= 5


def test_components_never_exceed_columns_ten_or_the_samples_of_a_training_fold():
    counts = [len(SPACES["plsr"].grid(Table(rows, columns))) for rows, columns in ((100, 4), (100, 40), (10, 40), (5, 40))]
    assert counts == [4, 10, 6, 2]


def test_the_error_is_the_mean_fold_rmse_in_the_own_unit():
    X = table(40)
    y = salinity(X)
    folds = inner_folds(40, None, 3)
    hardware = Hardware()
    measured = fold_error("ridge", {"alpha": 1.0}, X.to_numpy(), np.log10(y), y, folds, LOG, hardware)
    expected = []
    for fold in range(5):
        test = folds == fold
        pipeline = make_pipeline("ridge", {"alpha": 1.0}, Table(int((~test).sum()), 5), hardware).fit(X.to_numpy()[~test], np.log10(y)[~test])
        expected.append(np.sqrt(np.mean((10 ** pipeline.predict(X.to_numpy()[test]) - y[test]) ** 2)))
    assert measured == pytest.approx(np.mean(expected), rel=1e-12)


def test_inner_folds_keep_groups_whole_and_balance_sizes():
    groups = np.repeat(np.arange(12), 5)
    folds = inner_folds(60, groups, 0)
    assert all(np.unique(folds[groups == group]).size == 1 for group in range(12))
    assert np.bincount(folds).min() >= 10
    assert np.unique(folds).size == 5


def test_inner_folds_without_groups_differ_by_one_sample_at_most():
    sizes = np.bincount(inner_folds(83, None, 0))
    assert sizes.size == 5
    assert np.ptp(sizes) == 1


def test_few_groups_make_few_folds_and_one_group_is_dealt_at_random():
    assert np.unique(inner_folds(20, np.repeat([0, 1, 2], [10, 5, 5]), 0)).size == 3
    assert np.unique(inner_folds(20, np.zeros(20, int), 0)).size == 5


def test_grouped_and_random_inner_folds_may_choose_differently():
    X = table(40)
    learner = TunedRegressor("ridge").fit(X, linear(X), groups=np.repeat(list("abcdefgh"), 5))
    assert all(np.unique(learner.inner_folds_[first : first + 5]).size == 1 for first in range(0, 40, 5))


def test_the_budget_ends_the_search_after_the_trial_in_progress():
    assert len(search(trials=50, budget=1e-9).history) == 1


def test_no_trials_take_the_defaults_without_optuna(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "optuna"]:
        monkeypatch.delitem(sys.modules, name)
    found = search("rf", trials=0)
    assert found.parameters == SPACES["rf"].defaults(Table(40, 5))
    assert found.history == ()
    assert "optuna" not in sys.modules


def test_a_missing_optuna_is_named_with_the_way_out(monkeypatch):
    real = builtins.__import__

    def without_optuna(name, *args, **kwargs):
        if name.split(".")[0] == "optuna":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_optuna)
    with pytest.raises(NotAvailableError, match=r"optuna.*--trials 0"):
        search(trials=3)
    assert search("plsr", trials=3).parameters["components"] >= 1


def test_a_search_is_remembered_only_for_the_same_samples_and_settings():
    first = search()
    assert search() is first
    assert search(seed=1) is not first
    assert search(groups=np.repeat(np.arange(8), 5)) is not first
    assert search(trials=5) is not first


def test_optuna_says_nothing(capfd):
    search()
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err == ""


def test_given_parameters_are_fitted_without_a_search():
    X = table(40)
    learner = TunedRegressor("svr", parameters={"C": 7.0}).fit(X, linear(X))
    assert learner.tuning_ == ()
    assert learner.parameters_ == {"C": 7.0, "epsilon": 0.1, "gamma": 1.0}


def test_tuning_helps_where_the_defaults_do_not_fit():
    X, new = table(60), table(60, seed=9)
    default, tuned = (TunedRegressor("ridge", trials=trials).fit(X, linear(X, noise=0.01)) for trials in (0, 1))
    errors = [np.abs(learner.predict(new) - linear(new)).mean() for learner in (default, tuned)]
    assert errors[1] < 0.5 * errors[0]
