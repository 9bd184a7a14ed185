"""The index search as a step of a model: fitted where the model is fitted, so that test samples never take part in the choice."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from soilcore.core.errors import ModelError, SettingsError
from soilcore.evaluation.correlation import check_columns, check_statistic, check_target
from soilcore.features.formula import parse_formula
from soilcore.features.indices import check_bands
from soilcore.models.index_forms import index_family
from soilcore.models.index_search import Standings, nothing_usable


class SearchedIndex(TransformerMixin, BaseEstimator):
    """Replace band columns by the strongest formulas of the training samples.

    Parameters
    ----------
    bands : sequence of str, optional
        Columns to search over; all by default. They hold surface reflectance, 0-1.
    keep : int
        How many formulas; one that ranks the training samples like a stronger one is passed over.
    statistic : {"spearman", "pearson"}
        What formulas are ranked by.
    log_target : bool
        Rank by the decimal logarithm of the target.
    forms : sequence of str, optional
        See `soilcore.models.index_forms.index_family`.
    passthrough : bool
        Keep the other columns beside the formulas.

    Attributes
    ----------
    formulas_ : tuple of str
        The formulas chosen, strongest first.
    correlations_ : ndarray of float, shape (n_formulas,)
        Their correlation in training. Optimistic, because they were chosen by it.
    bands_ : tuple of str
    n_features_in_ : int
    feature_names_in_ : ndarray of str, shape (n_features,)
    """

    def __init__(self, bands=None, keep=1, statistic="spearman", log_target=False, forms=None, passthrough=False):
        self.bands = bands
        self.keep = keep
        self.statistic = statistic
        self.log_target = log_target
        self.forms = forms
        self.passthrough = passthrough

    def fit(self, X, y):
        """Search over the training samples.

        Parameters
        ----------
        X : pandas.DataFrame of shape (n_samples, n_features)
        y : array-like of float, shape (n_samples,)

        Returns
        -------
        self
        """
        check_statistic(self.statistic)
        if isinstance(self.keep, bool) or not isinstance(self.keep, int) or self.keep < 1:
            raise SettingsError(f"The number of formulas to keep must be a whole number of at least 1, but is {self.keep!r}.")
        table = self._table(X)
        self.feature_names_in_ = table.columns.to_numpy(dtype=object)
        self.n_features_in_ = table.shape[1]
        self.bands_ = tuple(self.bands) if self.bands is not None else tuple(table.columns)
        if missing := [name for name in self.bands_ if name not in table.columns]:
            raise ModelError(f"The search needs the column {missing[0]!r}. Columns given: {', '.join(map(str, table.columns))}.")
        family = index_family(self.bands_, self.forms)
        reflectance = check_bands({"all": check_columns(table[list(self.bands_)])})["all"]
        values, chosen, _ = family.usable(reflectance)
        if not len(chosen):
            raise ModelError(nothing_usable(table[list(self.bands_)]))
        standings = Standings(values, check_target(y, len(table), self.log_target), self.statistic)
        picked = self._picked(values, standings)
        self.formulas_ = tuple(family.formulas[chosen[i]] for i in picked)
        self.correlations_ = standings.correlations[picked]
        return self

    def _picked(self, values, standings):
        ranks = standings if self.statistic == "spearman" else Standings(values, standings.target, "spearman")
        picked = []
        for candidate in standings.order:
            if all(abs(ranks.matrix[candidate] @ ranks.matrix[earlier]) < 1 - 1e-9 for earlier in picked):
                picked.append(int(candidate))
            if len(picked) == self.keep:
                break
        return picked

    def transform(self, X):
        """Values of the chosen formulas.

        Parameters
        ----------
        X : pandas.DataFrame of shape (n_samples, n_features)
            The columns of `fit`.

        Returns
        -------
        ndarray of float, shape (n_samples, n_formulas + n_columns_passed_through)
            NaN where a formula is undefined.
        """
        check_is_fitted(self, "formulas_")
        table = self._table(X)
        if missing := [name for name in self.feature_names_in_ if name not in table.columns]:
            given = ", ".join(map(str, table.columns))
            raise ModelError(f"The model was fitted with the column {missing[0]!r}, which is not there. Columns given: {given}.")
        bands = check_bands({name: table[name].to_numpy(float) for name in self.bands_})
        columns = [parse_formula(formula).evaluate(bands) for formula in self.formulas_]
        columns += [table[name].to_numpy(float) for name in self._passed_through()]
        return np.column_stack(columns)

    def get_feature_names_out(self, input_features=None):
        """Names of the columns of `transform`: the formulas, then what is passed through."""
        check_is_fitted(self, "formulas_")
        return np.array([*self.formulas_, *self._passed_through()], dtype=object)

    def _passed_through(self):
        return [name for name in self.feature_names_in_ if name not in self.bands_] if self.passthrough else []

    def _table(self, X):
        if isinstance(X, pd.DataFrame):
            return X
        X = np.asarray(X, dtype=float)
        if X.ndim != 2:
            raise ModelError(f"X must be a table of shape (n_samples, n_features), but has shape {X.shape}.")
        names = getattr(self, "feature_names_in_", None)
        names = names if names is not None and len(names) == X.shape[1] else [f"x{i}" for i in range(X.shape[1])]
        return pd.DataFrame(X, columns=names)
