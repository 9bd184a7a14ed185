"""Surroundings of samples: windows of imagery and months of climate that a network reads, stored once and handed out by row."""

import shutil
import tempfile
import weakref
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from soilcore.core.errors import FeatureError, ModelError, SettingsError
from soilcore.core.progress import part, silent
from soilcore.core.stored import UNTOUCHED, checked_list, checked_names, checked_number, checked_record, checked_text, checked_whole
from soilcore.data.climate import SEQUENCE_MONTHS
from soilcore.features.joining import dates_for, timelines
from soilcore.features.patch_cells import pixel_metres
from soilcore.features.patches import LARGEST_SIZE, MOST_NODATA, Patches
from soilcore.features.source import FeatureSource

SEQUENCE = "sequence"  # key of the climate in a batch
FEWEST_MONTHS = 12
_MOST_WINDOWS = 16
_WIDEST = 4.0e7  # metres: once round the Earth
_IN_MEMORY = 512 << 20  # bytes; more lies in a temporary file
_NO_DATE = np.datetime64("NaT", "D")


@dataclass(frozen=True)
class PatchNeed:
    """A window of imagery around each place.

    Parameters
    ----------
    name : str
        Key in a batch.
    layers : tuple of str
        Predictors of the recipe, in this order.
    size : int
        Cells per side.
    cell : float, optional
        Side of a cell in metres; the raster's own pixel if not given.
    """

    name: str
    layers: tuple[str, ...]
    size: int
    cell: float | None = None


@dataclass(frozen=True)
class SequenceNeed:
    """Months of climate before each date.

    Parameters
    ----------
    variables : tuple of str
        As the climate names them.
    months : int
    """

    variables: tuple[str, ...]
    months: int = SEQUENCE_MONTHS


@dataclass(frozen=True)
class NetworkNeeds:
    """What a network reads beside the columns of the table.

    Parameters
    ----------
    patches : tuple of PatchNeed
    sequence : SequenceNeed, optional
    """

    patches: tuple[PatchNeed, ...] = ()
    sequence: SequenceNeed | None = None

    def to_dict(self):
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values):
        """The needs that `to_dict` gave.

        Raises
        ------
        ModelError
            If a window or the months are such as no network is trained on.
        """
        checked_record(values, "description of its windows", ("patches", "sequence"))
        patches = tuple(_patch_back(each) for each in checked_list(values["patches"], "windows", most=_MOST_WINDOWS))
        checked_names([need.name for need in patches], "windows", least=0)
        return cls(patches, None if values["sequence"] is None else _sequence_back(values["sequence"]))

    def reach_m(self, pixel):
        """Side of the largest window in metres, given the raster's pixel; 0 without windows."""
        return max((need.size * (need.cell or pixel) for need in self.patches), default=0.0)


def _patch_back(values):
    """A window from a file: within what can be cut."""
    checked_record(values, "window", ("name", "layers", "size", "cell"))
    name = checked_text(values["name"], "name of a window")
    size = checked_whole(values["size"], f"side of the window {name!r} in cells", 1, LARGEST_SIZE)
    cell = None if values["cell"] is None else checked_number(values["cell"], f"cell of the window {name!r} in metres", above=0.0)
    if cell is not None and size * cell > _WIDEST:
        raise ModelError(f"The model's window {name!r} of {size} cells of {cell:g} m is wider than the Earth. {UNTOUCHED}")
    return PatchNeed(name, checked_names(values["layers"], f"layers of the window {name!r}"), size, cell)


def _sequence_back(values):
    """Months of climate from a file: as many as a network is trained on."""
    checked_record(values, "description of its climate", ("variables", "months"))
    months = checked_whole(values["months"], "number of months of climate", FEWEST_MONTHS, SEQUENCE_MONTHS)
    return SequenceNeed(checked_names(values["variables"], "variables of climate"), months)


@dataclass(frozen=True)
class PlacesElsewhere:
    """Places without a target, as `make_surroundings` takes samples.

    Parameters
    ----------
    places : ndarray of float, shape (n, 2)
        Coordinates as in `crs`.
    crs : pyproj.CRS
    days : ndarray of datetime64[D], shape (n,), or None
        For which day imagery and climate are taken, where these change with time.
    """

    places: np.ndarray
    crs: object
    days: np.ndarray | None = None
    table: object = None


class Surroundings:
    """What lies around places, row by row; stands wherever a learner is given coordinates.

    Parameters
    ----------
    needs : NetworkNeeds
    coordinates : ndarray of float, shape (n, 2)
        Metres, on the plane of the samples.
    patches : dict of str to ndarray of float32, shape (n_stored, layers, size, size)
        NaN where missing; may be mapped from a file.
    sequences : ndarray of float32, shape (n_stored, months, variables), or None
    cell_m : float
        The raster's pixel in metres.
    rows : ndarray of int, optional
        Which of the stored places these are; all if not given.
    elsewhere : Surroundings, optional
        Places without a target, to learn from what the imagery and the climate look like.
    """

    def __init__(self, needs, coordinates, patches, sequences=None, cell_m=1.0, rows=None, elsewhere=None):
        self.needs, self.cell_m = needs, float(cell_m)
        self._coordinates, self._patches, self._sequences = np.asarray(coordinates, float), patches, sequences
        self._rows = np.arange(len(self._coordinates)) if rows is None else np.asarray(rows)
        self._elsewhere = elsewhere

    def __len__(self):
        return self._rows.size

    def __array__(self, dtype=None, copy=None):
        return np.array(self.coordinates, dtype=dtype)

    @property
    def shape(self):
        """Shape of the coordinates."""
        return (len(self), 2)

    @property
    def coordinates(self):
        """Places in metres, float of shape (n, 2)."""
        return self._coordinates[self._rows]

    @property
    def reach_m(self):
        """Side of the largest window in metres."""
        return self.needs.reach_m(self.cell_m)

    def take(self, rows):
        """Some of the places, by position or mask; nothing is copied."""
        return Surroundings(self.needs, self._coordinates, self._patches, self._sequences, self.cell_m, self._rows[rows], self._elsewhere)

    def with_places_elsewhere(self, elsewhere):
        """The same with places that have no target beside them, see `unlabelled`."""
        return Surroundings(self.needs, self._coordinates, self._patches, self._sequences, self.cell_m, self._rows, elsewhere)

    @property
    def unlabelled(self):
        """Places without a target whose windows share nothing with those of samples that are not among these; None where there are none."""
        if self._elsewhere is None:
            return None
        others = np.setdiff1d(np.arange(len(self._coordinates)), self._rows)
        if not others.size:
            return self._elsewhere
        from scipy.spatial import cKDTree

        apart, _ = cKDTree(self._coordinates[others]).query(self._elsewhere.coordinates, p=np.inf)
        return self._elsewhere.take(apart >= self.reach_m)

    def batch(self, rows=slice(None)):
        """What a network reads at some of the places.

        Parameters
        ----------
        rows : slice or ndarray of int
            Positions among these places.

        Returns
        -------
        dict of str to ndarray of float32
            Windows of shape (n, layers, size, size) by their name, and ``"sequence"`` of shape (n, months, variables); copies.
        """
        stored = self._rows[rows]
        found = {name: np.array(values[stored], np.float32) for name, values in self._patches.items()}
        if self._sequences is not None:
            found[SEQUENCE] = np.array(self._sequences[stored], np.float32)
        return found


def make_surroundings(needs, recipe, places, opened, report=silent, cut=None, plane=None):
    """Cut the windows and collect the months that a network reads at samples.

    A sample whose windows or months change with time gets those of its own date.

    Parameters
    ----------
    needs : NetworkNeeds
    recipe : FeatureRecipe
        Makes the layers.
    places : FeatureTable
        Samples: their own columns, ``places``, ``crs`` and ``days``.
    opened : object
        With ``samples``, ``scene``, ``covariates`` and ``climate``.
    report : Report
    cut : dict, optional
        Windows by need: those that are there are not cut again, new ones are added.
    plane : str, optional
        On which the coordinates shall be, see `soilcore.core.projection.metric_plane`; the places' own if not given.

    Returns
    -------
    surroundings : Surroundings
    usable : ndarray of bool, shape (n_samples,)
        False where more than 30 % of a window is missing, or the months are.
    said : tuple of str
        What was left out or filled.

    Raises
    ------
    FeatureError
        If the samples have no places, or none of them has what is needed.
    """
    from soilcore.core.projection import in_plane, metric_plane

    if places.places is None:
        raise FeatureError("A network reads windows of imagery around the samples, but these have no coordinates. Name them with --x, --y and --crs.")
    x, y = places.places.T
    usable, said = np.ones(len(x), bool), []
    patches, pixel, cut = {}, 1.0, {} if cut is None else cut
    for number, need in enumerate(needs.patches):
        mine = part(report, number / (len(needs.patches) + 1), 1 / (len(needs.patches) + 1))
        if need not in cut:
            cut[need] = _windows(need, recipe, places, opened, mine)
        values, missing, pixel = cut[need]
        complete = missing <= MOST_NODATA
        if not complete.any():
            raise FeatureError(
                f"No sample has a window of {need.size} x {need.size} cells of which 70 % are known. Give imagery that reaches round the samples, "
                "or smaller windows with --patch."
            )
        if lost := int((usable & ~complete).sum()):
            said.append(f"{lost} samples left out: more than 30 % of their window of {need.size} x {need.size} cells is missing")
        usable &= complete
        patches[need.name] = values
    sequences = None
    if needs.sequence is not None:
        sequences, valid, notes = _months(needs.sequence, places, opened)
        if lost := int((usable & ~valid).sum()):
            said.append(f"{lost} samples left out: the climate lacks the {needs.sequence.months} months before their date")
        usable &= valid
        said += notes
    report(1, 1, "windows around the samples")
    coordinates = in_plane(x, y, places.crs, plane or metric_plane(x, y, places.crs))
    return Surroundings(needs, coordinates, patches, sequences, pixel), usable, tuple(said)


def layer_recipe(recipe, layers):
    """The part of a recipe that makes some of its columns, in the recipe's order; nothing else is read."""
    wanted = set(layers)
    if missing := [name for name in layers if name not in recipe.names]:
        raise FeatureError(f"The window needs the layer {missing[0]!r}, which is no predictor. Predictors: {', '.join(recipe.names)}.")
    return replace(
        recipe,
        bands=tuple(name for name in recipe.bands if name in wanted),
        indices=tuple(name for name in recipe.indices if name in wanted),
        formulas=tuple(pair for pair in recipe.formulas if pair[0] in wanted),
        covariates=tuple(use for use in recipe.covariates if wanted & set(use.columns)),
        columns=(),
        climate=(),
        table_roles=(),
    )


def _windows(need, recipe, places, opened, report):
    """Windows of one need at all samples: values, share that is missing, and the pixel in metres."""
    recipe = layer_recipe(recipe, need.layers)
    if recipe.needs_scene and opened.scene is None:
        raise SettingsError("A network reads windows of imagery, but no scene was given. Give one with --scene.")
    n = len(places.places)
    values = _array((n, len(need.layers), need.size, need.size))
    missing, pixel = np.ones(n), 1.0
    changing = [what for what, _ in timelines(recipe, opened.scene, opened.covariates)]
    days = None if not changing else places.days
    if changing and days is None:
        dates_for(opened.samples, changing)  # says why dates are needed
    for day, rows in _by_day(days, n):
        if np.isnat(day) and changing:
            continue  # a sample without date has nothing of its own time
        source = _source(recipe, opened, None if np.isnat(day) else day.item())
        cut = Patches(source, need.size, need.layers, need.cell)
        pixel = float(max(pixel_metres(source.grid)))
        for points, found in cut.parts(places.places[rows, 0], places.places[rows, 1], places.crs):
            report(int(points[-1]), n, "cutting windows around the samples")
            values[rows[points]], missing[rows[points]] = found.values, found.nodata_share
    return values, missing, pixel


def _source(recipe, opened, day):
    return FeatureSource(recipe, opened.scene if recipe.needs_scene else None, opened.covariates, None, day)


def _by_day(days, n):
    """(day, rows) of samples of one day together; one day that is none where nothing changes with time."""
    if days is None:
        return [(_NO_DATE, np.arange(n))]
    return [(day, np.flatnonzero(np.isnat(days) if np.isnat(day) else days == day)) for day in np.unique(days)]


def _months(need, places, opened):
    """Months of climate at the samples; float32 of shape (n, months, variables), which are valid, and notes."""
    if opened.climate is None:
        raise SettingsError(
            "This network reads monthly climate. Give it with --climate, or choose one that reads images only, such as soilnet-image."
        )
    x, y = places.places.T
    column = opened.samples.columns.get("id")
    ids = None if column is None or places.table is None else places.table[column].to_numpy()
    notes = []
    values, valid = opened.climate.sequence(x, y, places.crs, ids=ids, days=places.days, months=need.months, variables=need.variables, notes=notes)
    return values, valid, notes


def _array(shape):
    """An empty float32 array; one too large for comfort is mapped from a temporary file, which goes with it."""
    needed = 4 * int(np.prod(shape))
    if needed <= _IN_MEMORY:
        return np.full(shape, np.nan, np.float32)
    folder = tempfile.mkdtemp(prefix="soilcore-windows-")
    if needed > shutil.disk_usage(folder).free:  # writing into a mapped file on a full disk would end the process without a word
        shutil.rmtree(folder)
        raise FeatureError(
            f"The windows around {shape[0]} samples take {needed / 1e9:.1f} GB in {tempfile.gettempdir()!r}, more than is free there. Make room, name another "
            "folder in the environment variable TMPDIR, or choose smaller windows with --patch."
        )
    values = np.lib.format.open_memmap(Path(folder) / "windows.npy", mode="w+", dtype=np.float32, shape=shape)
    with suppress(OSError):  # where an open file may go, it goes at once: a killed process leaves nothing
        shutil.rmtree(folder)
    weakref.finalize(values, shutil.rmtree, folder, ignore_errors=True)
    return values
