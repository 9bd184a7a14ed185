"""What each tuned learner is made of: its pipeline, its defaults, and where tuning looks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SettingsError

FOREST_TREES = 300
TRIAL_TREES = 30  # while tuning: more trees lower the noise of a forest, they do not change which settings suit it
WIDE = 200  # columns; with more, trees look at a smaller share, so that a split still sees at most about 200
_FEW = 500  # rows
_FEW_BINS, _BIN_ROWS = 64, 1000
_THREADS_PAY = 20_000  # table cells
_MANY_VALUES = 200_000  # table cells; below, XGBoost is faster on one thread than on several
_MOST_COMPONENTS = 10
_RIDGE_PENALTIES = tuple(float(penalty) for penalty in np.logspace(-3, 4, 15))


@dataclass(frozen=True)
class Table:
    """Size of a training table, on which defaults and search ranges depend."""

    rows: int
    columns: int

    @property
    def tree_share(self):
        """Share of the columns trees are offered: 1 up to 200 columns, then 200 / columns."""
        return min(1.0, WIDE / self.columns)

    @property
    def is_large(self):
        """Whether threads pay outside XGBoost."""
        return self.rows * self.columns > _THREADS_PAY


@dataclass(frozen=True)
class Hardware:
    """What a fit may use: seed, threads, device, and whether it is a trial of tuning, for which 30 trees and one network will do."""

    seed: int = 0
    jobs: int = 1
    device: str = "cpu"
    trial: bool = False


@dataclass(frozen=True)
class Space:
    """One learner.

    Parameters
    ----------
    defaults : function of Table
        Parameters without tuning, and the first trial.
    steps : function of (parameters, Table, Hardware)
        Steps of the scikit-learn pipeline; the last is called ``model``, a scaler before it ``scale``.
    suggest : function of (Optuna trial, Table), optional
        Draws parameters.
    grid : function of Table, optional
        All parameter sets, where they are few: tried one after the other without Optuna, and regardless of the number of trials.
    threads : function of Table
        Whether folds gain from running side by side: with few values most of the time is spent in Python, which does not.
    """

    defaults: Callable
    steps: Callable
    suggest: Callable | None = None
    grid: Callable | None = None
    threads: Callable = lambda table: table.is_large


def space_of(name):
    """The space of a tuned learner.

    Raises
    ------
    SettingsError
        If no tuned learner has this name.
    """
    if name not in SPACES:
        raise SettingsError(f"There is no tuned learner {name!r}. Choose one of {', '.join(SPACES)}.")
    return SPACES[name]


def make_pipeline(name, parameters, table, hardware):
    """An unfitted scikit-learn pipeline with these parameters.

    Raises
    ------
    SettingsError
        If a parameter is not one of the learner's.
    """
    from sklearn.pipeline import Pipeline

    space = space_of(name)
    known = space.defaults(table)
    unknown = [key for key in parameters if key not in known]
    if unknown:
        raise SettingsError(f"{name} has no parameter {', '.join(map(repr, unknown))}. It has {', '.join(known)}.")
    return Pipeline(space.steps({**known, **parameters}, table, hardware))


def most_components(table):
    """Most PLS components a table carries: as many as columns, at most 10, and fewer than the samples of a training fold."""
    return max(1, min(table.columns, _MOST_COMPONENTS, (4 * table.rows) // 5 - 2))


def _scale():
    from sklearn.preprocessing import StandardScaler

    return "scale", StandardScaler()


def _plsr_steps(parameters, table, hardware):
    from sklearn.cross_decomposition import PLSRegression

    components = min(int(parameters["components"]), table.columns, table.rows - 1)
    return [_scale(), ("model", PLSRegression(n_components=components, scale=False))]  # scaled by the step before


def _ridge_steps(parameters, table, hardware):
    from sklearn.linear_model import Ridge

    return [_scale(), ("model", Ridge(alpha=parameters["alpha"]))]


def _svr_steps(parameters, table, hardware):
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVR

    # C and epsilon are in units of the target, so the target is standardised too.
    svr = SVR(C=parameters["C"], epsilon=parameters["epsilon"], gamma=parameters["gamma"] / table.columns)
    return [_scale(), ("model", TransformedTargetRegressor(svr, transformer=StandardScaler()))]


def _suggest_svr(trial, table):
    return {
        "C": trial.suggest_float("C", 0.03, 100.0, log=True),
        "epsilon": trial.suggest_float("epsilon", 0.01, 0.5, log=True),
        "gamma": trial.suggest_float("gamma", 0.01, 10.0, log=True),
    }


def _rf_defaults(table):
    return {"n_estimators": FOREST_TREES, "max_depth": None, "min_samples_leaf": 2, "max_features": 0.5, "max_samples": 1.0}


def _rf_steps(parameters, table, hardware):
    from sklearn.ensemble import RandomForestRegressor

    share = parameters["max_features"]
    forest = RandomForestRegressor(
        n_estimators=min(parameters["n_estimators"], TRIAL_TREES) if hardware.trial else parameters["n_estimators"],
        max_depth=parameters["max_depth"],
        min_samples_leaf=parameters["min_samples_leaf"],
        max_features=share if share == "sqrt" else share * table.tree_share,
        max_samples=None if parameters["max_samples"] == 1.0 else parameters["max_samples"],
        random_state=hardware.seed,
        n_jobs=hardware.jobs if table.is_large else 1,
    )
    return [("model", forest)]


def _suggest_rf(trial, table):
    return {
        "max_depth": trial.suggest_categorical("max_depth", [None, 3, 5, 8, 12, 20]),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 8),
        "max_features": trial.suggest_categorical("max_features", ["sqrt", 0.33, 0.5, 1.0]),
        "max_samples": trial.suggest_float("max_samples", 0.6, 1.0),
    }


def _xgboost_defaults(table):
    return {
        "rounds": 200 if table.rows < _FEW else 300,
        "learning_rate": 0.05,
        "max_depth": 3 if table.rows < _FEW else 5,
        "min_child_weight": 3.0,
        "subsample": 0.8,
        "colsample": 0.7,
        "lambda": 1.0,
        "alpha": 1e-8,
    }


def _xgboost_steps(parameters, table, hardware):
    from xgboost import XGBRegressor

    model = XGBRegressor(
        n_estimators=int(parameters["rounds"]),
        learning_rate=parameters["learning_rate"],
        max_depth=int(parameters["max_depth"]),
        min_child_weight=parameters["min_child_weight"],
        subsample=parameters["subsample"],
        colsample_bytree=parameters["colsample"] * table.tree_share,
        reg_lambda=parameters["lambda"],
        reg_alpha=parameters["alpha"],
        tree_method="hist",
        max_bin=_FEW_BINS if table.rows < _BIN_ROWS else 256,  # 85 samples do not fill 256 bins, and the histogram is most of the time
        device=hardware.device,
        random_state=hardware.seed,
        n_jobs=1 if table.rows * table.columns < _MANY_VALUES else hardware.jobs,
    )
    return [("model", model)]


def _suggest_xgboost(trial, table):
    # Narrower than usual (100 to 800 rounds) below 500 samples: such a table is learned by heart long before, and only time is lost.
    return {
        "rounds": trial.suggest_int("rounds", 50, 300 if table.rows < _FEW else 800, step=50),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
        "max_depth": trial.suggest_int("max_depth", 2, 6),
        "min_child_weight": trial.suggest_float("min_child_weight", 1.0, 10.0),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "colsample": trial.suggest_float("colsample", 0.4, 1.0),
        "lambda": trial.suggest_float("lambda", 1e-3, 10.0, log=True),
        "alpha": trial.suggest_float("alpha", 1e-8, 1.0, log=True),
    }


def _mlp_defaults(table):
    return {"layers": "32", "activation": "relu", "alpha": 10.0 if table.rows < _FEW else 1e-3, "learning_rate": 1e-3, "seeds": 5}


def _mlp_steps(parameters, table, hardware):
    from sklearn.decomposition import PCA

    from soilcore.models.seeds import MeanOfSeeds

    network = MeanOfSeeds(
        layers=parameters["layers"],
        activation=parameters["activation"],
        alpha=parameters["alpha"],
        learning_rate=parameters["learning_rate"],
        seeds=1 if hardware.trial else int(parameters["seeds"]),
        random_state=hardware.seed,
        iterations=100 if hardware.trial and table.rows < _FEW else None,
    )
    # n samples span at most n - 1 directions: turning the axes into them loses nothing and makes 2,000 bands as cheap as 100.
    turn = [("turn", PCA(n_components=table.rows - 1, svd_solver="full"))] if table.columns >= table.rows else []
    return [_scale(), *turn, ("model", network)]


def _suggest_mlp(trial, table):
    few = table.rows < _FEW
    # Stronger than usual (alpha 1e-5 to 1): on 106 field samples in grouped folds R2 rose from -0.8 (0.01) over 0.1 (1) to 0.32 (10).
    low, high = (1e-2, 100.0) if few else (1e-5, 1.0)
    parameters = {
        "layers": trial.suggest_categorical("layers", ["16", "32", "64", "32-16", "64-32"]),
        "activation": trial.suggest_categorical("activation", ["relu", "tanh"]),
        "alpha": trial.suggest_float("alpha", low, high, log=True),
    }
    return parameters if few else {**parameters, "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True)}


SPACES = {
    "plsr": Space(
        defaults=lambda table: {"components": min(3, most_components(table))},
        steps=_plsr_steps,
        grid=lambda table: [{"components": count} for count in range(1, most_components(table) + 1)],
    ),
    "ridge": Space(
        defaults=lambda table: {"alpha": 1.0},
        steps=_ridge_steps,
        grid=lambda table: [{"alpha": penalty} for penalty in _RIDGE_PENALTIES],
    ),
    "svr": Space(defaults=lambda table: {"C": 1.0, "epsilon": 0.1, "gamma": 1.0}, steps=_svr_steps, suggest=_suggest_svr),
    "rf": Space(defaults=_rf_defaults, steps=_rf_steps, suggest=_suggest_rf),
    "xgboost": Space(defaults=_xgboost_defaults, steps=_xgboost_steps, suggest=_suggest_xgboost, threads=lambda table: True),
    "mlp": Space(defaults=_mlp_defaults, steps=_mlp_steps, suggest=_suggest_mlp),
}
