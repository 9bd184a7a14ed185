"""The views `auto` has of its predictors: a table on one scale, places, and spectra in every preprocessing, turned into few columns."""

import numpy as np

from soilcore.models.auto_spectra import PREPARATIONS, averaged, can_be_absorbance, derivative_window, prepare, spectral_blocks

MOST_BANDS = 400  # neighbouring bands beyond are averaged; soil spectra are smooth over 0.3 % of their range
COMPONENTS = 10  # principal components that trees and kernels with a length per column see
MOST_COLUMNS = 40  # of a table beyond which columns do not get a length each


class Rotation:
    """Centre, scale and turn columns so that n samples need at most n - 1 of them; nothing is lost for what is linear or a distance."""

    def __init__(self, centre=None, weights=None):
        self.centre, self.weights = centre, weights

    def fit(self, values, most):
        """Learn from values of shape (n_samples, n_columns); at most `most` directions, those of largest variance."""
        self.centre = values.mean(axis=0)
        _, singular, turn = np.linalg.svd(values - self.centre, full_matrices=False)
        keep = max(1, min(most, int((singular > 1e-9 * max(singular[0], 1e-300)).sum())))
        turn = turn[:keep] * np.sign(turn[np.arange(keep), np.abs(turn[:keep]).argmax(axis=1)])[:, None]
        spread = np.sqrt((singular[:keep] ** 2).sum() / len(values)) or 1.0
        self.weights = turn.T / spread
        return self

    def __call__(self, values):
        """Values of shape (n_samples, n_columns) in the new axes."""
        return (values - self.centre) @ self.weights


class Views:
    """Learns the views from training samples and makes them for new ones.

    Parameters
    ----------
    names : sequence of str or None
        Column names; spectra are found by them.

    Attributes
    ----------
    blocks_ : list of SpectralBlock
    preparations_ : tuple of str
        Of the spectra; empty without.
    """

    def __init__(self, names=None):
        self.names = names

    def fit(self, X, coordinates=None):
        """Learn from predictors of shape (n_samples, n_features) and places in metres, or None."""
        self.blocks_ = spectral_blocks(self.names)
        spectral = {column for block in self.blocks_ for column in block.columns}
        varies = np.ptp(X, axis=0) > 0
        self.table_columns_ = np.array([j for j in range(X.shape[1]) if j not in spectral and varies[j]], dtype=int)
        self._fit_table(X)
        self._fit_spectra(X)
        self.place_ = None
        if coordinates is not None and np.ptp(coordinates, axis=0).max() > 0:
            spread = float(np.sqrt(coordinates.var(axis=0).mean()))
            self.place_ = np.array([*coordinates.mean(axis=0), spread])
        return self

    def _fit_table(self, X):
        table = X[:, self.table_columns_]
        self.table_mean_ = table.mean(axis=0)
        self.table_sd_ = np.where(table.std(axis=0) > 0, table.std(axis=0), 1.0)
        self.table_turn_ = None
        if self.table_columns_.size > MOST_COLUMNS:
            self.table_turn_ = Rotation().fit(self._scaled_table(X), len(X) - 1)

    def _fit_spectra(self, X):
        self.preparations_, self.turns_, self.pcs_, self.flat_ = (), {}, {}, {}
        if not self.blocks_:
            return
        self.absorbance_ = all(can_be_absorbance(X[:, block.columns]) for block in self.blocks_)
        self.preparations_ = tuple(how for how in PREPARATIONS if how != "absorbance" or self.absorbance_)
        for how in self.preparations_:
            self.turns_[how] = [Rotation().fit(values, len(X) - 1) for values in self._prepared(X, how)]
            scores = self._turned(X, how)
            self.pcs_[how] = np.maximum(scores.std(axis=0), 1e-12)
            root = np.sqrt(self.pcs_[how])
            self.flat_[how] = root * np.sqrt(((scores / root) ** 2).sum(axis=1).mean())

    def _scaled_table(self, X):
        return (X[:, self.table_columns_] - self.table_mean_) / self.table_sd_

    def _prepared(self, X, how):
        """Every block in one preprocessing."""
        for block in self.blocks_:
            spectra = averaged(prepare(X[:, block.columns], how, derivative_window(len(block.columns))), MOST_BANDS)
            yield spectra

    def _turned(self, X, how):
        return np.hstack([turn(values) for turn, values in zip(self.turns_[how], self._prepared(X, how), strict=True)])

    def __call__(self, X, coordinates=None):
        """Views of samples: dict of str to ndarray of shape (n_samples, n_columns).

        ``table`` (standardised), ``place``, ``table+place``, ``trees``; and per preprocessing ``spectra:HOW``, ``flattened:HOW`` (each direction
        divided by the root of its standard deviation, so that small bands count for more) and ``components:HOW`` (leading ones, unit variance).
        """
        views = {}
        scaled = self._scaled_table(X)
        if scaled.shape[1]:
            views["table"] = scaled if self.table_turn_ is None else self.table_turn_(scaled)
            if self.table_turn_ is not None:
                views["components:table"] = views["table"][:, :COMPONENTS]
        if self.place_ is not None:
            views["place"] = (coordinates - self.place_[:2]) / self.place_[2]
            views["table+place"] = np.hstack([views["table"], views["place"]]) if "table" in views else views["place"]
        for how in self.preparations_:
            scores = self._turned(X, how)
            views[f"spectra:{how}"] = scores
            views[f"flattened:{how}"] = scores / self.flat_[how]
            views[f"components:{how}"] = scores[:, :COMPONENTS] / self.pcs_[how][:COMPONENTS]
        for_trees = [scaled]
        for how in ("raw", "snv-first-derivative"):
            if how in self.preparations_:
                for_trees.append(views[f"components:{how}"])
                for_trees += [averaged(values, 30) for values in self._prepared(X, how)]
        views["trees"] = np.hstack(for_trees)
        return views
