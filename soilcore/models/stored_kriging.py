"""Learners that know places as plain words and numbers, and back."""

import numpy as np

from soilcore.evaluation.variogram import Variogram
from soilcore.models.kriging import KrigingPrior, OrdinaryKriging
from soilcore.models.neighbours import GiStarFeature

_NUMBERS = ("nugget", "sill", "range", "model", "usable", "reason")
_ARRAYS = ("lags", "semivariance", "pairs")


def write_kriging(learner, writer, prefix):
    """What `KrigingLearner` learned."""
    return {"mean_": learner.mean_, **_write_core(learner, writer, prefix)}


def read_kriging(learner, learned, reader):
    """Give a `KrigingLearner` back what it learned."""
    learner.mean_ = learned["mean_"]
    _read_core(learner, learned, reader)


def write_regression_kriging(learner, writer, prefix):
    """What `RegressionKriging` learned."""
    from soilcore.models.structure import describe

    arrays = {"residuals_": learner.residuals_, "inner_folds_": learner.inner_folds_}
    return {
        "base_": describe(learner.base_, writer, f"{prefix}.base"),
        "inner_rmse_": learner.inner_rmse_,
        "arrays": writer.add_arrays(f"{prefix}.residuals", arrays),
        **_write_core(learner, writer, prefix),
    }


def read_regression_kriging(learner, learned, reader):
    """Give a `RegressionKriging` back what it learned."""
    from soilcore.models.structure import rebuild

    learner.base_ = rebuild(learned["base_"], reader)
    learner.inner_rmse_ = learned["inner_rmse_"]
    arrays = reader.arrays(learned["arrays"])
    learner.residuals_, learner.inner_folds_ = arrays["residuals_"], arrays["inner_folds_"]
    _read_core(learner, learned, reader)


def write_with_neighbours(learner, writer, prefix):
    """What `WithNeighbours` learned."""
    from soilcore.models.structure import describe

    features = {}
    for kind, feature in learner.features_.items():
        arrays = writer.add_arrays(f"{prefix}.{kind}", {"xy": feature.xy_, "y": feature.y_})
        features[kind] = {"samples": arrays, **_write_feature(feature, writer, f"{prefix}.{kind}")}
    return {
        "learner_": describe(learner.learner_, writer, f"{prefix}.learner"),
        "features_": features,
        "neighbour_names_": list(learner.neighbour_names_),
        "neighbour_note_": learner.neighbour_note_,
        "arrays": writer.add_arrays(f"{prefix}.folds", {"inner_folds_": learner.inner_folds_}),
    }


def read_with_neighbours(learner, learned, reader):
    """Give a `WithNeighbours` back what it learned."""
    from sklearn.base import clone

    from soilcore.models.structure import rebuild
    from soilcore.models.transforms import TargetTransform

    learner.learner_ = rebuild(learned["learner_"], reader)
    learner.learner = clone(learner.learner_)
    learner.transform_ = TargetTransform(learner.target_transform)
    learner.neighbour_names_, learner.neighbour_note_ = tuple(learned["neighbour_names_"]), learned["neighbour_note_"]
    learner.inner_folds_ = reader.arrays(learned["arrays"])["inner_folds_"]
    # The order of the kinds is that of the columns; a JSON object may lose it.
    learner.features_ = {kind: _read_feature(kind, learned["features_"][kind], reader) for kind in learner.kinds}


def _write_feature(feature, writer, prefix):
    if isinstance(feature, GiStarFeature):
        return {"k": feature.k, "band": feature.band_}
    return {"neighbours": feature.neighbours, "seed": feature.seed, **_write_core(feature, writer, prefix)}


def _read_feature(kind, facts, reader):
    samples = reader.arrays(facts["samples"])
    if kind == "gi-star":
        feature = GiStarFeature(facts["k"], facts["band"])
        feature.band_ = facts["band"]
    else:
        feature = KrigingPrior(facts["neighbours"], facts["seed"])
        _read_core(feature, facts, reader)
    feature.xy_, feature.y_ = samples["xy"], samples["y"]
    return feature


def _write_core(holder, writer, prefix):
    """Variogram and kriging of what has ``variogram_`` and ``kriging_``, and the note where there is one."""
    facts = {name: getattr(holder.variogram_, name) for name in _NUMBERS} | {"fits": [dict(fit) for fit in holder.variogram_.fits]}
    arrays = {name: np.asarray(getattr(holder.variogram_, name), float) for name in _ARRAYS}
    kriging = holder.kriging_
    if kriging is not None:
        arrays |= {"places_": kriging.places_, "values_": kriging.values_, "counts_": kriging.counts_}
        facts |= {"neighbours": kriging.neighbours, "exact": kriging.exact}
    facts["range"] = None if holder.variogram_.model is None else holder.variogram_.range
    note = {"kriging_note_": holder.kriging_note_} if hasattr(holder, "kriging_note_") else {}
    return {"variogram_": facts, "kriging_arrays": writer.add_arrays(f"{prefix}.kriging", arrays), **note}


def _read_core(holder, learned, reader):
    facts, arrays = learned["variogram_"], reader.arrays(learned["kriging_arrays"])
    reach = np.nan if facts["range"] is None else facts["range"]
    table = (arrays["lags"], arrays["semivariance"], arrays["pairs"].astype(int))
    fits = tuple(facts["fits"])
    holder.variogram_ = Variogram(facts["nugget"], facts["sill"], reach, facts["model"], *table, facts["usable"], facts["reason"], fits)
    holder.kriging_ = None
    if "places_" in arrays:
        kriging = OrdinaryKriging(holder.variogram_, facts["neighbours"], facts["exact"])
        kriging.places_, kriging.values_, kriging.counts_ = arrays["places_"], arrays["values_"], arrays["counts_"]
        holder.kriging_ = kriging.ready()
    if "kriging_note_" in learned:
        holder.kriging_note_ = learned["kriging_note_"]
