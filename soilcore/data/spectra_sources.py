"""Where spectra come from: tables, instrument files, folders and zip files of them, brought to one array."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from soilcore.core.errors import SampleError
from soilcore.core.progress import silent
from soilcore.data.formats import read_content
from soilcore.data.spectra_tables import read_wide
from soilcore.data.tabular import RawTable


@dataclass
class Collected:
    """Spectra of all sources on one axis, in the order of the files."""

    axis: np.ndarray
    values: np.ndarray
    raw: RawTable
    source: str
    sha256: str
    words: str = ""
    unit: str | None = None
    quantity: str | None = None
    findings: list = field(default_factory=list)
    assumed: list = field(default_factory=list)


def collect(settings, report=silent):
    """Read every source named.

    Parameters
    ----------
    settings : SpectraSettings
    report : Report

    Returns
    -------
    Collected
    """
    path = Path(settings.paths[0])
    wide = read_wide(read_content(path), path.name, settings.table, settings.columns, report)
    if wide.values is None:
        raise SampleError(f"{path.name!r} has no spectra: no 20 columns are named by a wavelength or wavenumber.")
    return Collected(wide.axis, wide.values, wide.raw, path.name, wide.raw.sha256, wide.words)
