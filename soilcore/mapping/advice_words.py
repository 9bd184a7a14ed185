"""Advice in plain language: what to expect, how sure that is, and when the map was made for."""

import numpy as np

_LIKELY = (
    (0.99, "virtually certain"),
    (0.9, "very likely"),
    (0.66, "likely"),
    (0.33, "about as likely as not"),
    (0.1, "unlikely"),
    (0.01, "very unlikely"),
)
CAUTION = (
    "Relative yield is about salt alone: climate, water, sodium, nutrients and cultivar decide the harvest, and seedlings of many crops stand "
    "less. Have the soil of a field analysed before a crop is chosen on it."
)


def likelihood(probability):
    """A probability in words, as the Intergovernmental Panel on Climate Change uses them (Mastrandrea et al. 2010)."""
    for least, words in _LIKELY:
        if probability >= least:
            return words
    return "exceptionally unlikely"


def of_date(date):
    """When the map is for, as the end of a sentence."""
    return f"on the map of {date}" if date else "on a map that states no date"


def crop_sentence(row, where, level, date):
    """What one crop is expected to give.

    Parameters
    ----------
    row : dict
        ``name``, ``yield``, ``yield_low``, ``yield_high`` (percent), ``good_share`` or None.
    where : str
        For example "on the mapped land" or "in field F00012".
    level : float or None
    date : str or None
    """
    text = f"{row['name']} is expected to give {row['yield']:.0f} % of its full yield {where}"
    if level is not None and _known(row["yield_low"], row["yield_high"]):
        text += f" ({100 * level:.4g} % interval {row['yield_low']:.0f} to {row['yield_high']:.0f} %)"
    text += f", {of_date(date)}"
    return f"{text}; it is {likelihood(row['p_good'])} to give at least {row['least']:.0f} %." if row.get("p_good") is not None else f"{text}."


def leaching_sentence(row, water):
    """How much of the water must drain to hold the soil at what a crop stands."""
    part, full = row["leaching_requirement"], row["leaching_requirement_full"]
    if part is None:
        return f"Water of {water:g} dS/m is too salty for {row['name'].lower()}: no amount of it holds the soil at {row['ece_least']:.3g} dS/m."
    text = (
        f"With water of {water:g} dS/m, {100 * part:.0f} % of what is applied must drain below the roots to hold the soil at {row['ece_least']:.3g} dS/m, "
        f"where {row['name'].lower()} gives {row['least']:.0f} %: {1 / (1 - part):.2f} times what the crop uses"
    )
    return f"{text} ({100 * full:.0f} % for the full yield)." if full is not None else f"{text}."


def reclamation_sentence(row, now, level, soil):
    """How much water washes the present salt down to what a crop stands, or None where there is no need."""
    if not row.get("reclamation"):
        return None
    bounds = ""
    if level is not None and _known(row["reclamation_low"], row["reclamation_high"]):
        bounds = f" ({100 * level:.4g} % interval {row['reclamation_low']:.2g} to {row['reclamation_high']:.2g})"
    return (
        f"To bring the mean from {now:.3g} to the {row['ece_least']:.3g} dS/m that {row['name'].lower()} stands, about {row['reclamation']:.2g} m of water "
        f"per metre of soil must pass once, ponded on {soil}{bounds}; without drains the salt comes back."
    )


def present_sentence(fraction, water):
    """What the soil's salinity says of the leaching there is today, were the water the only source of salt."""
    if fraction["value"] is None:
        return None
    low, high = fraction["low"], fraction["high"]
    bounds = f" (interval {_percent(low)} to {_percent(high)})" if low is not None else ""
    return (
        f"The mean salinity of the map is what water of {water:g} dS/m leads to when {_percent(fraction['value'])} of it drains{bounds}, "
        "were it the only source of salt; groundwater, sea water or poor drainage make the soil saltier than the water explains."
    )


def trust_sentences(inside, level, coverage, has_interval):
    """How far the numbers can be trusted."""
    sentences = []
    if not has_interval:
        sentences.append("The map has no prediction interval, so it is not known how sure this is. Map the model again with --interval 0.9.")
    elif coverage is not None:
        sentences.append(f"In cross-validation the {100 * level:.4g} % intervals held {100 * coverage:.0f} % of the samples.")
    if inside is not None:
        sentences.append(f"{100 * inside:.0f} % of the mapped land resembles the training samples; elsewhere nothing here is supported by data.")
    else:
        sentences.append("The map does not say where it resembles the training samples (--aoa), so it may extrapolate unseen.")
    return sentences


def _percent(part):
    return "more than 100 %" if part is None or part >= 1 else f"{100 * part:.0f} %"


def _known(*numbers):
    return all(number is not None and np.isfinite(number) for number in numbers)
