"""Tables with a known rule behind them, and small settings that fit in a blink."""

import numpy as np
import pandas as pd

SMALL = {
    "plsr": {"components": 3},
    "ridge": {"alpha": 1.0},
    "svr": {"C": 3.0},
    "rf": {"n_estimators": 30},
    "xgboost": {"rounds": 60, "learning_rate": 0.1},
    "mlp": {"layers": "16", "seeds": 2, "alpha": 1.0},
}
STACK = {name: SMALL[name] for name in ("mlp", "rf", "xgboost")}


def table(n=60, features=5, seed=0):
    """Predictors with names."""
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(n, features)), columns=[f"f{i}" for i in range(features)])


def additive(X, noise=0.1, seed=1):
    """A smooth additive target of both signs: sin of the first column, square of the second."""
    rng = np.random.default_rng(seed)
    return (2 * np.sin(X["f0"]) + X["f1"] ** 2 + noise * rng.normal(size=len(X))).to_numpy()


def linear(X, noise=0.0, seed=1):
    """A linear target."""
    rng = np.random.default_rng(seed)
    return (3 * X["f0"] - 2 * X["f1"] + 0.5 * X["f2"] + 10 + noise * rng.normal(size=len(X))).to_numpy()


def salinity(X, seed=1):
    """A positive, skewed target."""
    rng = np.random.default_rng(seed)
    return np.exp(0.8 * X["f0"] - 0.5 * X["f1"] + 0.2 * rng.normal(size=len(X))).to_numpy()


def r2(y, predicted):
    """1 - SSE / SST."""
    return 1 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum()
