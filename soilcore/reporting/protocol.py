"""The modelling protocol, filled in from a run: the elements of ODMAP (Zurell et al. 2020, 10.1111/ecog.04960), read for soil maps."""

_OPEN = None  # only a person can say it


def protocol_of(summary):
    """Elements of the protocol in their order.

    Parameters
    ----------
    summary : dict
        See `soilcore.reporting.summary.summarise`.

    Returns
    -------
    list of dict
        ``section``, ``element``, ``value``: text, or None where only the author can fill it in.
    """
    sections = {"Overview": _overview, "Data": _data, "Model": _model, "Assessment": _assessment, "Prediction": _prediction}
    return [
        {"section": section, "element": element, "value": value or None}
        for section, elements in sections.items()
        for element, value in elements(summary).items()
    ]


def _overview(summary):
    place, target, predictors, learner = summary["place"], summary["target"], summary["predictors"], summary["learner"]
    drawn = summary["map"]
    return {
        "Authorship and contact": _OPEN,
        "Purpose of the map": _OPEN,
        "Objective": f"Prediction of {describe(target)}" + (" and its map with prediction intervals" if drawn else ""),
        "Location and extent": place and _extent(place),
        "Resolution": place and place.get("cell") and f"{place['cell']:g} m",
        "Time": drawn and drawn["date"],
        "Predictors": ", ".join(f"{len(names)} {kind}" for kind, names in predictors["kinds"].items())
        or f"{predictors['count']} columns of the table",
        "Underlying assumptions": "The relation between target and predictors found at the samples holds within the area of applicability.",
        "Algorithm": f"{learner['label']} ({learner['name']})",
        "Software": ", ".join(f"{name} {version}" for name, version in summary["versions"].items()),
    }


def _data(summary):
    samples, target, scores = summary["samples"], summary["target"], summary["scores"]
    spread = target["measured"]
    unit = target["unit"] or ""
    told = spread and f"{spread['min']:.3g} to {spread['max']:.3g} {unit}, median {spread['median']:.3g} {unit}, n = {spread['n']}".replace("  ", " ")
    return {
        "Samples": samples["n"] and f"{samples['n']} from {samples['source'] or 'a table'}",
        "Source and laboratory method": target.get("method") or (target.get("extract") and f"extract: {target['extract']}"),
        "Sampling design": samples["detail"],
        "Measured values": told,
        "Depth and period of sampling": _OPEN,
        "Data partitioning": scores["folds"] and f"{scores['folds']}; sizes {', '.join(map(str, scores['sizes'] or ()))}",
        "Predictor variables": ", ".join(summary["predictors"]["names"]),
        "Sensor": summary["predictors"]["sensor"],
        "What was inferred from the files": "; ".join(summary["assumed"]),
        "Files": "; ".join(f"{one['path']} (sha256 {one['sha256'][:12]})" for one in summary["inputs"] if one.get("sha256")),
    }


def _model(summary):
    learner, target = summary["learner"], summary["target"]
    settings = ", ".join(f"{name} {value}" for name, value in learner["settings"].items())
    drivers = summary["drivers"]
    return {
        "Pre-selection of predictors": "none beyond the recipe; anything chosen by the target is chosen inside each fold",
        "Multicollinearity": "predictors that depend on each other are kept; their attributions are to be read together",
        "Transformation of the target": target["transform"],
        "Settings": settings,
        "Citation": learner["citation"],
        "Importance of predictors": drivers and "; ".join(f"{row['name']} {row['value']:.2g}" for row in drivers[0]["rows"][:5]),
        "Spatial dependence": summary["scores"]["sentence"],
        "Device": learner["device"],
    }


def _assessment(summary):
    scores, cover = summary["scores"], summary["coverage"]
    told = ", ".join(f"{row['name']} {row['value']:.3g}{' ' + row['unit'] if row['unit'] else ''}" for row in scores["rows"])
    beside = scores["r2_random"]
    failed = [row["check"] for row in summary["leakage"] if row.get("ok") is False]
    passed = sum(row.get("ok") is True for row in summary["leakage"])
    return {
        "Scores on left-out samples": told and f"{told} ({scores['folds'] or scores['scheme']})",
        "Random folds, for contrast": beside is not None and f"R2 {beside:.2f}",
        "Coverage of intervals": cover
        and cover["coverage"] is not None
        and f"{100 * cover['coverage']:.0f} % at {100 * cover['level']:.0f} % ({cover['method']})",
        "Leakage": summary["leakage"] and (f"found: {', '.join(failed)}" if failed else f"none found in {passed} checks"),
        "Plausibility of the map": _OPEN,
    }


def _prediction(summary):
    drawn, area = summary["map"], summary["applicability"]
    if drawn is None:
        return {"Output": None}
    interval = drawn["interval"]
    share = area and area["share_of_map"]
    return {
        "Output": ", ".join(drawn["layers"] or ()),
        "Unit": drawn["unit"],
        "Mapped pixels": f"{drawn['valid']} of {drawn['pixels']}",
        "Uncertainty": interval and f"{100 * interval['level']:g} % intervals by {interval['method']}, {100 * interval['coverage']:.0f} % observed"
        if interval and interval.get("coverage") is not None
        else None,
        "Area of applicability": share is not None and f"{100 * share:.1f} % of the mapped pixels inside",
        "Limits": " ".join(summary["limits"][:4]),
    }


def describe(target):
    """A target in words: its form, its column and its unit."""
    form = target.get("form")
    name = target["column"] if form in (None, "", "as-measured") else f"{form} ({target['column']})"
    return f"{name} in {target['unit']}" if target.get("unit") else name


def _extent(place):
    west, south, east, north = place["bounds"]
    return f"{_degrees(south, 'N', 'S')} to {_degrees(north, 'N', 'S')}, {_degrees(west, 'E', 'W')} to {_degrees(east, 'E', 'W')} ({place['crs']})"


def _degrees(value, positive, negative):
    return f"{abs(value):.4f}° {negative if value < 0 else positive}"
