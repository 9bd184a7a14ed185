"""Pixels as attribution maps explain them: what is read for a block, and what is found there."""

from contextlib import contextmanager

import numpy as np

from soilcore.core.tiles import worker_threads
from soilcore.explanation.tabular import ATTRIBUTION_IS_NO_CAUSE


class PixelsAsRows:
    """Pixels of which a model reads the predictors only.

    Parameters
    ----------
    model : FittedModel
    source : FeatureSource
    explainer : TabularExplainer
    threads : int or None
    """

    expected_varies = False
    fewest = 16  # rows and columns of the output that are taken together, whatever is read for them

    def __init__(self, model, source, explainer, threads):
        self.source, self.explainer, self.threads = source, explainer, worker_threads(threads)
        self._places = None
        if explainer.looks_at_places:
            from soilcore.mapping.pixels import Places

            self._places = Places(source.grid, model.plane)

    names = property(lambda self: self.explainer.names)
    base = property(lambda self: self.explainer.base)
    scale = property(lambda self: self.explainer.scale)
    how = property(lambda self: self.explainer.how)
    transform = property(lambda self: self.explainer.learner.transform_.name)
    exact = property(lambda self: self.explainer.exact)
    text = ATTRIBUTION_IS_NO_CAUSE

    @contextmanager
    def opened(self):
        """Open the files; gives ``read(block, at, region)``: data of the pixels `at` of a block, for `explained`."""
        with self.source.reader() as reader:
            yield lambda block, at, region: (reader.read(block)[(slice(None), *at)], None if region is None else region.keep(block)[at])

    def explained(self, data, rows, cols, report):
        """Which pixels can be explained, bool of shape (rows, columns), and what is found there (`Explained`, None where there is none)."""
        features, keep = data
        usable = np.isfinite(features).all(axis=0)
        if keep is not None:
            usable &= keep
        if not usable.any():
            return usable, None
        at = np.nonzero(usable)
        places = None if self._places is None else self._places.of(rows[at[0]], cols[at[1]])
        return usable, self.explainer.explain(features[:, usable].T.astype(float), places)

    def note(self, maps):
        """What is worth knowing of these maps."""
        return self.explainer.note
