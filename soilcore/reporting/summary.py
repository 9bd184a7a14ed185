"""What is known of a model, its map and what was made of them, as one dict of plain facts; pages are rendered from it afterwards.

Every section is a dict or a list of JSON values, or None where nothing is known, so that a page can leave it out and a program can read it.
"""

import math

import numpy as np

from soilcore.core.files import plain
from soilcore.reporting.limits import limits_of
from soilcore.reporting.methods import methods_of
from soilcore.reporting.protocol import protocol_of
from soilcore.reporting.results import results_of

SCHEMA = "soilcore-report/1"
SCORES = (
    ("r2", "R2", ""),
    ("rmse", "RMSE", "target"),
    ("mae", "MAE", "target"),
    ("me", "mean error (predicted minus measured)", "target"),
    ("ccc", "concordance (CCC)", ""),
    ("rpd", "RPD", ""),
    ("rpiq", "RPIQ", ""),
    ("r2_log10", "R2 on the log10 scale", ""),
)
_POINTS = 2000  # samples drawn in a figure
_DRIVERS = 15
_RANDOM = "random"


def summarise(model, *, title, map_facts=None, map_place=None, results=(), inputs=(), identifiers=None):
    """Everything a report says, as facts.

    Parameters
    ----------
    model : FittedModel
        Its learner may have stayed on file.
    title : str
        Of the project.
    map_facts : dict, optional
        The result in a map's run file, see `soilcore.mapping.predict.predict_map`.
    map_place : dict, optional
        ``bounds`` (west, south, east, north in degrees), ``cell`` (m), ``crs``, ``rows``, ``columns``.
    results : sequence of dict
        Run files of what else was made: ``{"kind", "id", "settings", "result"}``.
    inputs : sequence of dict
        Files the model or the map was made of: ``{"path", "sha256", "for"}``.
    identifiers : dict, optional
        ``{"model", "map"}``: names of their folders.

    Returns
    -------
    dict
        ``schema``, ``title``, ``created`` (of the model; a summary of the same things is always the same), ``identifiers``, ``target``,
        ``samples``, ``predictors``, ``learner``, ``scores``, ``coverage``, ``applicability``, ``leakage``, ``drivers``, ``map``, ``place``, ``results``,
        ``limits``, ``assumed``, ``protocol``, ``methods``, ``inputs``, ``versions``, ``figures`` (numbers behind them), ``headline``.
    """
    trust = model.trust or {}
    facts = trust.get("facts") or {}
    summary = {
        "schema": SCHEMA,
        "title": title,
        "created": model.provenance.get("created"),
        "identifiers": dict(identifiers or {}),
        "target": target_of(model),
        "samples": samples_of(model),
        "predictors": predictors_of(model),
        "learner": learner_of(model),
        "scores": scores_of(model),
        "coverage": _coverage(model, facts),
        "applicability": _applicability(facts, map_facts),
        "leakage": trust.get("leakage") or [],
        "drivers": drivers_of(facts, results),
        "map": map_of(map_facts),
        "place": map_place,
        "results": results_of(results),
        "assumed": list(model.provenance.get("assumed") or ()),
        "inputs": list(inputs),
        "versions": dict(model.provenance.get("versions") or {}),
        "figures": _figures(model, facts, trust),
    }
    summary["limits"] = limits_of(summary)
    summary["protocol"] = protocol_of(summary)
    summary["methods"] = methods_of(summary)
    summary["headline"] = _headline(summary)
    return plain(summary)


def target_of(model):
    """What is predicted: column, unit, form, and how the measured values are spread."""
    target = {name: model.target.get(name) for name in ("column", "unit", "extract", "form", "method")}
    fit = (model.provenance.get("settings") or {}).get("fit") or {}
    return target | {"transform": fit.get("transform"), "measured": _spread(model.out_of_fold)}


def samples_of(model):
    """The samples a model learned from."""
    told = model.provenance.get("samples") or {}
    if isinstance(told, str):
        told = {"source": told}
    design = (model.trust or {}).get("design") or {}
    count = told.get("n") or (len(model.out_of_fold) if model.out_of_fold is not None else None)
    return {"source": told.get("source"), "sha256": told.get("sha256"), "n": count, "design": design.get("kind"), "detail": design.get("detail")}


def predictors_of(model):
    """Predictors by kind, in the order of the recipe."""
    recipe = model.recipe or {}
    kinds = {
        "bands": list(recipe.get("bands") or ()),
        "indices": list(recipe.get("indices") or ()),
        "formulas": [name for name, *_ in recipe.get("formulas") or ()],
        "covariates": [use["name"] for use in recipe.get("covariates") or ()],
        "climate": [str(one if isinstance(one, str) else one.get("name", one)) for one in recipe.get("climate") or ()],
        "table columns": list(recipe.get("columns") or ()),
    }
    names = list(model.feature_names)
    return {"count": len(names), "names": names, "kinds": {kind: found for kind, found in kinds.items() if found}, "sensor": recipe.get("sensor")}


def learner_of(model):
    """The learner: name, label, citation, how it was fitted."""
    from soilcore.core.tables import load_table

    row = next((one for one in load_table("learners")["learners"] if one["name"] == model.name), {})
    fit = (model.provenance.get("settings") or {}).get("fit") or {}
    settings = {name: fit.get(name) for name in ("transform", "trials", "seed") if fit.get(name) is not None}
    return {
        "name": model.name,
        "label": row.get("label", model.name),
        "citation": row.get("citation"),
        "device": model.provenance.get("device"),
        "settings": settings,
    }


def scores_of(model):
    """Scores under the folds, the spatial ones first and random folds beside them."""
    row = model.scores or {}
    unit = model.target.get("unit")
    rows = [
        {"key": key, "name": name, "value": row[key], "unit": unit if unit_of == "target" else ""}
        for key, name, unit_of in SCORES
        if row.get(key) is not None
    ]
    scheme = str(model.folds.get("scheme", ""))
    return {
        "rows": rows,
        "scheme": scheme,
        "folds": model.folds.get("label"),
        "sizes": model.folds.get("sizes"),
        "is_spatial": bool(scheme) and scheme.partition(":")[0] != _RANDOM,
        "r2": row.get("r2"),
        "r2_low": row.get("r2_low"),
        "r2_high": row.get("r2_high"),
        "r2_folds": row.get("r2_folds"),
        "r2_random": row.get("r2_random"),
        "sentence": (model.trust or {}).get("spatial_first"),
        "warnings": list((model.trust or {}).get("warnings") or ()),
    }


def drivers_of(facts, results):
    """Which predictors move the predictions: SHAP values where the project has them, and permutation importance under the folds.

    Returns
    -------
    list of dict
        ``how``, ``unit``, ``note``, ``rows`` with ``name``, ``value`` and, where known, ``low`` and ``high``.
    """
    found = []
    for result in results:
        if result["kind"] == "explain":
            found += _explained(result["result"])
    weights = (facts.get("aoa") or {}).get("weights") or {}
    rows = [{"name": name, "value": value} for name, value in weights.items() if value]
    if rows:
        note = facts["aoa"].get("note") or ""
        found.append({"how": "permutation importance", "unit": "relative to the largest", "note": note, "rows": _largest(rows)})
    return found


def _explained(result):
    """Mean absolute SHAP values in an explanation, by whatever of its rows holds numbers."""
    found = []
    rows = [{"name": row.get("name") or row.get("feature") or row.get("group"), "value": _first(row, _MEANS)} for row in result.get("rows") or ()]
    rows = [row for row in rows if row["name"] and row["value"] is not None]
    if rows:
        found.append({"how": "mean absolute SHAP value", "unit": result.get("scale") or "", "note": result.get("note") or "", "rows": _largest(rows)})
    return found


_MEANS = ("mean_abs", "mean_absolute")


def _first(row, keys):
    value = next((row[key] for key in keys if isinstance(row.get(key), (int, float))), None)
    return None if value is None else abs(value)


def _largest(rows):
    return sorted(rows, key=lambda row: -abs(row["value"]))[:_DRIVERS]


def map_of(facts):
    """What a map shows and covers; None without a map."""
    if not facts:
        return None
    keys = ("out", "layers", "pixels", "valid", "unit", "date", "classes", "classes_assumption", "aoa_share", "interval", "stride_error")
    found = {key: facts.get(key) for key in keys}
    found["area_ha"] = sum(row["area_ha"] for row in facts["classes"]) if facts.get("classes") else None
    return found


def _coverage(model, facts):
    interval = facts.get("interval")
    if not interval:
        return None
    keys = ("method", "level", "n", "coverage", "width", "infinite", "by_block", "by_distance", "inside", "outside", "levels")
    return {key: interval.get(key) for key in keys} | {"note": ((model.trust or {}).get("interval") or {}).get("note")}


def _applicability(facts, map_facts):
    area = facts.get("aoa")
    share = (map_facts or {}).get("aoa_share")
    if not area and share is None:
        return None
    area = area or {}
    return {
        "threshold": area.get("threshold"),
        "share_of_map": share,
        "share_tested": area.get("share"),
        "tested_on": area.get("of"),
        "n": area.get("n"),
    }


def _figures(model, facts, trust):
    """Numbers behind the figures."""
    frame, interval = model.out_of_fold, facts.get("interval") or {}
    points = None
    if frame is not None and {"observed", "predicted"} <= set(frame.columns):
        step = max(1, math.ceil(len(frame) / _POINTS))
        thinned = frame.iloc[::step]
        points = {name: thinned[name].tolist() for name in ("observed", "predicted", "lower", "upper") if name in thinned}
    return {
        "observed_and_predicted": points,
        "coverage_levels": [{"level": row["level"], "coverage": row["coverage"]} for row in interval.get("levels") or ()],
        "expected_error": facts.get("expected_error"),
        "distances": trust.get("distances"),
    }


def _spread(frame):
    if frame is None or "observed" not in frame:
        return None
    values = frame["observed"].to_numpy(dtype=float)
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    low, quarter, median, upper_quarter, high = np.quantile(values, (0, 0.25, 0.5, 0.75, 1)).tolist()
    sd = float(values.std(ddof=1)) if values.size > 1 else None
    spread = {"n": int(values.size), "min": low, "q1": quarter, "median": median, "q3": upper_quarter, "max": high}
    return spread | {"mean": float(values.mean()), "sd": sd}


def _headline(summary):
    """Three sentences for those who read no further."""
    target, scores, cover, area = (summary[name] for name in ("target", "scores", "coverage", "applicability"))
    unit = f" {target['unit']}" if target["unit"] else ""
    said = []
    if scores["r2"] is not None:
        kind = "folds that speak for the map" if scores["is_spatial"] else "random folds, which say little about a map"
        rmse = next((row["value"] for row in scores["rows"] if row["key"] == "rmse"), None)
        error = f" and an RMSE of {rmse:.3g}{unit}" if rmse is not None else ""
        said.append(
            f"Samples that the model did not see are predicted with R2 {scores['r2']:.2f}{error} ({scores['folds'] or scores['scheme']}: {kind})."
        )
    if cover and cover["coverage"] is not None:
        said.append(f"The {100 * cover['level']:.0f} % intervals held {100 * cover['coverage']:.0f} % of {cover['n']} samples left out.")
    share = area and (area["share_of_map"] if area["share_of_map"] is not None else area["share_tested"])
    if share is not None:
        where = "map" if summary["map"] else "land to be mapped"
        said.append(f"{100 * share:.0f} % of the {where} resembles the samples closely enough for these figures to hold there.")
    return said
