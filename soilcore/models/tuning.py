"""Tuning inside the training samples: which parameters give the smallest error on inner folds, in the target's own unit."""

import math
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import NotAvailableError
from soilcore.core.fingerprint import of_array, of_settings
from soilcore.core.progress import silent
from soilcore.evaluation.blocks import deal
from soilcore.models.learner import seeds_of
from soilcore.models.spaces import Hardware, Table, make_pipeline, space_of

INNER_FOLDS = 5
_RANDOM_STARTS = 5  # trials before TPE's model of the space is used
_WORST = 1e300  # stands for an error that is not a number; Optuna wants a finite one


@dataclass(frozen=True)
class Search:
    """How long and where to search.

    Parameters
    ----------
    trials : int
        Parameter sets tried, the defaults among them; 0 takes the defaults without a search.
    budget : float or None
        Seconds after which no further trial starts. None: no limit, and then the result depends on the seed alone.
    seed : int
    jobs : int
        Threads; folds run side by side. The result does not depend on it.
    device : {"cpu", "cuda"}
        For XGBoost.
    """

    trials: int = 10
    budget: float | None = None
    seed: int = 0
    jobs: int = 1
    device: str = "cpu"


@dataclass(frozen=True)
class Tuning:
    """What a search found.

    Parameters
    ----------
    parameters : dict
        The best ones, complete.
    rmse : float
        Mean RMSE of the inner folds with them, own unit of the target; NaN without a search.
    history : tuple of dict
        Per trial ``parameters`` and ``rmse``.
    folds : ndarray of int, shape (n_samples,)
        Inner fold of each training sample.
    """

    parameters: dict
    rmse: float
    history: tuple[dict, ...]
    folds: np.ndarray


def inner_folds(rows, groups, seed, folds=INNER_FOLDS):
    """Divide training samples into inner folds the way the outer ones are divided.

    Parameters
    ----------
    rows : int
    groups : ndarray of int, shape (rows,), or None
        0, 1, 2, ... Whole groups go into one fold. A single group cannot be divided; its samples are dealt at random.
    seed : int
    folds : int
        At most; fewer groups or rows make fewer folds.

    Returns
    -------
    ndarray of int, shape (rows,)
        Fold of each sample, none empty.
    """
    generator = np.random.default_rng(seed)
    if groups is None or groups.max() == 0:
        groups = np.arange(rows)
    return deal(groups, min(folds, int(groups.max()) + 1), generator)


def tune(name, X, z, y, groups, way_back, search, report=silent):
    """Find parameters for one learner on one training set.

    Parameters
    ----------
    name : str
        Key of `soilcore.models.spaces.SPACES`.
    X, z, y : ndarray
        Predictors (n_samples, n_features), target on the modelling scale and in its own unit (n_samples,).
    groups : ndarray of int or None
    way_back : WayBack
        From modelling scale to own unit.
    search : Search
    report : Report
        Called before each trial; may raise Stopped.

    Returns
    -------
    Tuning

    Raises
    ------
    NotAvailableError
        If Optuna is needed and not installed.

    Notes
    -----
    Searches are remembered within the process by the content of their inputs, so that the forest inside the stack is not tuned again when the
    forest alone was tuned on the same training samples. The result is the same as without.
    """
    key = of_settings(name, search.trials, search.budget, search.seed, search.device, way_back) + of_array(X) + of_array(z) + of_array(y)
    key += "" if groups is None else of_array(groups)
    found = _remembered(key)
    if found is None:
        found = _search(name, X, z, y, groups, way_back, search, report)
        _remember(key, found)
    return found


def _search(name, X, z, y, groups, way_back, search, report):
    space, table = space_of(name), Table(*X.shape)
    fold_seed, sampler_seed, model_seed = seeds_of(search.seed, 3)
    folds = inner_folds(len(y), groups, fold_seed)
    defaults = space.defaults(table)
    if search.trials <= 0:
        return Tuning(defaults, math.nan, (), folds)

    hardware = Hardware(model_seed, 1, search.device, trial=True)

    def error(parameters):
        return fold_error(name, parameters, X, z, y, folds, way_back, hardware, search.jobs)

    propose = _grid(space, table) if space.grid else _tree_parzen(space, table, search.trials, sampler_seed)
    history = []
    count = len(space.grid(table)) if space.grid else search.trials
    started = time.perf_counter()
    for number, (parameters, tell) in enumerate(propose):
        best = min((trial["rmse"] for trial in history), default=math.nan)
        report(number, count, f"tuning {name}: trial {number + 1} of {count}" + (f", best RMSE {best:.4g}" if history else ""))
        rmse = error(parameters)
        tell(rmse)
        history.append({"parameters": parameters, "rmse": rmse})
        if search.budget is not None and time.perf_counter() - started >= search.budget:
            break
    best = min(history, key=lambda trial: trial["rmse"])  # the first of equals: the defaults, or the simplest of a grid
    return Tuning({**defaults, **best["parameters"]}, best["rmse"], tuple(history), folds)


def _grid(space, table):
    for parameters in space.grid(table):
        yield parameters, lambda rmse: None


def _tree_parzen(space, table, trials, seed):
    """Parameter sets from Optuna's tree-structured Parzen estimator, the defaults first; each comes with a function that takes its error."""
    try:
        import optuna
    except ImportError:
        raise NotAvailableError(
            "Tuning needs the package optuna, which is not installed. Install it (pip install optuna), or use --trials 0."
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_RANDOM_STARTS)
    study = optuna.create_study(direction="minimize", sampler=sampler)
    study.enqueue_trial(space.defaults(table))
    for _ in range(trials):
        trial = study.ask()
        parameters = space.suggest(trial, table)
        yield parameters, lambda rmse, trial=trial: study.tell(trial, rmse)


def fold_error(name, parameters, X, z, y, folds, way_back, hardware, jobs=1):
    """Mean over the inner folds of the RMSE in the target's own unit."""
    predicted = out_of_fold(name, parameters, X, z, folds, hardware, jobs)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = (way_back(predicted) - y) ** 2
        rmse = np.mean([np.sqrt(squares[folds == fold].mean()) for fold in np.unique(folds)])
    return float(rmse) if rmse < _WORST else _WORST


def out_of_fold(name, parameters, X, z, folds, hardware, jobs=1):
    """Every sample predicted, on the modelling scale, by a pipeline fitted to the other folds; shape (n_samples,).

    Folds run in `jobs` threads; each fold's fit has one thread and the same seed, so the result does not depend on `jobs`.
    """
    predicted = np.full(len(z), np.nan)
    threads = jobs if space_of(name).threads(Table(*X.shape)) else 1

    def one(fold):
        test = folds == fold
        train = ~test
        pipeline = make_pipeline(name, parameters, Table(int(train.sum()), X.shape[1]), hardware)
        pipeline.fit(X[train], z[train])
        predicted[test] = np.asarray(pipeline.predict(X[test]), dtype=float).reshape(-1)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, np.unique(folds)))
    return predicted


_MEMORY = OrderedDict()
_MEMORY_SIZE = 2000  # each holds a few numbers
_LOCK = threading.Lock()


def _remembered(key):
    with _LOCK:
        return _MEMORY.get(key)


def _remember(key, found):
    with _LOCK:
        _MEMORY[key] = found
        while len(_MEMORY) > _MEMORY_SIZE:
            _MEMORY.popitem(last=False)
