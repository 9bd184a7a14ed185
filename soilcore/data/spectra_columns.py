"""Tables that stand upright: the axis in the first column and one spectrum in every other, as instruments write data point tables."""

import re

import numpy as np
import pandas as pd

from soilcore.core.quantities import plain_spelling
from soilcore.data.spectra_axis import FEWEST_POINTS
from soilcore.data.tabular import RawTable

_AXIS_NAME = re.compile(
    r"(?:.*[^a-z])?(?:wave_?(?:length|number)s?|wellen(?:lange|zahl)|wn|wl|wvl|lambda|nm|cm-?1|longueur_d_onde|longitud_de_onda)(?:[^a-z].*)?"
)
_NUMBERS = re.compile(rb"\s*[+-]?\d[\d.]*(?:[eE][+-]?\d+)?\s*[,;\t ]\s*[+-]?\d[\d.]*(?:[eE][+-]?\d+)?\s*")


def with_header(content, name):
    """A table of two columns of numbers gets the header it lacks; anything else stays as it is.

    Parameters
    ----------
    content : bytes
    name : str
        File name; becomes the id of the spectrum.

    Returns
    -------
    bytes
    """
    first = content[:200].lstrip(b"\xef\xbb\xbf").split(b"\n")[:2]
    if len(first) < 2 or not all(_NUMBERS.fullmatch(line.rstrip(b"\r")) for line in first):
        return content
    sign = next(sign for sign in (b"\t", b";", b",", b" ") if sign in first[0].strip())
    stem = re.sub(r"[,;\t\"]", "_", name.rsplit(".", 1)[0])
    return b"wave" + sign + stem.replace(" ", "_").encode() + b"\n" + content.lstrip(b"\xef\xbb\xbf")


def spectra_in_columns(raw):
    """The spectra of an upright table.

    Parameters
    ----------
    raw : RawTable
        Every column of the table.

    Returns
    -------
    axis : ndarray of float, shape (n_points,), values : ndarray of float32, shape (n_spectra, n_points), beside : RawTable, words : str
        Or None where the first column is no axis, or another is not of numbers.
    """
    frame = raw.frame
    if len(frame) < FEWEST_POINTS or frame.shape[1] < 2 or not all(pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes):
        return None
    name = str(frame.columns[0])
    axis = frame.iloc[:, 0].to_numpy(dtype=float)
    steps = np.diff(axis)
    if not _AXIS_NAME.fullmatch(plain_spelling(name)) and name != "wave":
        return None
    if not (np.isfinite(axis).all() and (np.all(steps > 0) or np.all(steps < 0))):
        return None
    ids = [str(column) for column in frame.columns[1:]]
    values = np.ascontiguousarray(frame.iloc[:, 1:].to_numpy(dtype=np.float32).T)
    beside = RawTable(pd.DataFrame({"id": np.array(ids, dtype=object)}, index=pd.Index(range(2, len(ids) + 2), name="row")), raw.sha256)
    beside.findings = [finding for finding in raw.findings if finding.code not in ("column-unnamed", "constant-column")]
    beside.assumed = [*raw.assumed, f"layout: the axis in the first column ({name}), {len(ids)} spectra in the others"]
    return axis, values, beside, "" if name == "wave" else plain_spelling(name)
