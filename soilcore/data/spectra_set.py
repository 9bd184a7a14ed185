"""The values that travel: what a user says about a spectral library, and the library itself."""

from dataclasses import dataclass, field, replace

import numpy as np

from soilcore.core.findings import Finding
from soilcore.data.sample_set import SampleSet, SampleSettings

WAVENUMBER, WAVELENGTH = "cm-1", "nm"
ABSORBANCE, REFLECTANCE, PSEUDO_ABSORBANCE = "absorbance", "reflectance", "pseudo-absorbance"


@dataclass(frozen=True)
class SpectraSettings:
    """What a user can say about spectra; None means "find out, and say what was assumed".

    Parameters
    ----------
    paths : tuple of str
        Wide tables (text, xlsx, parquet), OPUS and ASD files, folders and zip files of them. A table without spectra among them is the table of
        properties.
    table : SampleSettings
        What is said about the columns beside the spectra: sheet, delimiter, decimal, encoding, id, target, unit, x, y, crs, date.
    properties : str, optional
        Table of properties, joined by id.
    group : str, optional
        Column of groups: soil orders, profiles, campaigns.
    axis_unit : {"cm-1", "nm", "um"}, optional
        Unit of the axis.
    quantity : {"absorbance", "reflectance", "percent"}, optional
        What was measured; "percent" is reflectance in percent.
    columns : str, optional
        How the names of the spectral columns begin, where a table holds several kinds of spectra ("scan_mir").
    below_limit : {"drop", "half", "keep"}
        What becomes of samples whose target is below `table.detection_limit`.
    positive : bool
        Whether spectra that are zero or negative somewhere are left out.
    replicates : {"keep", "mean"}
        Whether scans of one sample (the same id) stay rows of their own or are averaged.
    """

    paths: tuple[str, ...] = ()
    table: SampleSettings = field(default_factory=SampleSettings)
    properties: str | None = None
    group: str | None = None
    axis_unit: str | None = None
    quantity: str | None = None
    columns: str | None = None
    below_limit: str = "drop"
    positive: bool = False
    replicates: str = "keep"


@dataclass(frozen=True)
class SpectraSet:
    """Spectra on one axis, with what is known of each sample.

    Parameters
    ----------
    axis : ndarray of float64, shape (n_points,)
        Wavenumbers descending or wavelengths ascending, so that the energy always falls along a spectrum.
    unit : {"cm-1", "nm"}
        Unit of `axis`.
    quantity : {"absorbance", "reflectance", "pseudo-absorbance"}
        What `values` are; reflectance is a fraction, absorbance is log10(1/R).
    values : ndarray of float32, shape (n_samples, n_points)
        NaN where missing. Instruments store no more than 32 bits.
    ids : ndarray of str, shape (n_samples,)
    samples : SampleSet
        The columns beside the spectra, places and target, the same rows.
    groups : ndarray of str, shape (n_samples,), or None
        The group of each sample ("" where unknown).
    group_column : str or None
    usable : ndarray of bool, shape (n_samples,)
        Rows whose spectrum is whole and not flat.
    source : str
        Where it came from.
    fingerprint : str
        sha256 of the content and the settings.
    findings : tuple of Finding
        What reading found; `soilcore.data.spectra_checks.check_spectra` finds more.
    assumed : tuple of str
        Sentences: what was inferred because nobody said.
    """

    axis: np.ndarray
    unit: str
    quantity: str
    values: np.ndarray
    ids: np.ndarray
    samples: SampleSet
    groups: np.ndarray | None = None
    group_column: str | None = None
    usable: np.ndarray | None = None
    source: str = ""
    fingerprint: str = ""
    findings: tuple[Finding, ...] = ()
    assumed: tuple[str, ...] = ()

    def __len__(self):
        return len(self.values)

    @property
    def table(self):
        """The columns beside the spectra, pandas.DataFrame of n_samples rows, indexed by spreadsheet row."""
        return self.samples.table

    @property
    def target(self):
        """The property to be predicted, Target or None."""
        return self.samples.target

    @property
    def x(self):
        """Easting or longitude, ndarray of float, shape (n_samples,), or None."""
        return self.samples.x

    @property
    def y(self):
        """Northing or latitude, ndarray of float, shape (n_samples,), or None."""
        return self.samples.y

    @property
    def crs(self):
        """Reference system of x and y, pyproj.CRS or None."""
        return self.samples.crs

    def take(self, rows):
        """The same library with some of its rows.

        Parameters
        ----------
        rows : ndarray of int or bool
            Positions, or which to keep.
        """
        rows = np.asarray(rows)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        return replace(
            self,
            values=self.values[rows],
            ids=self.ids[rows],
            samples=take_samples(self.samples, rows),
            groups=None if self.groups is None else self.groups[rows],
            usable=None if self.usable is None else self.usable[rows],
        )


def take_samples(samples, rows):
    """A SampleSet with some of its rows, by position."""
    target = samples.target
    if target is not None:
        measured = None if target.measured is None else replace(target.measured, values=target.measured.values[rows])
        target = replace(target, values=target.values[rows], measured=measured)
    x, y = (None if part is None else part[rows] for part in (samples.x, samples.y))
    return replace(samples, table=samples.table.iloc[rows], x=x, y=y, target=target)
