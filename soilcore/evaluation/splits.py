"""How samples are divided into training and test: random, blocks, groups, published folds."""

from dataclasses import dataclass, replace

import numpy as np

from soilcore.core.errors import SampleError, SettingsError
from soilcore.core.findings import Finding
from soilcore.evaluation.blocks import block_labels, choose_block_size, deal
from soilcore.evaluation.group_columns import group_labels, rows_named
from soilcore.evaluation.leakage_checks import same_place_findings
from soilcore.evaluation.repeated_groups import Groups, found_groups, repeated_unit_findings

SCHEMES = ("random", "block", "knndm", "group:COLUMN", "folds:COLUMN")
SPATIAL_SCHEMES = ("block", "knndm", "group")
FEWEST_TRAINING = 5
FEW_SAMPLES = 150  # below, a score is too uncertain to stand alone


@dataclass(frozen=True)
class SplitSettings:
    """Which folds.

    Parameters
    ----------
    scheme : str
        "random", "block", "knndm", "group:COLUMN" or "folds:COLUMN".
    folds, repeats : int
        Number of folds, and how often the division is drawn anew.
    block_size, buffer : float or None
        Side of a block and dead zone round a test fold, metres.
    seed : int
        Draws the folds.
    """

    scheme: str = "random"
    folds: int = 10
    repeats: int = 1
    block_size: float | None = None
    buffer: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class Splits:
    """A division of the samples into test folds, drawn once or several times.

    Parameters
    ----------
    name : str
        The scheme as typed, e.g. "group:Grid_Cell_ID".
    assignments : ndarray of int, shape (n_repeats, n_samples)
        Fold in which a sample is tested, from 0.
    groups : ndarray of int, shape (n_samples,), or None
        Block, group or cluster of each sample: inner folds must not cut it. None where inner folds are random.
    label : str
        The scheme in words, for tables and figures.
    assumed : tuple of str
        Sentences: what was decided because nobody said.
    findings : tuple of Finding
        What about the division may mislead.
    seed : int
        What drew it.
    buffer : float or None
        Metres round a test fold from which no training sample comes.
    buffer_along_axes : bool
        Whether the buffer is a square: a training sample stays that lies farther off along x or along y. Else it is a disc.
    coordinates : ndarray of float, shape (n_samples, 2), or None
        Projected metres, for the buffer and for learners that know places.
    repeated : Groups or None
        Samples that are one unit, where predictors or places showed them.
    surroundings : Surroundings or None
        Windows and months of the samples, for learners that read those.
    """

    name: str
    assignments: np.ndarray
    groups: np.ndarray | None
    label: str
    assumed: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    seed: int = 0
    buffer: float | None = None
    buffer_along_axes: bool = False
    coordinates: np.ndarray | None = None
    repeated: Groups | None = None
    surroundings: object = None

    @property
    def n_samples(self):
        """Number of samples divided."""
        return self.assignments.shape[1]

    @property
    def n_repeats(self):
        """How often the division was drawn."""
        return self.assignments.shape[0]

    @property
    def n_folds(self):
        """Number of test folds, the same in every repeat."""
        return int(self.assignments.max()) + 1

    @property
    def sizes(self):
        """Number of test samples in each fold of the first repeat."""
        return np.bincount(self.assignments[0], minlength=self.n_folds).tolist()

    @property
    def is_spatial(self):
        """Whether a random division beside it would tell something."""
        return self.name.split(":")[0] in SPATIAL_SCHEMES

    @property
    def is_random(self):
        """Whether the folds were drawn at random: asked for, or because kNNDM found nothing to match better."""
        return self.name == "random" or (self.name == "knndm" and self.groups is None)

    def folds(self, repeat=0):
        """The folds of one repeat.

        Returns
        -------
        list of (train, test)
            Sample positions, int arrays in ascending order. With a buffer, samples nearer than it to any test sample are in neither.
        """
        return [(self._train(self.assignments[repeat] == fold), np.flatnonzero(self.assignments[repeat] == fold)) for fold in range(self.n_folds)]

    def places_of(self, learner, rows):
        """Coordinates of some samples for a learner, or their surroundings where it reads those.

        None where there are none, or where any sample lacks them and the learner can do without. One answer for all folds: a learner fitted with
        places cannot predict a sample that has none.
        """
        if getattr(learner, "uses_surroundings", False):
            return None if self.surroundings is None else self.surroundings.take(rows)
        if self.coordinates is None:
            return None
        if getattr(learner, "coordinates_optional", False) and not np.isfinite(self.coordinates).all():
            return None
        return self.coordinates[rows]

    def _train(self, tested):
        train = np.flatnonzero(~tested)
        if not self.buffer:
            return train
        from scipy.spatial import cKDTree

        distance, _ = cKDTree(self.coordinates[tested]).query(self.coordinates[train], p=np.inf if self.buffer_along_axes else 2)
        return train[distance > self.buffer]


def make_splits(settings, n, *, coordinates=None, table=None, target=None, prediction_points=None, predictors=None):
    """Divide `n` samples as the settings say.

    Parameters
    ----------
    settings : SplitSettings
    n : int
        Number of samples.
    coordinates : ndarray of float, shape (n, 2), optional
        Projected metres (see `soilcore.core.projection.projected_metres`). Needed for blocks, kNNDM and buffers; with other folds they only warn
        of samples of the same place.
    table : pandas.DataFrame of n rows, optional
        Holds the column of ``group:COLUMN`` or ``folds:COLUMN``.
    target : ndarray of float, shape (n,), optional
        Sets the side of blocks where none is given: the range of its variogram; without one, a sixth of the extent.
    prediction_points : ndarray of float, shape (m, 2), optional
        Where the map will be, in the plane of `coordinates`, for kNNDM; without them, a regular grid over the convex hull of the samples.
    predictors : DataFrame or ndarray of n rows, optional
        Show which samples are one unit (horizons of a profile, samples of a pixel), so that folds which divide them are warned of.

    Returns
    -------
    Splits

    Raises
    ------
    SettingsError
        If the scheme is unknown, a number is impossible, or the column is not in the table.
    SampleError
        If the samples cannot be divided so: too few, no places, one group only, folds that are no whole numbers, a fold without training samples.
    """
    kind, column = parse_scheme(settings.scheme)
    _check_numbers(settings, kind)
    coordinates = _check_coordinates(settings, kind, coordinates, n)
    if kind == "random":
        splits = _random(settings, n)
    elif kind == "block":
        splits = _block(settings, coordinates, target)
    elif kind == "knndm":
        splits = _knndm(settings, coordinates, prediction_points)
    else:
        values = _column(table, column, n, kind)
        splits = _group(settings, column, values) if kind == "group" else _published(settings, column, values)
    splits = replace(splits, seed=settings.seed, buffer=settings.buffer or None, coordinates=coordinates)
    _check_training(splits)
    repeated = found_groups(predictors, table, coordinates) if predictors is not None else None
    splits = replace(splits, repeated=repeated)
    units = repeated_unit_findings(repeated, splits) if repeated is not None else ()
    apart = same_place_findings(splits, coordinates) if kind != "block" and not units else ()
    return replace(splits, findings=(*units, *apart, *_few_samples(splits, kind)))


def random_contrast(splits):
    """Random folds as many, as often and by the same seed as `splits`: what the easy way would have said."""
    settings = SplitSettings("random", splits.n_folds, splits.n_repeats, seed=splits.seed)
    return replace(make_splits(settings, splits.n_samples, coordinates=splits.coordinates), surroundings=splits.surroundings)


def parse_scheme(scheme):
    """Split "group:COLUMN" into its kind and column; the column is None for the schemes without one.

    Raises
    ------
    SettingsError
        If the scheme is unknown or its column missing.
    """
    kind, _, column = scheme.partition(":")
    if kind in ("group", "folds"):
        if not column:
            raise SettingsError(f"--cv {scheme} names no column. Write --cv {kind}:COLUMN.")
        return kind, column
    if kind not in ("random", "block", "knndm") or column:
        raise SettingsError(f"There is no fold scheme {scheme!r}. Known: {', '.join(SCHEMES)}.")
    return kind, None


def _check_numbers(settings, kind):
    for name, least in (("folds", 2), ("repeats", 1)):
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise SettingsError(f"--{name} must be a whole number of at least {least}; got {value!r}.")
    for name, value in (("block-size", settings.block_size), ("buffer", settings.buffer)):
        if value is not None and not (np.isfinite(value) and (value > 0 or (name == "buffer" and value == 0))):
            raise SettingsError(f"--{name} must be a number of metres above 0; got {value!r}.")
    if settings.block_size is not None and kind != "block":
        raise SettingsError(f"--block-size has a meaning with --cv block only, not with --cv {settings.scheme}. Leave one of them out.")


def _check_coordinates(settings, kind, coordinates, n):
    needed = {"block": "blocks", "knndm": "kNNDM folds"}.get(kind) or ("a buffer" if settings.buffer else None)
    if coordinates is None:
        if needed:
            remedy = "Name them with --x, --y and --crs, or use --cv group:COLUMN."
            raise SampleError(f"The samples have no coordinates, so {needed} cannot be drawn. {remedy}")
        return None
    coordinates = np.asarray(coordinates, dtype=float)
    if coordinates.shape != (n, 2):
        raise SampleError(f"{n} samples need coordinates of shape ({n}, 2), but got {coordinates.shape}.")
    missing = ~np.isfinite(coordinates).all(axis=1)
    if needed and missing.any():
        count, first = int(missing.sum()), int(np.argmax(missing)) + 1
        raise SampleError(
            f"{count} of {n} samples have no coordinates, the first is number {first}; {needed} cannot do without. Leave these rows out."
        )
    return coordinates


def _check_training(splits):
    for repeat in range(splits.n_repeats):
        for fold, (train, test) in enumerate(splits.folds(repeat)):
            if train.size < FEWEST_TRAINING:
                remedy = "Give a smaller --buffer." if splits.buffer else "Use fewer or more even folds."
                left = f"Fold {fold + 1} of {splits.n_folds} tests {test.size} samples and leaves {train.size} to train on"
                raise SampleError(f"{left}; at least {FEWEST_TRAINING} are needed. {remedy}")


def _few_samples(splits, kind):
    """With few samples one division is a matter of luck; published folds cannot be drawn anew."""
    if splits.n_samples >= FEW_SAMPLES or splits.n_repeats > 1 or kind == "folds":
        return ()
    message = f"With {splits.n_samples} samples, the score of one division depends on how the folds fell."
    return (Finding("few-samples-one-division", "note", message, "Draw the folds anew with --repeats 10 and look at the spread."),)


def _random(settings, n):
    if n < settings.folds:
        raise SampleError(f"{n} samples cannot be divided into {settings.folds} folds. Use --folds {max(2, n)} or fewer.")
    generator = np.random.default_rng(settings.seed)
    assignments = np.stack([deal(np.arange(n), settings.folds, child) for child in generator.spawn(settings.repeats)])
    return Splits("random", assignments, None, f"random, {settings.folds} folds")


def _block(settings, coordinates, target):
    size, reason = (settings.block_size, None) if settings.block_size else choose_block_size(coordinates, target, settings.seed)
    blocks = block_labels(coordinates, size)
    assignments, said = _deal_groups(settings, blocks, f"blocks of {size:.0f} m", "Give a smaller --block-size.")
    chosen = (f"The side of blocks is {size:.0f} m: {reason}.",) if reason else ()
    return Splits("block", assignments, blocks, f"blocks of {size:.0f} m, {assignments.max() + 1} folds", assumed=(*chosen, *said))


def _knndm(settings, coordinates, prediction_points):
    from soilcore.evaluation.knndm import knndm
    from soilcore.evaluation.places import points_in_hull

    n = len(coordinates)
    if n < settings.folds:
        raise SampleError(f"{n} samples cannot be divided into {settings.folds} folds. Use --folds {max(2, n)} or fewer.")
    said = []
    if prediction_points is None:
        prediction_points = points_in_hull(coordinates)
        said.append(f"The map is taken to be the convex hull of the samples: {len(prediction_points)} points of a regular grid over it.")
    points = _check_points(prediction_points)
    found = knndm(coordinates, points, settings.folds, repeats=settings.repeats, seed=settings.seed)
    folds = int(found.assignments.max()) + 1
    if found.clusters is None:
        why = found.notes[0] if found.notes else f"The samples lie no nearer to each other than the map to the samples (p = {found.p:.2f})."
        said.append(f"{why} So kNNDM takes random folds; inner folds are random.")
        return Splits("knndm", found.assignments, None, f"kNNDM, {folds} random folds", assumed=tuple(said))
    count = int(found.clusters.max()) + 1
    said.append(
        f"Distances from test to training samples differ from those of the map by {found.w:.4g} m on average (random folds: {found.w_random:.4g} m), "
        f"with {count} clusters of samples in {folds} folds."
    )
    return Splits("knndm", found.assignments, found.clusters, f"kNNDM, {count} clusters, {folds} folds", assumed=(*said, *found.notes))


def _check_points(points):
    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise SampleError(f"Prediction points need shape (n_points, 2), but got {points.shape}. Give places of the map in metres.")
    known = np.isfinite(points).all(axis=1)
    if not known.any():
        raise SampleError(f"None of the {len(points)} prediction points has coordinates. Give places of the map in metres.")
    return points[known]


def _group(settings, column, values):
    groups, dates = group_labels(values, column)
    assignments, said = _deal_groups(settings, groups, f"groups in column {column!r}", "Choose a column with several groups.")
    alone = ("Each group is a fold of its own: it is left out once.",) if assignments.max() == groups.max() else ()
    return Splits(settings.scheme, assignments, groups, f"whole groups of {column}, {assignments.max() + 1} folds", assumed=(*dates, *said, *alone))


def _deal_groups(settings, groups, what, remedy):
    """Whole groups into folds, anew for every repeat; fewer groups than folds make fewer folds."""
    count = int(groups.max()) + 1
    if count < 2:
        raise SampleError(f"All {groups.size} samples lie in one of the {what}, so nothing is left to test on. {remedy}")
    folds = min(settings.folds, count)
    said = (f"There are only {count} {what}, so there are {folds} folds instead of {settings.folds}.",) if folds < settings.folds else ()
    generator = np.random.default_rng(settings.seed)
    return np.stack([deal(groups, folds, child) for child in generator.spawn(settings.repeats)]), said


def _published(settings, column, values):
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    wrong = (numbers.isna() | (numbers != numbers.round())).to_numpy()
    if wrong.any():
        first = values[wrong].iloc[0]
        raise SampleError(
            f"Column {column!r} should hold whole numbers of folds, but not so in {rows_named(values, wrong)}; the first value is {first!r}. "
            f"For named groups use --cv group:{column}."
        )
    names, folds = np.unique(numbers.to_numpy(), return_inverse=True)
    if names.size < 2:
        raise SampleError(f"Column {column!r} holds only fold {names[0]:g}, so nothing is left to test on. Choose the column of the published folds.")
    if names.size > values.size / 2 and names.size > 50:
        raise SampleError(f"Column {column!r} holds {names.size} different numbers for {values.size} samples: it is no column of folds.")
    said = []
    if names.size != settings.folds:
        said.append(f"The {names.size} folds of column {column!r} are used as they stand, not {settings.folds}.")
    if settings.repeats > 1:
        said.append(f"Published folds cannot be drawn anew: 1 repeat instead of {settings.repeats}.")
    return Splits(settings.scheme, folds[None, :], None, f"published folds of {column}, {names.size} folds", assumed=tuple(said))


def _column(table, column, n, kind):
    if table is None or column not in table.columns:
        present = "no table was given" if table is None else f"columns are {', '.join(map(str, table.columns[:30]))}"
        raise SettingsError(f"--cv {kind}:{column} needs a column {column!r}, but {present}. Check the spelling.")
    if len(table) != n:
        raise SampleError(f"The table has {len(table)} rows for {n} samples. Take the rows that are modelled.")
    return table[column]
