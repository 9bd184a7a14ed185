"""What is asked of a season, and the words for why one has no answer."""

from dataclasses import dataclass

from soilcore.core.errors import SettingsError

SOS_RULES = ("20", "10", "50", "derivative", "zhang")
SDPS_RULES = ("90", "zhang", "gu")
GUS_RULES = ("mean", "max")
FEWEST_DATES = 4  # below, no rise can be told from a straight line

# Extremes of the change of curvature of a logistic rise, as shares of its amplitude (Zhang et al. 2003, small slopes).
ZHANG_GREEN_UP, ZHANG_MATURITY = 0.09175170953613698, 0.908248290463863

REASONS = (
    "",
    "fewer valid dates than needed",
    "the peak lies at the end of the series",
    "the amplitude is smaller than needed",
    "the rise begins before the first valid date",
)
GOOD, FEW_DATES, PEAK_AT_END, SMALL_AMPLITUDE, RISE_NOT_SEEN = range(5)


@dataclass(frozen=True)
class PhenologySettings:
    """How the start of season, the start of the peak stage and the green-up speed are found.

    Parameters
    ----------
    index : str
        Registry id of the vegetation index; computed where the series holds scenes.
    season_start : int or "auto", optional
        Day of the year from which a season of one year is looked for: about 244 for winter crops sown in autumn, 182 for summer crops of the
        southern hemisphere. "auto" or None: the middle of the low season of the mean annual curve; a series of at most 400 days is one season.
    sos : {"20", "10", "50", "derivative", "zhang"}
        Start of season: first day of the rise at this share of the amplitude in %, at the largest slope, or at Zhang's green-up.
    sdps : {"90", "zhang", "gu"}
        Start of the peak stage: first day at 90 % of the amplitude, Zhang's maturity, or Gu's stabilisation date.
    gus : {"mean", "max"}
        Green-up speed in index units per day: mean slope from SOS to SDPS, or the largest.
    min_dates : int
        Valid dates a season needs, at least 4.
    min_amplitude : float
        In index units.
    year : int, optional
        Year in which the season peaks. Rasters: the latest with a whole season; tables: every one.
    window : int
        Side of a window in pixels. The result is the same for every side.
    overwrite : bool
    """

    index: str = "NDVI"
    season_start: int | str | None = None
    sos: str = "20"
    sdps: str = "90"
    gus: str = "mean"
    min_dates: int = 8
    min_amplitude: float = 0.1
    year: int | None = None
    window: int = 512
    overwrite: bool = False


def check_phenology(settings):
    """Return the settings, or say what is wrong with them.

    Raises
    ------
    SettingsError
    """
    for name, known in (("sos", SOS_RULES), ("sdps", SDPS_RULES), ("gus", GUS_RULES)):
        value = getattr(settings, name)
        if value not in known:
            raise SettingsError(f"There is no rule {value!r} for {name.upper()}. Choose one of {', '.join(known)}.")
    start = settings.season_start
    if start not in (None, "auto") and (isinstance(start, (bool, str)) or start != int(start) or not 1 <= start <= 366):
        raise SettingsError(f"A season starts on a day of the year from 1 to 366, or is found by itself with 'auto'; got {start!r}.")
    if settings.min_dates < FEWEST_DATES:
        raise SettingsError(f"A season needs at least {FEWEST_DATES} valid dates; {settings.min_dates} were allowed. 8 is usual.")
    if not settings.min_amplitude >= 0:
        raise SettingsError(f"The smallest amplitude cannot be {settings.min_amplitude}. Give a number of index units such as 0.1.")
    return settings


def shares_of(settings):
    """Shares of the amplitude at which SOS and SDPS are crossed; NaN for a rule that uses slopes.

    Only for curves whose derivatives are not to be trusted: there, Zhang's dates are taken where a logistic curve has them.
    """
    sos = {"zhang": ZHANG_GREEN_UP, "derivative": float("nan")}.get(settings.sos)
    sdps = {"zhang": ZHANG_MATURITY, "gu": float("nan")}.get(settings.sdps)
    return (float(settings.sos) / 100 if sos is None else sos, float(settings.sdps) / 100 if sdps is None else sdps)
