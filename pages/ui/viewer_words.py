"""The viewer's sentences: what is mapped, what it says, how sure that is, in words that ask for no statistics."""

from pages.ui import theme
from pages.ui.mapping import model_facts
from pages.ui.place_panel import model_of as name_of_model
from pages.ui.session import current_work
from soilcore.core.errors import SoilcoreError

_WEAK_R2 = 0.1
_CROPS_NAMED = 6
_FEW = 0.005  # of the land: less is not worth a sentence


def about(finished):
    """What is mapped and for when, in one line."""
    return f"{finished.quantity}, {f'for {finished.date}' if finished.date else 'for a date that is not stated'}. Click the map to read a place."


def model_of(made):
    """What is known of the map's model, or None where it is gone."""
    identifier = name_of_model(made)
    try:
        return model_facts(identifier) if identifier in current_work().models else None
    except SoilcoreError:
        return None


def of_map(made, model):
    """What the whole map says and how far to trust it.

    Parameters
    ----------
    made : mapping.MadeMap
    model : dict or None
        Content of its ``model.json``.

    Returns
    -------
    list of str
    """
    return [*_classes(made.facts.get("classes") or ()), *_trust(made, model)]


def _classes(rows):
    rows = sorted((row for row in rows if row["share"] >= _FEW), key=lambda row: -row["share"])
    if not rows:
        return []
    first, *others = rows
    told = [f"{row['class']} ({theme.percent(row['share'])}, {row['area_ha']:,.0f} ha)" for row in others]
    also = f" The rest is {', '.join(told[:-1])} and {told[-1]}." if len(told) > 1 else f" The rest is {told[0]}." if told else ""
    most = "Most of the mapped land" if first["share"] > 0.5 else "The largest part of the mapped land"
    return [f"{most} is {first['class']} ({theme.percent(first['share'])}, {first['area_ha']:,.0f} ha).{also}"]


def _trust(made, model):
    said, scores = [], (model or {}).get("scores") or {}
    if scores.get("rmse") is not None:
        unit = f" {model['target']['unit']}" if model["target"]["unit"] else ""
        said.append(f"Where samples were left out, the prediction was typically {theme.number(scores['rmse'], 2)}{unit} off.")
    if scores.get("r2") is not None and scores["r2"] < _WEAK_R2:
        said.append("Between places that nobody sampled the model hardly tells differences: read the map as a sketch.")
    interval = made.facts.get("interval") or {}
    if interval.get("coverage") is not None:
        level, held = theme.percent(interval["level"]), theme.percent(interval["coverage"])
        said.append(f"Each place has a range that should hold the true value in {level} of cases; at samples left out it did in {held}.")
    share = made.facts.get("aoa_share")
    if share is not None and share < 1 - _FEW:
        said.append(
            f"On {theme.percent(1 - share)} of the land no sample is alike: do not rely on the map there. Switch on the grey veil to see where."
        )
    return said


def of_place(values, styles, level, target):
    """What one place means and how sure that is.

    Parameters
    ----------
    values : dict
        Of every layer under the place, None where there is none; as `map_layers.values_at`.
    styles : dict
        Style of every layer, by key.
    level : float or None
        Of the interval.
    target : dict or None
        Of the map's model: ``unit``, ``form``, ``column``.

    Returns
    -------
    list of str
    """
    if "aoa" in styles and values["aoa"] == 0:
        return ["No sample is like this place, so neither the value nor its range should be trusted. Have the soil measured before acting on it."]
    return [*_range(values, styles, level), *_crops(values, target)]


def _range(values, styles, level):
    if not {"lower", "upper"} <= set(styles) or values["lower"] is None:
        return ["The map does not say how sure this is."]
    lower = styles["lower"].text_of(values["lower"])
    often = f"in {theme.percent(level)} of such places" if level is not None else "in most such places"
    if values["upper"] is None:
        return [f"The true value is expected above {lower} {often}; how far above, the samples do not tell."]
    return [f"The true value is expected between {lower} and {styles['upper'].text_of(values['upper'])} {often}."]


def _crops(values, target):
    from soilcore.mapping.crops import GOOD_YIELD, check_crops_fit, crops, crops_that_stand

    if target is None:
        return []
    try:
        check_crops_fit(target["unit"], target.get("form"), target["column"])
    except SoilcoreError:
        return []
    rows = crops_that_stand(values["value"], values.get("lower"), values.get("upper"))
    if not rows:
        return [f"Of {len(crops())} crops none is expected to give {GOOD_YIELD:.0f} % of its yield in this soil."]
    sure = [row for row in rows if row["sure"]]
    said = [f"{len(rows)} of {len(crops())} crops are expected to give {GOOD_YIELD:.0f} % of their yield or more, as far as salt goes."]
    if rows[0]["sure"] is not None:
        named = ", ".join(row["name"].lower() for row in sure[:_CROPS_NAMED])
        more = " and others" if len(sure) > _CROPS_NAMED else ""
        said.append(
            f"Safe over the whole range: {named}{more}." if sure else "None of them is safe over the whole range: have the soil measured first."
        )
    return said
