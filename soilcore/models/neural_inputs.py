"""From predictors and surroundings of samples to the scaled arrays that a network reads, learned from training samples and the same everywhere after.

Each family of networks has one class: what it reads, how that is scaled (`learn`), and `arrays`, which maps use as well as training.
"""

from dataclasses import dataclass

import numpy as np

from soilcore.models.inputs import LearnerInputError
from soilcore.models.network_needs import CENTRE, COASTAL, IMAGE, SS_SETS, VEGETATION, WINDOW
from soilcore.models.neural_scaling import WILD, Moments, Scaled, in_parts, minus_window_mean

SEQUENCE = "sequence"
ELEVATION = "elevation"
_RED, _NEAR_INFRARED = "R", "N"
_STEEPEST = 90.0  # degrees
_RANGES = ("elevation", "slope", "curvature")  # layers of terrain start with or hold one of these words


class RowsOf:
    """Training data as `train_network` asks for it: arrays of some rows.

    Parameters
    ----------
    inputs : SoilNetInputs, SSSoilNetInputs or SpectraInputs
    X : ndarray of float64, shape (n, n_features)
    surroundings : Surroundings or None
    """

    def __init__(self, inputs, X, surroundings=None):
        self.inputs, self.X, self.surroundings = inputs, X, surroundings

    def __len__(self):
        return len(self.X)

    def batch(self, rows):
        """Inputs of the network at some rows, name to float32."""
        around = {} if self.surroundings is None else self.surroundings.batch(rows)
        return self.inputs.arrays(self.X[rows], around)


@dataclass(frozen=True)
class SoilNetInputs:
    """An image window and months of climate, all within 0-1.

    Reflectance stays as it is, indices that lie within -1 and 1 become (x + 1) / 2, terrain and everything else is scaled by its range over the
    training windows, each climate variable by its range over training samples and months. Missing is 0. What lies outside is clipped.

    Parameters
    ----------
    layers : tuple of str
        Of the window.
    variables : tuple of str
        Of the climate; empty for a network without.
    image, climate : Scaled
        The latter None without climate.

    References
    ----------
    Kakhani et al., SoilNet. Departs from the code: elevation is not scaled from -4 to 2963 m nor slope from 0 to 90, which would make a plain a
    constant; climate is scaled by the training samples, not by all.
    """

    layers: tuple[str, ...]
    variables: tuple[str, ...]
    image: Scaled
    climate: Scaled | None = None

    @classmethod
    def learn(cls, X, names, surroundings, profile):
        """Learn the scaling from training samples."""
        layers = _layers(surroundings, IMAGE, profile)
        sequence = surroundings.needs.sequence if profile.options.get("climate", True) else None
        if sequence is None and profile.needs_climate:
            raise LearnerInputError(
                f"{profile.label} reads months of climate around the samples, but there are none. Give them with --climate, or choose "
                "soilnet-image-glam, which reads images only."
            )
        images, months = Moments(), Moments()
        for rows in in_parts(len(surroundings)):
            batch = surroundings.batch(rows)
            images.add(batch[IMAGE], axis=1)
            if sequence is not None:
                months.add(batch[SEQUENCE])
        climate = None if sequence is None else months.range()
        return cls(layers, () if sequence is None else tuple(sequence.variables), _image_scaling(layers, images), climate)

    @property
    def options(self):
        """Arguments of the network's constructor that follow from the inputs."""
        return {"channels": len(self.layers), "climate": len(self.variables)}

    def arrays(self, X, around):
        """What the network reads, float32: ``image`` and, with climate, ``climate``.

        Parameters
        ----------
        X : ndarray
            Not read.
        around : dict of str to ndarray of float32
            ``image`` (n, layers, size, size) and ``sequence`` (n, months, variables), as `Surroundings.batch` gives them.
        """
        found = {"image": self.image(around[IMAGE], axis=1)}
        if self.climate is not None:
            found["climate"] = self.climate(around[SEQUENCE])
        return found

    def stored(self):
        """JSON values, and arrays."""
        arrays = self.image.to_arrays(IMAGE) | ({} if self.climate is None else self.climate.to_arrays(SEQUENCE))
        return {"layers": list(self.layers), "variables": list(self.variables)}, arrays

    @classmethod
    def rebuilt(cls, facts, arrays):
        """What `stored` gave."""
        variables = tuple(facts["variables"])
        climate = Scaled.from_arrays(SEQUENCE, arrays) if variables else None
        return cls(tuple(facts["layers"]), variables, Scaled.from_arrays(IMAGE, arrays), climate)


@dataclass(frozen=True)
class SSSoilNetInputs:
    """Spectrum and indices of the centre, and a window of terrain, water and seasons.

    Bands (means of 3 x 3 cells), indices and layers of the window are standardised with the training samples; elevation loses the mean of its
    window first. A missing index is 0 and marked; an index more than ten standard deviations off counts as ten.

    Parameters
    ----------
    layers : tuple of str
        Of the window; empty for a network without.
    bands : tuple of str
        Of the spectrum; empty for a network without.
    vegetation, bare, water : tuple of str
        Indices among the columns of the table, without those that both branches read.
    columns : tuple of int
        Where these indices stand in the table, in this order.
    ndvi : int or None
        Where NDVI stands in the table; None: it is computed from the bands.
    window, spectrum, indices : Scaled or None
    """

    layers: tuple[str, ...]
    bands: tuple[str, ...]
    vegetation: tuple[str, ...]
    bare: tuple[str, ...]
    water: tuple[str, ...]
    columns: tuple[int, ...]
    ndvi: int | None
    window: Scaled | None
    spectrum: Scaled | None
    indices: Scaled

    @classmethod
    def learn(cls, X, names, surroundings, profile):
        """Learn the scaling from training samples."""
        salinity, vegetation, water = _indices_among(names, profile)
        parts = profile.options.get("parts", "full")
        layers = _layers(surroundings, WINDOW, profile) if parts in ("full", "stack") else ()
        if profile.kind == "sssoilnet-dense" and ELEVATION in layers:
            raise LearnerInputError(
                f"{profile.label} shares its work between windows, so none can lose its mean elevation. Leave elevation out of them."
            )
        bands = _layers(surroundings, CENTRE, profile) if parts != "index" else ()
        windows, spectra, indices = Moments(), Moments(), Moments()
        for rows in in_parts(len(surroundings)) if layers or bands else ():
            batch = surroundings.batch(rows)
            if layers:
                windows.add(_centred(batch[WINDOW], layers), axis=1)
            if bands:
                spectra.add(mean_of_cells(batch[CENTRE]))
        columns = tuple(names.index(name) for name in (*vegetation, *salinity, *water))
        indices.add(X[:, columns])
        return cls(
            layers,
            bands,
            vegetation,
            salinity,
            water,
            columns,
            _ndvi_column(names, bands, profile),
            windows.standard() if layers else None,
            spectra.standard() if bands else None,
            indices.standard(-WILD, WILD),
        )

    @property
    def options(self):
        """Arguments of the network's constructor that follow from the inputs."""
        water = len(self.water)
        counts = {"vegetation": len(self.vegetation) + water, "bare": len(self.bare) + water, "water": water}
        return counts | ({"layers": len(self.layers)} if self.layers else {}) | ({"bands": len(self.bands)} if self.bands else {})

    def arrays(self, X, around):
        """What the network reads, float32: ``indices``, ``missing``, ``ndvi`` and, where it has them, ``spectrum`` and ``window``.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
            Predictors in the order of training; NaN where missing.
        around : dict of str to ndarray of float32
            ``window`` (n, layers, size, size) and ``centre`` (n, bands, 3, 3), as `Surroundings.batch` gives them.
        """
        found = self.of_table(X, around.get(CENTRE))
        if self.bands:
            found["spectrum"] = self.of_centre(around[CENTRE])
        if self.layers:
            found["window"] = self.of_window(around[WINDOW])
        return found

    def of_table(self, X, centre=None):
        """``indices``, ``missing`` and ``ndvi`` of rows of the table; NDVI of the bands round the centre where it is no predictor."""
        values = X[:, self.columns].astype(np.float32)
        missing = ~np.isfinite(values)
        ndvi = _ndvi_of(mean_of_cells(centre), self.bands) if self.ndvi is None else X[:, self.ndvi].astype(np.float32)
        return {"indices": self.indices(values), "missing": missing.astype(np.float32), "ndvi": ndvi}

    def of_centre(self, centre):
        """Spectrum of the network from bands of shape (n, bands, 3, 3)."""
        return self.spectrum(mean_of_cells(centre))

    def of_window(self, window):
        """Window of the network from layers of shape (n, layers, size, size)."""
        return self.window(_centred(window, self.layers), axis=1)

    def stored(self):
        """JSON values, and arrays."""
        facts = {name: list(getattr(self, name)) for name in ("layers", "bands", "vegetation", "bare", "water", "columns")} | {"ndvi": self.ndvi}
        scalings = {"window": self.window, "spectrum": self.spectrum, "indices": self.indices}
        arrays = {}
        for name, scaling in scalings.items():
            arrays |= {} if scaling is None else scaling.to_arrays(name)
        return facts, arrays

    @classmethod
    def rebuilt(cls, facts, arrays):
        """What `stored` gave."""
        names = {name: tuple(facts[name]) for name in ("layers", "bands", "vegetation", "bare", "water")}
        return cls(
            **names,
            columns=tuple(int(column) for column in facts["columns"]),
            ndvi=None if facts["ndvi"] is None else int(facts["ndvi"]),
            window=Scaled.from_arrays("window", arrays) if names["layers"] else None,
            spectrum=Scaled.from_arrays("spectrum", arrays) if names["bands"] else None,
            indices=Scaled.from_arrays("indices", arrays),
        )


@dataclass(frozen=True)
class SpectraInputs:
    """The columns of the table in their order, as they are: a spectrum is scaled one by one (SNV) before, never across samples.

    Parameters
    ----------
    length : int
        Points of the spectrum.
    """

    length: int

    @classmethod
    def learn(cls, X, names, surroundings, profile):
        """Only the number of points is learned."""
        return cls(X.shape[1])

    @property
    def options(self):
        """Arguments of the network's constructor; spectra of fewer than 485 points get fewer blocks."""
        from soilcore.models.networks.spectra_cnn import most_blocks

        blocks = most_blocks(self.length)
        if blocks < 1:
            raise LearnerInputError(
                f"Spectra of {self.length} points are too short for the network for spectra; it needs at least 5, its paper 1764."
            )
        return {"length": self.length, "blocks": min(blocks, 5)}

    def arrays(self, X, around=None):
        """``spectrum``, float32 of shape (n, length)."""
        return {"spectrum": X.astype(np.float32)}

    def stored(self):
        """JSON values, and arrays."""
        return {"length": self.length}, {}

    @classmethod
    def rebuilt(cls, facts, arrays):
        """What `stored` gave."""
        return cls(int(facts["length"]))


FAMILIES = {"soilnet": SoilNetInputs, "sssoilnet": SSSoilNetInputs, "spectra": SpectraInputs}


def mean_of_cells(centre):
    """Mean of the known cells of each band, float32 of shape (n, bands), from (n, bands, 3, 3); NaN where none is known."""
    centre = np.asarray(centre, np.float32)
    known = np.isfinite(centre)
    count = known.sum(axis=(2, 3))
    total = np.where(known, centre, 0.0).sum(axis=(2, 3), dtype=float)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _centred(window, layers):
    """The window with the mean of each window taken from its elevation."""
    if ELEVATION not in layers:
        return np.asarray(window, np.float32)
    centred, place = np.array(window, np.float32), layers.index(ELEVATION)
    centred[:, place] = minus_window_mean(centred[:, place])
    return centred


def _layers(surroundings, name, profile):
    for need in surroundings.needs.patches:
        if need.name == name:
            return tuple(need.layers)
    raise LearnerInputError(
        f"{profile.label[0].upper() + profile.label[1:]} reads windows called {name!r}, but the surroundings of the samples hold "
        f"{', '.join(need.name for need in surroundings.needs.patches) or 'none'}. Make them with the needs of this network."
    )


def _indices_among(names, profile):
    """Indices of each set that are among the columns."""
    from soilcore.features.indices import index_set

    if names is None:
        raise LearnerInputError(f"{profile.label} finds its indices by their names; give the predictors as a table with column names.")
    salinity, vegetation, water = (tuple(name for name in index_set(one) if name in names) for one in SS_SETS)
    if not (vegetation or water) or not (salinity or water):
        raise LearnerInputError(
            f"{profile.label} reads indices of vegetation and of salinity, but the columns hold {len(vegetation)} of the former and {len(salinity)} of "
            f"the latter. Add the sets with --index-set {' --index-set '.join(SS_SETS)}."
        )
    return salinity, vegetation, water


def _ndvi_column(names, bands, profile):
    if VEGETATION in names:
        return names.index(VEGETATION)
    if {_RED, _NEAR_INFRARED} <= set(bands):
        return None
    raise LearnerInputError(f"{profile.label} weighs its branches by NDVI, which is not among the columns. Add it with --index {VEGETATION}.")


def _ndvi_of(spectrum, bands):
    near, red = spectrum[:, bands.index(_NEAR_INFRARED)], spectrum[:, bands.index(_RED)]
    total = near + red
    return np.where(total != 0, (near - red) / np.where(total != 0, total, 1), np.nan).astype(np.float32)


def _image_scaling(layers, images):
    from soilcore.data.sensors import is_reflective

    by_range = images.range()
    shift, spread = by_range.shift.copy(), by_range.spread.copy()
    for number, layer in enumerate(layers):
        if layer == COASTAL or is_reflective(layer):
            shift[number], spread[number] = 0.0, 1.0
        elif not any(word in layer for word in _RANGES) and images.least[number] >= -1 and images.greatest[number] <= 1:
            shift[number], spread[number] = -1.0, 2.0
    return Scaled(shift, spread, 0.0, 1.0)
