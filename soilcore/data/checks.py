"""Everything that is checked before a model runs. Codes, severities and fixes stand in ``soilcore/tables/findings.json``."""

import numpy as np
import pandas as pd

from soilcore.core.conversions import conversion_methods, convert_to_ece
from soilcore.core.errors import SampleError
from soilcore.core.quantities import kind_of_unit, to_ds_m
from soilcore.core.tables import load_table
from soilcore.data import checks_columns, checks_places, checks_rows, checks_target
from soilcore.data.remarks import capped
from soilcore.data.targets import soil_at_samples

CHECKS = (
    checks_target.check_presence,
    checks_target.check_unit,
    checks_target.check_values,
    checks_target.check_companions,
    checks_target.check_zero_codes,
    checks_rows.check_duplicates,
    checks_rows.check_places_shared,
    checks_rows.check_shared_covariates,
    checks_rows.check_depths,
    checks_rows.check_dates,
    checks_rows.check_gaps,
    checks_columns.check_content,
    checks_columns.check_bands,
    checks_columns.check_indices,
    checks_columns.check_ions,
    checks_places.check_coordinates,
    checks_places.check_against_scene,
)
THRESHOLDS_DS_M = (2.0, 4.0)
TEXTURES_SHOWN = ("sandy loam", "loam", "clay loam", "clay")


def check_samples(samples, scene=None):
    """Check a table, alone or against a scene.

    Parameters
    ----------
    samples : SampleSet
    scene : Scene or SceneSeries, optional
        With `grid`, and `date` or `paths` where the day of the imagery is to be compared.

    Returns
    -------
    tuple of Finding
        Those of reading first, gravest first; of one code in one column at most 20 rows and one that counts the rest.
    """
    findings = list(samples.findings)
    for check in CHECKS:
        findings += check(samples, scene)
    return capped(findings)


def sensitivity(samples, thresholds=THRESHOLDS_DS_M):
    """What the choice of the conversion decides: shares of samples above thresholds of ECe under every method that applies.

    Parameters
    ----------
    samples : SampleSet
        Its target must be conductivity with unit and extract.
    thresholds : tuple of float
        dS/m; 2 and 4.

    Returns
    -------
    pandas.DataFrame
        Columns method, share_above_2, share_above_4 (by threshold), median (dS/m ECe), n. Where texture is not known, methods that need it are shown for typical ones.

    Raises
    ------
    SampleError
        If the target is no conductivity, or its unit or extract is not known; the message names the option.
    """
    measured = _measured_conductivity(samples)
    ec = to_ds_m(measured.values, measured.unit)
    if measured.extract == "paste":
        return pd.DataFrame([_shares("as measured in the paste", ec, thresholds)])
    soil = soil_at_samples(samples.table, samples.columns)
    panel = {row["id"] for row in load_table("ec_conversions")["methods"] if row["panel"]}
    rows = []
    for method in conversion_methods(measured.extract):
        if method in panel:
            rows += _method_rows(method, ec, measured.extract, soil, thresholds)
    return pd.DataFrame(rows)


def _method_rows(method, ec, extract, soil, thresholds):
    row = next(row for row in load_table("ec_conversions")["methods"] if row["id"] == method)
    if method == "constant" and extract not in row["default_factor"]:
        return []
    if "texture" in row["needs"] and soil["texture"] is None:
        alone = {part: None for part in soil}
        return [
            _shares(f"{method}, if {texture}", convert_to_ece(ec, method, extract=extract, **{**alone, "texture": texture}).values, thresholds)
            for texture in TEXTURES_SHOWN
        ]
    if any(soil.get(need) is None for need in row["needs"]):
        return []
    name = f"{method}={row['default_factor'][extract]:g}" if method == "constant" else method
    return [_shares(name, convert_to_ece(ec, method, extract=extract, **soil).values, thresholds)]


def _shares(name, ece, thresholds):
    known = ece[np.isfinite(ece)]
    shares = {f"share_above_{limit:g}": float(np.mean(known > limit)) if known.size else np.nan for limit in thresholds}
    return {"method": name, **shares, "median": float(np.median(known)) if known.size else np.nan, "n": int(known.size)}


def _measured_conductivity(samples):
    if samples.target is None:
        raise SampleError("There is no target. Name the conductivity column with --target.")
    measured = samples.target.measured or samples.target
    if measured.unit is None:
        raise SampleError(f"The unit of {measured.column!r} is not known. Name it with --unit (µS/cm, mS/m, mS/cm or dS/m).")
    if kind_of_unit(measured.unit) != "conductivity":
        raise SampleError(f"{measured.column!r} is in {measured.unit}, which is no conductivity.")
    if measured.extract is None:
        raise SampleError(f"The extract of {measured.column!r} is not known. Name it with --extract (1:1, 1:2, 1:2.5, 1:5 or paste).")
    if measured.extract == "ECa":
        raise SampleError(f"{measured.column!r} is apparent conductivity, for which there is no general conversion.")
    return measured
