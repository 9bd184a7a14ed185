"""What monthly climate is called and measured in: TerraClimate's names, its aliases, and whether numbers still wait for their scale factor."""

import re
from dataclasses import dataclass
from functools import cache

import numpy as np

from soilcore.core.errors import SampleError
from soilcore.core.findings import Finding
from soilcore.core.tables import load_table

MISSING_CODES = (-9999.0, -99999.0, -32768.0, -999.0, -2147483648.0)
MOST_ODD_SHARE = 0.2
_KELVIN = 273.15
_UNIT_FACTORS = {  # value in TerraClimate's unit = value x factor + offset
    ("degC", "k"): (1.0, -_KELVIN),
    ("degC", "kelvin"): (1.0, -_KELVIN),
    ("kPa", "hpa"): (0.1, 0.0),
    ("kPa", "mbar"): (0.1, 0.0),
    ("kPa", "pa"): (0.001, 0.0),
    ("mm", "cm"): (10.0, 0.0),
    ("mm", "m"): (1000.0, 0.0),
}


@dataclass(frozen=True)
class Meaning:
    """How stored numbers become physical: value = stored * scale + offset.

    Parameters
    ----------
    unit : str
    scale, offset : float
    """

    unit: str
    scale: float = 1.0
    offset: float = 0.0


def known_variables():
    """TerraClimate's variables in their fixed order."""
    return tuple(load_table("terraclimate")["variables"])


@cache
def _names():
    table = load_table("terraclimate")["variables"]
    return {name: name for name in table} | {alias: name for name, facts in table.items() for alias in facts["aliases"]}


def variable_of(text):
    """TerraClimate's name of what a column or file is called, or None: "ppt", "PDSI", "TerraClimate_ppt_2015", "tmax_202003", "pr (mm)"."""
    plain = re.sub(r"[^a-z0-9]+", "_", str(text).lower()).strip("_")
    names = _names()
    if plain in names:
        return names[plain]
    bare = re.sub(r"_?(mm|deg_?c|c|k|kpa|w_m2?|m_s)$", "", re.sub(r"(^|_)(terraclimate|climate|monthly|x?\d+)(?=_|$)", "", plain)).strip("_")
    if bare in names:
        return names[bare]
    found = {names[token] for token in plain.split("_") if token in names and len(token) > 1}
    return found.pop() if len(found) == 1 else None


def ordered(names):
    """Known variables in their fixed order, then others by name."""
    known = known_variables()
    return tuple(name for name in known if name in names) + tuple(sorted(name for name in names if name not in known))


def meanings(samples, units=None, decided=()):
    """Whether stored numbers are physical already, from their ranges.

    Earth Engine stores TerraClimate as whole numbers before a scale factor: 253 for 25.3 degC. Whole numbers whose range is impossible in
    the variable's unit, and possible after the factor, are scaled; where a range leaves it open, the other variables decide.

    Parameters
    ----------
    samples : dict of str to ndarray
        Numbers of each variable, NaN where missing; a part of them is enough.
    units : dict of str to str, optional
        As files state them.
    decided : sequence of str
        Variables whose file carries its own scale: they are physical.

    Returns
    -------
    meanings : dict of str to Meaning
    assumed : list of str
    findings : list of Finding

    Raises
    ------
    SampleError
        If the numbers of a variable are impossible both ways.
    """
    table, units = load_table("terraclimate")["variables"], units or {}
    found, assumed, findings, states = {}, [], [], {}
    for name, values in samples.items():
        if name not in table:
            found[name] = Meaning(units.get(name, ""))
            continue
        found[name], states[name] = _meaning(name, values, table[name], units.get(name, ""), name in decided)
    _settle_open(found, states, table, findings)
    scaled = [f"{name} x{found[name].scale:g}" for name, state in states.items() if state == "stored" and found[name].scale != 1]
    if scaled:
        assumed.append(f"whole numbers before Earth Engine's scale factors: {', '.join(scaled)}")
    converted = [f"{name} from {units.get(name) or 'kelvin'} to {found[name].unit}" for name, state in states.items() if state == "converted"]
    if converted:
        assumed.append(f"converted: {', '.join(converted)}")
    return found, assumed, findings


def _meaning(name, values, facts, unit, decided):
    """(Meaning, state); state is "physical", "stored", "converted" or "open"."""
    known = values[np.isfinite(values)].astype(float)
    plain = Meaning(facts["unit"])
    factor = _UNIT_FACTORS.get((facts["unit"], unit.strip().lower()))
    if factor is not None:
        return Meaning(facts["unit"], *factor), "converted"
    if known.size == 0 or decided:
        return plain, "physical"
    whole = bool(np.all(known == np.round(known))) and np.ptp(known) > 0
    fits, scale = _fits(known, facts), facts["scale"]
    if whole and scale != 1:
        fits_scaled = _fits(known * scale, facts)
        if fits and fits_scaled:
            return plain, "open"
        if fits_scaled:
            return Meaning(facts["unit"], scale), "stored"
    if not fits and facts["unit"] == "degC" and _fits(known - _KELVIN, facts):
        return Meaning("degC", 1.0, -_KELVIN), "converted"
    if not fits:
        low, high = np.percentile(known, [1, 99])
        tried = f", nor after the scale factor {scale:g}" if scale != 1 else ""
        raise SampleError(
            f"{name} runs from {low:g} to {high:g}, which is impossible in {facts['unit']} ({facts['what']}){tried}. "
            f"Give {name} in {facts['unit']}, {facts['least']} to {facts['most']}, or correct the name of the variable."
        )
    return plain, "physical"


def _fits(values, facts):
    """Whether nearly all numbers are possible."""
    return float(np.mean((values < facts["least"]) | (values > facts["most"]))) <= MOST_ODD_SHARE


def _settle_open(found, states, table, findings):
    opened = [name for name, state in states.items() if state == "open"]
    votes = [state for name, state in states.items() if state in ("physical", "stored") and table[name]["scale"] != 1]
    stored = "stored" in votes and "physical" not in votes
    for name in opened:
        if stored:
            found[name], states[name] = Meaning(table[name]["unit"], table[name]["scale"]), "stored"
        elif "physical" not in votes:
            findings.append(
                Finding(
                    "climate-scale-open",
                    "warning",
                    f"{name} holds whole numbers that are possible in {table[name]['unit']} both as they are and after the factor {table[name]['scale']:g}; "
                    "they are taken as they are.",
                    f"If they come from Earth Engine, multiply {name} by {table[name]['scale']:g} first.",
                    column=name,
                )
            )


def without_impossible(name, values):
    """Physical values with NaN for codes of missing and for what is impossible, and findings on them.

    Parameters
    ----------
    name : str
    values : ndarray of float32

    Returns
    -------
    ndarray of float32
    list of Finding
    """
    facts = load_table("terraclimate")["variables"].get(name)
    if facts is None:
        return values, []
    margin = 1e-3 * (facts["most"] - facts["least"])
    with np.errstate(invalid="ignore"):
        odd = (values < facts["least"] - margin) | (values > facts["most"] + margin)
    if not odd.any():
        return values, []
    example = float(values[odd][0])
    message = f"{int(odd.sum())} values of {name} are impossible in {facts['unit']}, for example {example:g}; they count as missing."
    finding = Finding("climate-impossible", "warning", message, "Correct them, or leave the cells empty.", column=name, value=f"{example:g}")
    return np.where(odd, np.float32(np.nan), values), [finding]
