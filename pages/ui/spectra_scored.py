"""A learner that was scored on spectra, the same for a comparison that just ran and for a model that was kept."""

from dataclasses import dataclass, field

import pandas as pd

from pages.ui import scored
from pages.ui.scored import Scored, finite

_OF_ROW = ("groups", "distribution", "training", "told")


@dataclass(frozen=True)
class SpectraScored:
    """What the pages show of a learner of spectra.

    Parameters
    ----------
    scored : Scored
        What it has in common with learners of tables and images.
    groups : list of dict
        Scores by group.
    distribution : dict or None
        Of observed and predicted values.
    training : list of dict
        Losses by epoch: ``seed`` and ``rows``.
    told : dict or None
        What the learner says of itself.
    seeds : int or None
        Divisions that were drawn.
    """

    scored: Scored
    groups: list = field(default_factory=list)
    distribution: dict | None = None
    training: list = field(default_factory=list)
    told: dict | None = None
    seeds: int | None = None

    @property
    def row(self):
        """Its line of a comparison."""
        return self.scored.row

    @property
    def key(self):
        """Tells widgets of different learners apart."""
        return self.scored.key


def from_facts(facts, name, key="spectra-compare"):
    """A learner of a comparison.

    Parameters
    ----------
    facts : dict
        Result of ``spectra-compare`` with predictions.
    name : str
    key : str

    Returns
    -------
    SpectraScored
    """
    samples = _samples((facts.get("predictions") or {}).get(name))
    return _made(scored.from_comparison(facts, name, key, samples), facts.get("seeds"))


def from_model(identifier, model):
    """A model that was kept.

    Parameters
    ----------
    identifier : str
    model : FittedModel

    Returns
    -------
    SpectraScored
    """
    training = [{"seed": None, "rows": model.trust["training"]}] if model.trust.get("training") else []
    return _made(scored.from_model(identifier, model, "spectral"), None, training)


def _made(one, seeds, training=None):
    row = one.row
    told = next((one for one in row.get("told") or () if one), None)
    return SpectraScored(
        one, row.get("groups") or [], row.get("distribution"), training if training is not None else row.get("training") or [], told, seeds
    )


def _samples(predictions):
    if not predictions:
        return pd.DataFrame(columns=["row", "observed", "predicted"])
    return finite(pd.DataFrame(predictions))
