"""Single spectra that cannot be right: missing points, flat, saturated, negative, far from all others."""

import numpy as np

from soilcore.data.remarks import remark, some

_CHUNK = 4096


def usable_rows(values, axis, rows, labels=None):
    """Which spectra are whole and not flat; and what was found about the others.

    Parameters
    ----------
    values : ndarray of float32, shape (n_samples, n_points)
    axis : ndarray of float, shape (n_points,)
    rows : sequence of int, shape (n_samples,)
        Spreadsheet row of each.
    labels : list of str, optional
        How messages call each row; "row 5" without it.

    Returns
    -------
    usable : ndarray of bool, shape (n_samples,)
    findings : list of Finding
    """
    missing = np.empty(len(values), dtype=int)
    spread = np.empty(len(values))
    for start in range(0, len(values), _CHUNK):
        part = values[start : start + _CHUNK]
        missing[start : start + _CHUNK] = (~np.isfinite(part)).sum(axis=1)
        spread[start : start + _CHUNK] = np.fmax.reduce(part, axis=1) - np.fmin.reduce(part, axis=1)
    findings = []
    empty, gappy = missing == values.shape[1], (missing > 0) & (missing < values.shape[1])
    flat = ~empty & (spread == 0)
    names = labels if labels is not None else [f"row {row}" for row in rows]
    for k in np.flatnonzero(empty):
        findings.append(remark("spectra-empty", f"There is no spectrum in {names[k]}.", row=rows[k]))
    for k in np.flatnonzero(gappy):
        places = some([f"{axis[point]:g}" for point in np.flatnonzero(~np.isfinite(values[k]))], 3)
        findings.append(remark("spectra-gaps", f"The spectrum in {names[k]} lacks {missing[k]} of {axis.size} points ({places}).", row=rows[k]))
    for k in np.flatnonzero(flat):
        findings.append(remark("spectra-flat", f"The spectrum in {names[k]} is {values[k][0]:g} throughout.", row=rows[k], value=float(values[k][0])))
    return ~(empty | gappy | flat), findings
