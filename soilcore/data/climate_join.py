"""Samples joined to the places of a climate table by their ids."""

from dataclasses import dataclass

import numpy as np

from soilcore.data.climate_pieces import plain_id
from soilcore.data.remarks import some


@dataclass(frozen=True)
class Sites:
    """Row or cell of each sample.

    Parameters
    ----------
    rows : ndarray of int, shape (n,)
        -1 where there is none.
    notes : tuple of str
    """

    rows: np.ndarray
    notes: tuple[str, ...] = ()


def joined_by_id(climate, ids):
    """Rows of the climate with the samples' ids.

    Parameters
    ----------
    climate : Climate
        With `ids`; the column of them that fits most samples is used.
    ids : sequence, shape (n,)

    Returns
    -------
    rows : ndarray of int, shape (n,)
        -1 where no id fits.
    notes : list of str
    unmatched : str
        A sentence that names ids of both sides.
    """
    wanted = [plain_id(value) for value in ids]
    best, name = _rows(wanted, climate.ids), None
    for column, values in climate.other_ids.items():
        found = _rows(wanted, values)
        if (found >= 0).sum() > (best >= 0).sum():
            best, name = found, column
    notes = [f"ids joined by the column {name!r} of the climate"] if name else []
    gone = [value for value, row in zip(wanted, best, strict=True) if row < 0]
    unmatched = f"samples {some(dict.fromkeys(gone), 4)}; climate {some(climate.ids, 4)}." if gone else ""
    if gone and len(gone) < len(wanted):
        notes.append(f"{len(gone)} of {len(wanted)} samples have an id that the climate lacks ({some(dict.fromkeys(gone), 4)})")
    return best, notes, unmatched


def _rows(wanted, ids):
    index = {}
    for row, value in enumerate(ids.tolist()):
        if value:
            index.setdefault(value, row)
    return np.array([index.get(value, -1) for value in wanted], int)
