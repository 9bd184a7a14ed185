"""One learner that was scored, the same for a comparison that just ran and for a model that was kept: scores, samples, what is known of trust."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

LEVEL = 0.9
SHARED = ("leakage", "design", "distances", "variogram", "spatial_first", "warnings")


@dataclass(frozen=True)
class Scored:
    """What the pages show of a learner.

    Parameters
    ----------
    key : str
        Tells widgets of different learners and models apart.
    name : str
        Learner as typed.
    title : str
    unit : str or None
        Of the target.
    folds : str
        The folds in words.
    row : dict
        Its line in a comparison: ``r2``, ``r2_random``, ``rmse``, ``coverage_90``, ``aoa_share``, ...
    samples : pandas.DataFrame
        One row per sample: ``row``, ``observed``, ``predicted``, and where known ``fold``, ``x``, ``y`` (metres), ``lower``, ``upper``, ``di``,
        ``inside``.
    trust : dict
        ``interval``, ``aoa``, ``expected_error``, ``residual_variogram``; empty for models from before.
    shared : dict
        What holds for all learners of one comparison, see `SHARED`.
    """

    key: str
    name: str
    title: str
    unit: str | None
    folds: str
    row: dict
    samples: pd.DataFrame
    trust: dict = field(default_factory=dict)
    shared: dict = field(default_factory=dict)

    @property
    def unit_words(self):
        """The unit, or that nobody knows it."""
        return self.unit or "unit not known"

    @property
    def is_spatial(self):
        """Whether the score stands for places nobody sampled: then there is a random one beside it."""
        return self.row.get("r2_random") is not None

    @property
    def folds_are_random(self):
        """Whether matched folds turned out to be random ones, because the samples lie as the map does."""
        return "kNNDM" in self.folds and "random folds" in self.folds

    @property
    def has_places(self):
        """Whether the samples can be drawn on a plane."""
        return {"x", "y"} <= set(self.samples.columns) and self.samples[["x", "y"]].notna().all(axis=None)

    @property
    def has_bounds(self):
        """Whether every sample has an interval from folds it was not in."""
        return {"lower", "upper"} <= set(self.samples.columns)

    @property
    def interval(self):
        """Facts of the prediction interval; None for a model from before there were any."""
        return self.trust.get("interval")

    @property
    def area(self):
        """Facts of the area of applicability; None where there is none, because no predictor tells places apart."""
        area = self.trust.get("aoa")
        return area if area and area.get("threshold") is not None else None


def from_comparison(facts, name, key="compare", samples=None):
    """A learner of a comparison.

    Parameters
    ----------
    facts : dict
        Result of ``compare`` with predictions.
    name : str
        Learner as typed.
    key : str
    samples : pandas.DataFrame, optional
        As in `Scored`; if left out, made of the predictions and intervals of the comparison.

    Returns
    -------
    Scored
    """
    row = next(row for row in facts["models"] if row["name"] == name)
    if samples is None:
        samples = _samples(facts.get("predictions") or {}, name, (facts.get("intervals") or {}).get(name) or {})
    trust, folds = (facts.get("trust") or {}).get(name) or {}, facts.get("folds_label") or facts["cv"]
    return Scored(f"{key}.{name}", name, name, facts["unit"], folds, row, samples, trust, _shared(facts))


def from_model(identifier, model, key="model"):
    """A model that was kept.

    Parameters
    ----------
    identifier : str
    model : FittedModel
    key : str

    Returns
    -------
    Scored
    """
    samples = pd.DataFrame(model.out_of_fold)
    own_folds = model.folds.get("label") or model.folds.get("scheme", "")
    trust = model.trust.get("facts") or {}
    return Scored(
        f"{key}.{identifier}", model.name, identifier, model.target["unit"], own_folds, model.scores, finite(samples), trust, _shared(model.trust)
    )


def _shared(facts):
    return {name: facts.get(name) for name in SHARED}


def _samples(predictions, name, intervals):
    if name not in predictions:
        return pd.DataFrame(columns=["row", "observed", "predicted"])
    columns = {"row": predictions["row"], "observed": predictions["observed"], "predicted": predictions[name]}
    columns |= {key: predictions[key] for key in ("fold", "x", "y") if predictions.get(key) is not None}
    columns |= {key: intervals[key] for key in ("lower", "upper", "di", "inside") if intervals.get(key) is not None}
    return finite(pd.DataFrame(columns))


def finite(samples):
    """Numbers as numbers: what JSON has no word for came as None."""
    for name in set(samples.columns) & {"observed", "predicted", "lower", "upper", "di", "x", "y"}:
        samples[name] = pd.to_numeric(samples[name], errors="coerce")
    if {"lower", "upper"} <= set(samples.columns):
        samples["lower"], samples["upper"] = samples["lower"].fillna(-np.inf), samples["upper"].fillna(np.inf)
    return samples
