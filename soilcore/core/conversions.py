"""From the conductivity of an extract to that of the saturated paste, and to salt content; every result carries the method that made it."""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SampleError, SettingsError
from soilcore.core.quantities import parts_of_water
from soilcore.core.tables import load_table
from soilcore.core.texture import HEAVY_CLAY_PERCENT, texture_group


@dataclass(frozen=True)
class Converted:
    """Values and how they were made.

    Parameters
    ----------
    values : ndarray of float
        NaN where the input, or what the method needs, is missing.
    method_text : str
        Method, factors and source, to be kept beside the values.
    """

    values: np.ndarray
    method_text: str


@dataclass(frozen=True)
class Conversion:
    """What ``--convert`` asks for.

    Parameters
    ----------
    form : {"ECe", "salt"}
    method : str or None
        For ECe: a method id; None means the default for the extract.
    factors : tuple of float
        For ``constant``: the factor. For salt: (a, b) of salt = a EC + b; empty means the default.
    """

    form: str
    method: str | None = None
    factors: tuple[float, ...] = ()


def parse_conversion(text):
    """Read ``"ECe"``, ``"ECe:slavich_class"``, ``"ECe:constant=6.4"``, ``"salt"`` or ``"salt:3.2,0"``.

    Raises
    ------
    SettingsError
        If the form or the method is unknown, or a factor is no number.
    """
    form, _, rest = str(text).strip().partition(":")
    form = {"ece": "ECe", "salt": "salt"}.get(form.strip().lower())
    if form is None:
        raise SettingsError(f"--convert {text!r} is not understood. Write ECe, ECe:METHOD, ECe:constant=6.4, salt, or salt:a,b.")
    if form == "salt":
        return Conversion("salt", None, _numbers(rest, (0, 2), text))
    method, _, factor = rest.strip().partition("=")
    method = method.strip().lower() or None
    if method is not None:
        _method_row(method)
    if factor and method != "constant":
        raise SettingsError(f"--convert {text!r}: only the method 'constant' takes a factor. Write ECe:constant={factor}.")
    return Conversion("ECe", method, _numbers(factor, (0, 1), text))


def conversion_methods(extract="1:5"):
    """Ids of the published methods for an extract, in the order of the table."""
    return tuple(row["id"] for row in load_table("ec_conversions")["methods"] if extract in row["extracts"])


def default_method(extract, has_texture):
    """Id of the method taken when nobody names one: by texture where it is known, else a constant; None where there is no accepted default."""
    by_texture, without = load_table("ec_conversions")["defaults"].get(extract, (None, None))
    return by_texture if has_texture else without


def convert_to_ece(ec, method, *, extract="1:5", texture=None, clay=None, sand=None, organic_carbon_g_kg=None, theta=None, factor=None):
    r"""Conductivity of the saturated paste from that of a more dilute extract.

    Parameters
    ----------
    ec : array-like of float, shape (n_samples,)
        Conductivity of the extract, dS/m at 25 °C. Negative values become NaN.
    method : str
        Id in ``soilcore/tables/ec_conversions.json``: slavich_class, slavich_theta, fao2006, sonmez2008, kargas2018, he2013, korea_sand, constant, ...
    extract : str
        Soil to water by mass: "1:1", "1:2", "1:2.5", "1:5".
    texture : sequence of str, shape (n_samples,), or str, optional
        USDA class names.
    clay, sand : array-like of float, optional
        Percent by mass.
    organic_carbon_g_kg : array-like of float, optional
        For fao2006; organic matter is 1.724 times as much.
    theta : array-like of float, optional
        Water content of the saturated paste, kg/kg.
    factor : float, optional
        For constant.

    Returns
    -------
    Converted
        Values in dS/m, clipped at 0.

    Raises
    ------
    SettingsError
        If the method is unknown.
    SampleError
        If the method does not apply to the extract, or needs what is not there; the message names the option.

    Notes
    -----
    .. math:: EC_e = x (2.46 + 3.03/\theta_{sp}), \quad EC_e = f\,x, \quad EC_e = 100\,n\,x / WC, \quad EC_e = a\,x + b
    """
    row = _method_row(method)
    if extract not in row["extracts"]:
        raise SampleError(
            f"The method {row['id']} is not made for {extract} extracts (it is for {', '.join(row['extracts'])}). "
            f"Choose one of: {', '.join(conversion_methods(extract)) or 'none published'}."
        )
    x = np.asarray(ec, dtype=float)
    x = np.where(x >= 0, x, np.nan)
    known = {
        "texture": _texture_with_clay(texture, clay, x.shape),
        "sand": sand,
        "organic_carbon_g_kg": organic_carbon_g_kg,
        "theta": theta,
        "factor": factor,
        "clay": clay,
    }
    _check_needs(row, known)
    values, detail = _FORMS[row["form"]](x, row, extract, known)
    doubt = " - unverified coefficients" if row["status"] == "unverified" else ""
    return Converted(np.maximum(values, 0.0), f"{row['id']}: {detail}{doubt} ({row['source']})")


def _by_class(x, row, extract, known):
    factors = load_table("ec_conversions")["slavich_class_factor"]
    factor = np.array([factors.get(name, np.nan) for name in known["texture"]], dtype=float)
    return x * factor, f"ECe = f x EC{extract}, f by texture class {_span(factor)}"


def _by_theta(x, row, extract, known):
    theta = np.broadcast_to(np.asarray(known["theta"], dtype=float), x.shape)
    theta = np.where(theta > 0, theta, np.nan)
    return x * (2.46 + 3.03 / theta), f"ECe = EC{extract} x (2.46 + 3.03/theta), theta {_span(theta)}"


def _by_water(x, row, extract, known):
    water, organic = paste_water(known["texture"], known["organic_carbon_g_kg"], known["clay"])
    parts = parts_of_water(extract)
    return 100 * parts * x / water, f"ECe = {100 * parts:g} x EC{extract} / WC, WC by texture {_span(water)} g/100 g, {organic}"


def _by_group(x, row, extract, known):
    slopes = {r["texture"]: (r["slope"], r["intercept"]) for r in row["rows"] if r["extract"] == extract}
    pairs = np.array([slopes.get(group, (np.nan, np.nan)) for group in texture_group(known["texture"])], dtype=float).reshape(-1, 2)
    listed = ", ".join(f"{group} {slope:g}x{intercept:+g}" for group, (slope, intercept) in slopes.items())
    return pairs[:, 0].reshape(x.shape) * x + pairs[:, 1].reshape(x.shape), f"ECe from EC{extract} by texture group: {listed}"


def _linear(x, row, extract, known):
    slope, intercept = _coefficients(row, extract)
    return slope * x + intercept, f"ECe = {slope:g} x EC{extract} {intercept:+g}"


def _power(base):
    def convert(x, row, extract, known):
        slope, intercept = _coefficients(row, extract)
        logarithm = np.log if base == np.e else np.log10
        with np.errstate(divide="ignore"):
            values = np.where(x > 0, base ** (slope * logarithm(np.where(x > 0, x, 1.0)) + intercept), np.where(x == 0, 0.0, np.nan))
        name = "exp" if base == np.e else "10^"
        return values, f"ECe = {name}({slope:g} {'ln' if base == np.e else 'log10'} EC{extract} {intercept:+g})"

    return convert


def _by_sand(x, row, extract, known):
    sand = np.broadcast_to(np.asarray(known["sand"], dtype=float), x.shape)
    return x * 8.9105 * np.exp(
        0.0106 * sand
    ) / 1.2984, f"ECe = EC{extract} x 8.9105 exp(0.0106 sand)/1.2984, sand {_span(sand)} %, calibrated for 10-65 %"


def _constant(x, row, extract, known):
    factor = known["factor"]
    if factor is None:
        factor = row["default_factor"].get(extract)
    if factor is None:
        raise SampleError(f"There is no common factor for {extract} extracts. Name one: --convert ECe:constant=FACTOR.")
    return float(factor) * x, f"constant={float(factor):g}: ECe = {float(factor):g} x EC{extract}"


_FORMS = {
    "by-class": _by_class,
    "theta": _by_theta,
    "water-content": _by_water,
    "by-group": _by_group,
    "linear": _linear,
    "exp-ln": _power(np.e),
    "power-log10": _power(10.0),
    "sand": _by_sand,
    "constant": _constant,
}


def paste_water(texture, organic_carbon_g_kg=None, clay=None):
    """Water in the saturated paste by texture and organic matter.

    Parameters
    ----------
    texture : sequence of str, shape (n_samples,)
        USDA class names, or the names of the table.
    organic_carbon_g_kg, clay : array-like of float, optional
        g/kg and percent. Without organic carbon 1-2 % organic matter is assumed.

    Returns
    -------
    water : ndarray of float, shape (n_samples,)
        g per 100 g of dry soil; NaN for unknown textures.
    organic : str
        What was taken for organic matter, as a phrase.

    References
    ----------
    FAO (2006), Guidelines for soil description.
    """
    table = load_table("ec_conversions")
    rows, edges = table["fao2006_water"]["g_per_100g"], table["fao2006_water"]["organic_matter_edges_percent"]
    if organic_carbon_g_kg is None:
        matter = np.full(len(texture), table["assumed_organic_matter_percent"])
        organic = "organic matter taken as 1-2 %"
    else:
        matter = (
            np.broadcast_to(np.asarray(organic_carbon_g_kg, dtype=float), (len(texture),)) * table["carbon"]["organic_matter_per_organic_carbon"] / 10
        )
        organic = f"organic matter {_span(matter)} %"
    names = _light_loams(texture, clay)
    column = np.digitize(np.nan_to_num(matter), edges)
    water = np.array([rows[name][k] if name in rows else np.nan for name, k in zip(names, column, strict=True)], dtype=float)
    return np.where(np.isfinite(matter), water, np.nan), organic


def _light_loams(texture, clay):
    """Sandy loam and silt loam below 10 % clay hold less water than the rest of their class."""
    spelled = {
        "sandy loam (>=10% clay)": "sandy loam",
        "silt loam (>=10% clay)": "silt loam",
        "clay (<60% clay)": "clay",
        "heavy clay (>=60% clay)": "heavy clay",
    }
    names = [spelled.get(name, name) for name in texture]
    if clay is None:
        return names
    clay = np.broadcast_to(np.asarray(clay, dtype=float), (len(names),))
    return [f"{name} (<10% clay)" if name in ("sandy loam", "silt loam") and part < 10 else name for name, part in zip(names, clay, strict=True)]


def convert_to_salt(ec, *, extract="1:5", factors=(), theta=None):
    r"""Salt content of the soil from conductivity.

    Parameters
    ----------
    ec : array-like of float, shape (n_samples,)
        Conductivity, dS/m at 25 °C, of `extract`.
    extract : str
        "1:n" or "paste".
    factors : tuple of float
        (a, b) of a regional calibration, salt = a EC + b; empty for the general rule.
    theta : array-like of float, optional
        Water content of the saturated paste, kg/kg; needed for the paste without factors.

    Returns
    -------
    Converted
        Values in g/kg, clipped at 0.

    Raises
    ------
    SampleError
        If the rule needs what is not there.

    Notes
    -----
    .. math:: salt = n \cdot 0.64\,EC_{1:n}\ (= 3.2\,EC_{1:5}), \qquad salt = 0.64\,EC_e\,\theta_{sp}

    with 640 mg/L of dissolved salt per dS/m (US Salinity Laboratory 1954).
    """
    x = np.asarray(ec, dtype=float)
    x = np.where(x >= 0, x, np.nan)
    per_part = load_table("ec_conversions")["salts"]["g_kg_per_dS_m_and_part_of_water"]
    parts = parts_of_water(extract)
    if factors:
        a, b = factors
        values, text = a * x + b, f"salt = {a:g} x EC ({extract}) {b:+g}, factors given"
    elif parts is not None:
        a = load_table("ec_conversions")["salts"]["default_1_5"][0] if extract == "1:5" else parts * per_part
        values, text = a * x, f"salt = {a:g} x EC{extract} (640 mg/L per dS/m, US Salinity Laboratory 1954)"
    elif extract == "paste" and theta is not None:
        values, text = (
            per_part * x * np.asarray(theta, dtype=float),
            f"salt = 0.64 ECe theta, theta {_span(theta)} kg/kg (US Salinity Laboratory 1954)",
        )
    else:
        raise SampleError(
            f"Salt content from {extract} conductivity needs the water content of the paste. Name the texture with --texture, or give a calibration with --convert salt:a,b."
        )
    return Converted(np.maximum(values, 0.0), text)


def dissolved_solids_mg_l(ec_ds_m):
    """Total dissolved solids of a solution, mg/L: 640 per dS/m up to 5 dS/m, 800 above (US Salinity Laboratory 1954; the step is part of the rule)."""
    rule = load_table("ec_conversions")["salts"]["tds_mg_L_per_dS_m"]
    ec = np.asarray(ec_ds_m, dtype=float)
    return np.where(ec <= 5, rule["up_to_5"] * ec, rule["above_5"] * ec)


def _texture_with_clay(texture, clay, shape):
    if texture is None:
        return None
    texture = np.array([texture], dtype=object) if isinstance(texture, str) else np.asarray(texture, dtype=object)
    texture = np.broadcast_to(texture, shape if shape else (1,)).copy().reshape(-1)
    if clay is not None:
        with np.errstate(invalid="ignore"):
            heavy = np.broadcast_to(np.asarray(clay, dtype=float), texture.shape) >= HEAVY_CLAY_PERCENT
        texture[heavy & (texture == "clay")] = "heavy clay"
    return np.array([{"clay (<60% clay)": "clay", "heavy clay (>=60% clay)": "heavy clay"}.get(name, name) for name in texture], dtype=object)


_OPTIONS = {
    "texture": "the texture class: name its column with --texture, or give sand, silt and clay columns",
    "theta": "the water content of the saturated paste (a column called theta_sp, kg/kg)",
    "sand": "the sand content (a column called sand, %)",
}


def _check_needs(row, known):
    for need in row["needs"]:
        if known[need] is None:
            raise SampleError(f"The method {row['id']} needs {_OPTIONS[need]}. Or choose another method, for example --convert ECe:constant=6.4.")


def _coefficients(row, extract):
    return next((r["slope"], r["intercept"]) for r in row["rows"] if r["extract"] == extract)


def _method_row(method):
    rows = {row["id"]: row for row in load_table("ec_conversions")["methods"]}
    if method not in rows:
        raise SettingsError(f"There is no conversion to ECe called {method!r}. Known: {', '.join(rows)}.")
    return rows[method]


def _numbers(text, counts, whole):
    words = [word for word in text.split(",") if word.strip()]
    try:
        numbers = tuple(float(word) for word in words)
    except ValueError:
        raise SettingsError(f"--convert {whole!r} holds {text!r}, which is not a number. Write ECe:constant=6.4 or salt:3.2,0.") from None
    if len(numbers) not in counts or not all(np.isfinite(numbers)) or (numbers and numbers[0] <= 0):
        raise SettingsError(f"--convert {whole!r} needs {counts[1]} number(s), the first above 0. Write ECe:constant=6.4 or salt:3.2,0.")
    return numbers


def _span(values):
    values = np.asarray(values, dtype=float)
    known = values[np.isfinite(values)]
    if not known.size:
        return "unknown"
    return f"{known.min():.4g}" if known.min() == known.max() else f"{known.min():.4g}-{known.max():.4g}"
