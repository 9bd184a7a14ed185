"""Sampling campaigns: days that lie close together."""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SettingsError

GAP_DAYS = 30  # without a sample, which divide two campaigns


@dataclass(frozen=True)
class Campaign:
    """One campaign.

    Parameters
    ----------
    first, last : numpy.datetime64
        Days of its first and last sample.
    samples : ndarray of int
        Which of the days belong to it, ascending.
    """

    first: np.datetime64
    last: np.datetime64
    samples: np.ndarray

    @property
    def name(self):
        """Its day or days, as in "2025-03-10 to 2025-03-17"."""
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"

    @property
    def middle(self):
        """The median day of its samples, a numpy.datetime64."""
        return self.first + np.timedelta64((self.last - self.first).astype(int) // 2, "D")


def campaigns_of(days, gap_days=GAP_DAYS):
    """Days in campaigns, divided wherever no sample was taken for long.

    Parameters
    ----------
    days : array-like of datetime64[D], shape (n,)
        NaT belongs to none.
    gap_days : int
        More days than this between two samples divide two campaigns.

    Returns
    -------
    tuple of Campaign
        In the order of time.

    Raises
    ------
    SettingsError
        If the gap is below one day.
    """
    if not gap_days >= 1:
        raise SettingsError(f"A gap of {gap_days} days cannot divide campaigns. Give 1 or more; {GAP_DAYS} suits most.")
    days = np.asarray(days, "datetime64[D]")
    known = np.flatnonzero(~np.isnat(days))
    if not known.size:
        return ()
    order = known[np.argsort(days[known], kind="stable")]
    cuts = np.flatnonzero(np.diff(days[order]).astype(int) > gap_days) + 1
    return tuple(Campaign(days[part[0]], days[part[-1]], np.sort(part)) for part in np.split(order, cuts))
