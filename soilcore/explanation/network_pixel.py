"""What the map of a network says at one place, and why: prediction, interval, attributions of its inputs, and where it looked just there."""

from dataclasses import dataclass

import numpy as np

from soilcore.core.classes import check_scheme_fits, class_scheme
from soilcore.core.errors import FeatureError, ModelError
from soilcore.core.grids import Window
from soilcore.core.progress import silent
from soilcore.explanation.networks import ATTRIBUTION_IS_NO_CAUSE, attention_tables, data_of, input_names, member_attributions, scale_words
from soilcore.explanation.pixel import NOTHING, pixel_of

DRAWS = 200  # one place costs little, and its attributions cannot be averaged with those of others
BASELINES = 50


@dataclass(frozen=True)
class NetworkPixel:
    """How a pixel of a network is explained.

    Parameters
    ----------
    level : float
        Of the prediction interval, where the model knows one.
    classes : str, optional
        Class scheme.
    draws : int
        Of paths from training samples to the pixel.
    baselines : int
        Training samples drawn for each half of the draws.
    seed : int
    """

    level: float = 0.9
    classes: str | None = None
    draws: int = DRAWS
    baselines: int = BASELINES
    seed: int = 0


def explain_network_pixel(model, source, opened, x, y, crs, trained, trained_coordinates, *, region=None, settings=None, report=silent):
    """What a network predicts at one place, and why.

    Parameters
    ----------
    model : FittedModel
        Its learner reads windows of imagery.
    source : FeatureSource
        The predictors of the map.
    opened : object
        With ``scene``, ``covariates``, ``climate`` and ``samples`` (may be None): what the windows are cut from.
    x, y : float
        Easting or longitude, northing or latitude.
    crs : pyproj.CRS or str or None
        Of x and y; that of the predictors' grid if None.
    trained : DataFrame of shape (n_trained, n_features)
        Training samples; attributions start from them.
    trained_coordinates : Surroundings
        Of the same samples.
    region : Region, optional
        Area of interest and masks of the map.
    settings : NetworkPixel, optional
    report : Report

    Returns
    -------
    dict
        As `soilcore.explanation.pixel.PixelExplainer.at`, with ``input`` in each row; ``additivity_error`` is what the attributions miss, which falls
        with the draws; ``errors`` of rows come from the two halves of the draws. Beside it ``draws``, ``baselines``, ``members``; ``attention``,
        ``covariate_weights``, ``vegetated`` and ``attention_sentence`` of this very pixel (see `soilcore.explanation.networks.attention_tables`).

    Raises
    ------
    SettingsError
        If the place lies outside the grid, or the classes are none of this target.
    """
    settings = settings or NetworkPixel()
    scheme = None if settings.classes is None else class_scheme(settings.classes)
    if scheme is not None:
        check_scheme_fits(scheme, model.target.get("unit"), model.target.get("form") or "as-measured")
    row, col = pixel_of(source.grid, x, y, crs)
    where = {"x": float(x), "y": float(y), "crs": None if crs is None else str(crs), "row": row, "col": col, "unit": model.target.get("unit")}
    report(0, 1, "reading the pixel and what lies around it")
    X, around, reason = _read(model, source, opened, region, row, col)
    nearest = _nearest(model, source.grid, trained_coordinates, row, col)
    if reason:
        return {**where, "valid": False, "reason": reason, **NOTHING, **_NO_ATTENTION, "nearest": nearest}
    found = _value(model, X, around, settings.level)
    if scheme is not None:
        number = int(scheme.assign([found["value"]])[0])
        found["class"] = {"number": number, "label": scheme.labels[number], "color": scheme.colors[number]}
    baselines = min(settings.baselines, max(1, len(trained) // 2))
    members = member_attributions(
        model.learner,
        X,
        trained,
        around,
        trained_coordinates,
        draws=settings.draws,
        baselines=baselines,
        window=has_window(model.learner),
        seed=settings.seed,
        report=report,
    )
    drivers = _drivers(model.learner, X, members)
    attention = attention_tables(_attention(model.learner, X, around))
    return {**where, "valid": True, "reason": "", **found, "nearest": nearest, **drivers, **attention}


def has_window(learner):
    """Whether a network has layers of a window beside bands and indices."""
    return learner.profile.family == "sssoilnet" and any(need.name == "window" for need in learner.needs_.patches)


def _read(model, source, opened, region, row, col):
    """Predictors and surroundings of a pixel, and why it has no value."""
    import pandas as pd

    from soilcore.features.surroundings import PlacesElsewhere, make_surroundings

    window = Window(row, col, 1, 1)
    with source.reader() as reader:
        features = np.asarray(reader.read(window), float).reshape(1, -1)
    if region is not None and not bool(region.keep(window)[0, 0]):
        return None, None, "The pixel lies outside the area of interest or under the mask."
    missing = [name for name, value in zip(source.names, features[0], strict=True) if not np.isfinite(value)]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        return None, None, f"There is no value of {', '.join(missing[:3])}{more} at this pixel."
    days = None if source.date is None else np.array([source.date], "datetime64[D]")
    here = PlacesElsewhere(_centre(source.grid, row, col), source.grid.crs, days)
    try:
        around, usable, said = make_surroundings(model.learner.needs_, source.recipe, here, opened, plane=model.plane)
    except FeatureError:  # the one place lacks its window
        usable, said = np.zeros(1, bool), ("More than 30 % of the window around this pixel is missing.",)
    if not usable[0]:
        return None, None, " ".join(said) or "The imagery or the climate around this pixel is missing."
    return pd.DataFrame(features, columns=list(source.names)), around, ""


def _centre(grid, row, col):
    t = grid.transform
    return np.array([[t.a * (col + 0.5) + t.b * (row + 0.5) + t.c, t.d * (col + 0.5) + t.e * (row + 0.5) + t.f]])


def _value(model, X, around, level):
    """Prediction with its interval and its dissimilarity to the training samples, as far as the model was stored with them."""
    from soilcore.trust.applicability import applicability_of
    from soilcore.trust.interval_base import in_own_unit
    from soilcore.trust.intervals import interval_of

    learner = model.learner
    z = learner.predict_transformed(X, coordinates=around)
    area, interval = applicability_of(model), interval_of(model)
    found = dict.fromkeys(("lower", "upper", "level", "class", "di", "threshold", "inside"))
    found["value"], inside = float(learner.way_back_(z)[0]), None
    if area is not None:
        di = area.dissimilarity(area.features(learner, X, around))
        inside = area.inside(di)
        found |= {"di": float(di[0]), "threshold": float(area.threshold_), "inside": bool(inside[0])}
    if interval is not None:
        places = {"coordinates": around} if interval.uses_coordinates else {}
        try:
            bounds = interval.bounds(X, z, level, outside=None if inside is None else ~inside, **places)
        except ModelError:  # too few samples for this level: the value stands without bounds
            return found
        lower, upper = (float(in_own_unit(learner.transform_, learner.nonnegative_, bound)[0]) for bound in bounds)
        if np.isfinite(upper - lower):
            found |= {"lower": lower, "upper": upper, "level": level}
    return found


def _drivers(learner, X, members):
    rows = []
    for name in members[0].halves:
        halves = np.mean([one.halves[name] for one in members], axis=0, dtype=float)[:, 0]  # (2, ...)
        if name == "climate":
            halves = halves.sum(axis=1)  # months of a variable together: (2, variables)
        halves = halves.reshape(2, -1)
        for number, feature in enumerate(input_names(learner, name)):
            one, other = halves[:, number]
            value = float(X[feature].iloc[0]) if feature in X and name not in ("image", "window") else None
            contribution, error = float((one + other) / 2), float(abs(one - other) / 2)
            rows.append({"input": name, "feature": feature, "value": value, "contribution": contribution, "error": error})
    scale = learner.scale_
    base, prediction = (float(np.mean([getattr(one, what)[0] for one in members]) + scale.shift) for what in ("expected", "predicted"))
    gap = base + sum(row["contribution"] for row in rows) - prediction
    return {
        "scale": scale_words(learner),
        "base": base,
        "base_value": float(learner.way_back_(scale.inverse(np.array([(base - scale.shift) / scale.spread])))[0]),
        "prediction": prediction,
        "additivity_error": abs(gap),
        "sampling_error": float(np.sqrt(np.mean([row["error"] ** 2 for row in rows]))),
        "how": {f"member {number + 1}": {"weight": 1 / len(members), "how": "sampled"} for number in range(len(members))},
        "rows": sorted(rows, key=lambda row: -abs(row["contribution"])),
        "text": ATTRIBUTION_IS_NO_CAUSE,
        "note": " ".join(dict.fromkeys(note for one in members for note in one.notes)),
        "draws": members[0].draws,
        "baselines": members[0].baselines,
        "members": len(members),
    }


def _attention(learner, X, around):
    from soilcore.models.neural_facts import attention_facts

    return attention_facts(learner, data_of(learner, X, around))


def _nearest(model, grid, trained, row, col):
    """The nearest training sample."""
    from soilcore.core.projection import in_plane

    here = in_plane(*_centre(grid, row, col).T, grid.crs, model.plane)[0]
    distances = np.hypot(*(np.asarray(trained.coordinates) - here).T)
    return {"distance_m": float(distances.min()), "row": None, "observed": None, "predicted": None}


_NO_ATTENTION = {"attention": None, "covariate_weights": None, "vegetated": None, "attention_sentence": ""}
