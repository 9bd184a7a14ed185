"""Preprocessing of spectra, one spectrum at a time: what is done to a sample depends on no other sample, so nothing can leak between folds.

Steps are written as ``snv,sg:11:1:1,co2:zero`` and done in that order. Spectra come in canonical order (wavenumbers falling, wavelengths rising);
derivatives are per point along that order, so their sign would turn with the axis.
"""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import FeatureError, SettingsError
from soilcore.core.progress import silent
from soilcore.data.spectra_axis import unit_of_order
from soilcore.data.spectra_resampling import Resampling
from soilcore.data.spectra_set import ABSORBANCE, PSEUDO_ABSORBANCE, REFLECTANCE, WAVENUMBER
from soilcore.features import spectral_steps

CO2_WINDOW = (2269.0, 2389.0)  # cm-1, both ends inclusive: the band of carbon dioxide in the air of the instrument
_CHUNK_CELLS = 2_000_000
_GRAMMAR = "snv, detrend, sg:WINDOW:ORDER:DERIVATIVE, co2:zero, co2:drop, absorbance, reflectance, crop:FROM:TO, resample:FROM:TO:STEP"


@dataclass(frozen=True)
class Step:
    """One step.

    Parameters
    ----------
    kind : str
        "snv", "detrend", "sg", "co2", "absorbance", "reflectance", "crop" or "resample".
    arguments : tuple
        Numbers, and for "co2" first "zero" or "drop".
    """

    kind: str
    arguments: tuple = ()

    def __str__(self):
        return ":".join([self.kind, *(part if isinstance(part, str) else f"{part:g}" for part in self.arguments)])


@dataclass(frozen=True)
class Processed:
    """Spectra after their steps.

    Parameters
    ----------
    values : ndarray of float32 or float64, shape (n_samples, n_points)
        Type as given. Rows with a missing point are missing throughout.
    axis : ndarray of float64, shape (n_points,)
    unit : {"cm-1", "nm"}
    quantity : str
        "absorbance", "reflectance", "pseudo-absorbance", or "scaled" after a step that takes the unit away.
    notes : tuple of str
        What was not done, or became missing, and why.
    """

    values: np.ndarray
    axis: np.ndarray
    unit: str
    quantity: str | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Steps:
    """Steps in their order.

    Parameters
    ----------
    steps : tuple of Step
    """

    steps: tuple[Step, ...] = ()

    def __str__(self):
        return ",".join(str(step) for step in self.steps)

    def __len__(self):
        return len(self.steps)

    def to_dict(self):
        """The steps as JSON values; `from_dict` takes them back."""
        return {"steps": [[step.kind, *step.arguments] for step in self.steps]}

    @staticmethod
    def from_dict(values):
        """Steps from what `to_dict` gave.

        Raises
        ------
        SettingsError
            If they are no steps.
        """
        try:
            listed = [":".join(part if isinstance(part, str) else repr(float(part)) for part in step) for step in values["steps"]]
        except (KeyError, TypeError, ValueError):
            raise SettingsError(f"These are no preprocessing steps: {str(values)[:80]}. Write them as {_GRAMMAR}.") from None
        return parse_steps(",".join(listed))

    def axis_after(self, axis, unit=None, quantity=None):
        """The axis that spectra on `axis` have after the steps, ndarray of float64."""
        return _plan(self, axis, unit, quantity).axis

    def apply(self, values, axis, unit=None, quantity=None, report=silent):
        """As `preprocess`."""
        return preprocess(values, axis, self, unit, quantity, report)


def parse_steps(text):
    """Steps from text such as ``snv,sg:11:1:1,co2:zero``.

    Parameters
    ----------
    text : str or None
        Steps separated by commas; "", "none" and None are no steps.

    Returns
    -------
    Steps

    Raises
    ------
    SettingsError
        If a step is not known or its numbers cannot be.
    """
    if text is None or str(text).strip().casefold() in ("", "none"):
        return Steps()
    return Steps(tuple(_parse(part.strip().casefold()) for part in str(text).split(",")))


def _parse(text):
    kind, *arguments = text.split(":")
    if kind in ("msc", "centre", "center", "mean-centre", "scale", "standardise"):
        raise SettingsError(f"{kind!r} needs the mean of all spectra, so it would know the test samples. Use snv, which needs one spectrum alone.")
    if kind not in _READERS:
        raise SettingsError(f"There is no preprocessing step {text!r}. Steps: {_GRAMMAR}.")
    return Step(kind, _READERS[kind](arguments, text))


def _nothing(arguments, text):
    if arguments:
        raise SettingsError(f"The step {text!r} takes no numbers. Write {text.split(':')[0]}.")
    return ()


def _numbers(arguments, text, example, count):
    try:
        numbers = tuple(float(part) for part in arguments)
    except ValueError:
        numbers = ()
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise SettingsError(f"The step {text!r} is not complete. Write it as {example}.")
    return numbers


def _savitzky_golay(arguments, text):
    window, order, derivative = _numbers(arguments, text, "sg:11:1:1 (window, order, derivative)", 3)
    whole = all(number == int(number) for number in (window, order, derivative))
    if not whole or window < 3 or window % 2 == 0 or not 0 <= order < window or not 0 <= derivative <= order:
        raise SettingsError(f"{text!r} cannot be: the window is an odd number from 3 on, the order below it, the derivative at most the order.")
    return int(window), int(order), int(derivative)


def _carbon_dioxide(arguments, text):
    if not arguments or arguments[0] not in ("zero", "drop"):
        raise SettingsError(f"The step {text!r} is not complete. Write co2:zero (values become 0) or co2:drop (points are taken out).")
    limits = _numbers(arguments[1:], text, "co2:zero or co2:zero:2269:2389", 2) if len(arguments) > 1 else ()
    return arguments[0], *_range(limits, text)


def _range(limits, text):
    if limits and not 0 < limits[0] < limits[1]:
        raise SettingsError(f"{text!r} cannot be: the range goes from a smaller to a larger value above 0.")
    return limits


def _crop(arguments, text):
    return _range(tuple(sorted(_numbers(arguments, text, "crop:600:3999", 2))), text)


def _resample(arguments, text):
    low, high, step = _numbers(arguments, text, "resample:600:3998:2 (from, to, step)", 3)
    low, high = _range(tuple(sorted((low, high))), text)
    if not 0 < step <= (high - low) / 2 or (high - low) / step > 100_000:
        raise SettingsError(f"{text!r} cannot be: the step must be above 0 and leave 3 to 100,000 points.")
    return low, high, step


_READERS = {
    "snv": _nothing,
    "detrend": _nothing,
    "sg": _savitzky_golay,
    "co2": _carbon_dioxide,
    "absorbance": _nothing,
    "reflectance": _nothing,
    "crop": _crop,
    "resample": _resample,
}


@dataclass
class _Plan:
    """What is done to an array, once the axis is known."""

    axis: np.ndarray
    unit: str
    quantity: str | None
    actions: list
    notes: list
    scales: bool = False


def _plan(steps, axis, unit, quantity):
    axis = np.asarray(axis, dtype=float)
    falling = unit_of_order(axis)
    if unit is not None and unit != falling:
        way = "rise, although wavenumbers fall" if unit == WAVENUMBER else "fall, although wavelengths rise"
        raise FeatureError(f"The values of the axis {way} in canonical order, on which the sign of derivatives rests. Turn the axis and the spectra.")
    plan = _Plan(axis, falling, quantity, [], [])
    for step in steps.steps:
        _PLANNERS[step.kind](plan, step)
    return plan


def _plan_snv(plan, step):
    plan.actions.append(spectral_steps.standard_normal_variate)
    plan.scales = True
    plan.quantity = "scaled"


def _plan_detrend(plan, step):
    basis = spectral_steps.parabola(plan.axis)
    plan.actions.append(lambda values: spectral_steps.detrended(values, basis))
    plan.quantity = "scaled"


def _plan_savitzky_golay(plan, step):
    window, order, derivative = step.arguments
    if window > plan.axis.size:
        raise FeatureError(f"The window of {step} has {window} points, but the spectra have {plan.axis.size}. Take a shorter window.")
    plan.actions.append(lambda values: spectral_steps.savitzky_golay(values, window, order, derivative))
    if derivative:
        plan.quantity = "scaled"


def _plan_carbon_dioxide(plan, step):
    way, *limits = step.arguments
    low, high = limits or CO2_WINDOW
    if plan.unit != WAVENUMBER:
        plan.notes.append(
            f"{step} was not done: the spectra are in nm, from {plan.axis[0]:g} to {plan.axis[-1]:g}, where carbon dioxide has no such band."
        )
        return
    inside = (plan.axis >= low) & (plan.axis <= high)
    if not inside.any():
        plan.notes.append(f"{step} was not done: no point of the axis lies between {low:g} and {high:g} cm-1.")
        return
    if inside.all():
        raise FeatureError(f"{step} would take every point away: the whole axis lies between {low:g} and {high:g} cm-1.")
    if way == "zero":
        plan.actions.append(lambda values: spectral_steps.zeroed(values, inside))
        return
    _keep(plan, ~inside)


def _plan_crop(plan, step):
    low, high = step.arguments
    inside = (plan.axis >= low) & (plan.axis <= high)
    if inside.sum() < 3:
        span = f"{min(plan.axis):g} to {max(plan.axis):g} {plan.unit}"
        raise FeatureError(f"{step} leaves {int(inside.sum())} points of an axis from {span}. Name a range inside it.")
    _keep(plan, inside)


def _keep(plan, inside):
    places = np.flatnonzero(inside)
    plan.actions.append(lambda values: values[:, places])
    plan.axis = plan.axis[places]


def _plan_resample(plan, step):
    low, high, width = step.arguments
    grid = low + width * np.arange(int(np.floor((high - low) / width + 1e-9)) + 1)
    resampling = Resampling.between(plan.axis, grid[::-1] if plan.unit == WAVENUMBER else grid, plan.unit)
    plan.actions.append(resampling)
    plan.axis = resampling.axis


def _plan_quantity(plan, step):
    quantity, action = _QUANTITIES[step.kind]
    if plan.quantity in (step.kind, quantity):
        plan.notes.append(f"{step.kind} was not done: the spectra are {step.kind} already.")
        return
    if plan.quantity == "scaled":
        raise FeatureError(f"{step} needs measured spectra, but a step before it has scaled them. Write {step} first.")
    plan.actions.append(action)
    plan.quantity = quantity


_QUANTITIES = {ABSORBANCE: (PSEUDO_ABSORBANCE, spectral_steps.to_absorbance), REFLECTANCE: (REFLECTANCE, spectral_steps.to_reflectance)}
_PLANNERS = {
    "snv": _plan_snv,
    "detrend": _plan_detrend,
    "sg": _plan_savitzky_golay,
    "co2": _plan_carbon_dioxide,
    "absorbance": _plan_quantity,
    "reflectance": _plan_quantity,
    "crop": _plan_crop,
    "resample": _plan_resample,
}


def preprocess(values, axis, steps, unit=None, quantity=None, report=silent):
    """Do the steps to every spectrum.

    Parameters
    ----------
    values : ndarray of float, shape (n_samples, n_points)
        Left as they are; computed in float64 by blocks of rows.
    axis : ndarray of float, shape (n_points,)
        Canonical order: cm-1 falling, nm rising.
    steps : Steps or str
    unit : {"cm-1", "nm"}, optional
        Told by the order of `axis` otherwise.
    quantity : str, optional
        What `values` are; lets "absorbance" and "reflectance" see what is there already.
    report : Report

    Returns
    -------
    Processed

    Raises
    ------
    FeatureError
        If a step does not fit the axis.
    SettingsError
        If steps given as text are none.
    """
    steps = parse_steps(steps) if not isinstance(steps, Steps) else steps
    values = np.atleast_2d(np.asarray(values))
    values = values if values.dtype in (np.float32, np.float64) else values.astype(float)
    if values.shape[1] != np.size(axis):
        raise FeatureError(f"The spectra have {values.shape[1]} points, but the axis has {np.size(axis)}.")
    plan = _plan(steps, axis, unit, quantity)
    out = np.empty((len(values), plan.axis.size), dtype=values.dtype)
    chunk, lost = max(1, _CHUNK_CELLS // max(1, values.shape[1])), 0
    for start in range(0, len(values), chunk):
        block = values[start : start + chunk]
        done, gone = _through(block, plan)
        out[start : start + chunk] = done
        lost += gone
        report(min(start + chunk, len(values)), len(values), "preprocessing spectra")
    if lost:
        plan.notes.append(f"{lost} spectra became missing: flat, or not above 0 where a logarithm is taken.")
    return Processed(out, plan.axis, plan.unit, plan.quantity, tuple(plan.notes))


def _through(block, plan):
    """The steps on some rows; rows with a missing point are missing throughout, so that no filter smears them."""
    work = block.astype(float)
    known = np.isfinite(work).all(axis=1)
    flat = (np.ptp(work, axis=1) == 0) & known if plan.scales else np.zeros(len(work), dtype=bool)
    known &= ~flat  # rounding would be scaled up to a spectrum
    work = work if known.all() else work[known]
    for action in plan.actions:
        work = action(work)
    bad = ~np.isfinite(work).all(axis=1)
    if bad.any():
        work[bad] = np.nan
    if known.all():
        return work, int(bad.sum())
    whole = np.full((len(block), plan.axis.size), np.nan)
    whole[known] = work
    return whole, int(bad.sum() + flat.sum())
