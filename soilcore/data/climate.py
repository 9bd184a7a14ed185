"""Monthly climate joined to samples and pixels: sequences of months for networks that read them, summaries for tabular learners.

Months are those up to and with the month of a date. Values are physical, in TerraClimate's units; nothing is normalised here.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from soilcore.core import fingerprint
from soilcore.core.errors import SampleError, SettingsError, UnreadableError
from soilcore.core.findings import Finding
from soilcore.core.progress import silent
from soilcore.data.climate_join import Sites, joined_by_id
from soilcore.data.climate_layers import ClimateLayers
from soilcore.data.climate_months import MOST_MISSING, last_months, monthly, summaries
from soilcore.data.climate_pieces import merge_pieces
from soilcore.data.climate_stations import station_pieces
from soilcore.data.climate_stores import TableStore, open_cube_store
from soilcore.data.climate_tables import MOST_METRES, physical_units, read_tables
from soilcore.data.climate_variables import known_variables
from soilcore.data.cubes import cube_fingerprint, is_cube

SEQUENCE_MONTHS = 61  # January 2010 to January 2015, as the network of that length was published
SUMMARY_MONTHS = 12
_CUBE_SUFFIXES = (".nc", ".nc4", ".cdf", ".zarr")


@dataclass(frozen=True, eq=False)
class Climate:
    """Monthly climate of places or cells.

    Parameters
    ----------
    variables : tuple of str
        TerraClimate's in their fixed order, then others by name.
    months : ndarray of datetime64[M], shape (n_months,)
        Ascending; a month may be missing.
    units : dict of str to str
        Of the values given back; empty where unknown.
    ids : ndarray of str, shape (n_places,), or None
        Of the places of a table.
    store : TableStore or CubeStore
        The values.
    files : tuple of str
    assumed : tuple of str
    findings : tuple of Finding
    other_ids : dict of str to ndarray of str
        Further columns by which samples may go.
    """

    variables: tuple[str, ...]
    months: np.ndarray
    units: dict
    ids: np.ndarray | None
    store: object = field(repr=False)
    files: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    other_ids: dict = field(default_factory=dict, repr=False)

    @property
    def grid(self):
        """Grid of the cells, or None for tables."""
        return getattr(self.store, "grid", None)

    @property
    def places(self):
        """(x, y, crs) of the places of a table, or None."""
        store = self.store
        return (store.x, store.y, store.crs) if getattr(store, "x", None) is not None else None

    @property
    def names(self):
        """Names of the tabular predictors: per variable mean (``pr_mean``) and standard deviation (``pr_sd``) over months."""
        return tuple(f"{variable}_{what}" for variable in self.variables for what in ("mean", "sd"))

    @property
    def sequence_variables(self):
        """Variables of a sequence where none are named: TerraClimate's that are there, or all where none is."""
        return tuple(name for name in self.variables if name in known_variables()) or tuple(self.variables)

    @cached_property
    def fingerprint(self):
        """sha256 of the files' bytes; computed when first asked for."""
        return fingerprint.of_settings([(Path(path).name, cube_fingerprint(path)) for path in self.files])

    def sequence(self, x=None, y=None, crs=None, ids=None, days=None, months=SEQUENCE_MONTHS, variables=None, notes=None):
        """The last months up to each sample's date.

        Parameters
        ----------
        x, y : array-like of float, shape (n,), optional
            Places; samples that no id joins get the nearest place or cell.
        crs : pyproj.CRS, optional
            Of x and y.
        ids : sequence, shape (n,), optional
            Joined first where the tables have ids.
        days : array-like of datetime64[D], shape (n,), optional
            The last month is the one of the date. Without dates it is the last month there is.
        months : int
        variables : sequence of str, optional
            TerraClimate's that are there if not given (all that are there if none is TerraClimate's).
        notes : list, optional
            Sentences on what was filled or left out are appended.

        Returns
        -------
        values : ndarray of float32, shape (n, months, n_variables)
            Physical units. Missing months are filled with the mean of their calendar month at the same place; NaN for a sample that
            is not valid.
        valid : ndarray of bool, shape (n,)
            False where there is no place near, no date, or more than 20 % of the values are missing.

        Raises
        ------
        SampleError
            If no sample is valid, or ids and places are both missing; says why.
        SettingsError
            If a variable is not there or the number of months impossible.
        """
        columns = self._columns(variables)
        _check_months(months)
        with self.store.opened() as store:
            sites = self._sites(store, x, y, crs, ids, ids_first=True)
            last = last_months(self.months, len(sites.rows), days)
            values = np.full((last.size, months, len(columns)), np.nan, np.float32)
            shares = np.ones(last.size)
            for picked, part, share in monthly(store, self.months, sites.rows, last, months):
                values[picked], shares[picked] = part[..., columns], share
        valid = (shares <= MOST_MISSING) & np.isfinite(values).all(axis=(1, 2))
        values[~valid] = np.nan
        self._check_some(valid, sites, last, months)
        if notes is not None:
            notes += [*sites.notes, *_filling(shares, valid)]
        return values, valid

    def sample(self, x=None, y=None, crs=None, days=None, ids=None, months=SUMMARY_MONTHS):
        """Summaries at points: exactly those of `layers` at the same place.

        Parameters
        ----------
        x, y, crs, days
            As for `sequence`. Places come first, so that points and pixels agree; ids serve where there are no places.
        ids : sequence, shape (n,), optional
        months : int
            Of each date; without dates all months count.

        Returns
        -------
        ndarray of float64, shape (n, n_names)
            NaN where there is no place near, no date, or more than 20 % of the values are missing.
        """
        with self.store.opened() as store:
            sites = self._sites(store, x, y, crs, ids, ids_first=False)
            return self.summaries_at(store, sites.rows, days, months).astype(float)

    def reaches(self, day, months=SUMMARY_MONTHS):
        """Whether enough of the months up to and with that of a day are there for a value, if no place lacks any of them."""
        last = int(np.datetime64(str(day), "M").astype(int))
        there = np.count_nonzero((self.months.astype(int) > last - months) & (self.months.astype(int) <= last))
        return 1 - there / months <= MOST_MISSING

    def layers(self, grid, day=None, months=SUMMARY_MONTHS):
        """The same summaries as rasters on any grid, for one date.

        Parameters
        ----------
        grid : Grid
        day : str, date or datetime64, optional
        months : int

        Returns
        -------
        ClimateLayers
            With `names`, `grid` and ``reader()``, whose ``read(window)`` gives float32 of shape (n_names, rows, columns).

        Raises
        ------
        SampleError
            If the tables have ids only, so that no pixel can be joined.
        """
        if not self._anywhere and not self.store.has_places:
            raise SampleError(
                f"{self._source()} joins climate by id, and pixels have no ids. Add columns lon and lat to the climate tables, or give NetCDF."
            )
        if day is not None:
            _check_months(months)
        return ClimateLayers(self, grid, None if day is None else np.datetime64(str(day), "D"), months)

    def placed(self, ids, x, y, crs):
        """The same climate with the places of samples that have its ids, where the tables have none of their own."""
        if self.ids is None or self.store.has_places:
            return self
        rows, _, _ = joined_by_id(self, ids)
        own_x, own_y = np.full(len(self.ids), np.nan), np.full(len(self.ids), np.nan)
        own_x[rows[rows >= 0]], own_y[rows[rows >= 0]] = np.asarray(x, float)[rows >= 0], np.asarray(y, float)[rows >= 0]
        store = TableStore(self.store.values, own_x, own_y, crs, self.store.most_metres)
        return replace(self, store=store, assumed=(*self.assumed, "places of the climate taken from the samples of the same id"))

    def sites_of(self, store, x, y, crs):
        """Row or cell of the open store under each point; -1 where there is none."""
        return np.zeros(len(x), int) if self._anywhere else store.locate(x, y, crs)[0]

    def summaries_at(self, store, sites, days, months):
        """Summaries at rows or cells of the open store, float32 of shape (n, n_names); all months count where `days` is None."""
        if days is None:
            months = int((self.months[-1] - self.months[0]).astype(int)) + 1
        else:
            _check_months(months)
        found = summaries(store, self.months, sites, last_months(self.months, len(sites), days), months)
        return np.full((len(sites), len(self.names)), np.nan, np.float32) if found is None else found

    @property
    def _anywhere(self):
        """Whether one series stands for every place."""
        return self.grid is None and self.ids is None and not self.store.has_places

    def _source(self):
        return Path(self.files[0]).name if len(self.files) == 1 else f"The climate ({len(self.files)} files)"

    def _columns(self, variables):
        variables = self.sequence_variables if variables is None else variables
        if missing := [name for name in variables if name not in self.variables]:
            raise SettingsError(f"There is no climate variable {missing[0]!r}. There are: {', '.join(self.variables)}.")
        return [self.variables.index(name) for name in variables]

    def _sites(self, store, x, y, crs, ids, ids_first):
        """Row or cell of each sample, by id or by place."""
        number = len(ids) if ids is not None else 0 if x is None else len(x)
        if self._anywhere:
            return Sites(np.zeros(number, int), ("one series of climate serves every place",))
        rows, notes = np.full(number, -1), []
        by_place = x is not None and store.has_places
        if self.ids is not None and ids is not None and (ids_first or not by_place):
            rows, said, unmatched = joined_by_id(self, ids)
            notes += said
            if not by_place and (rows < 0).all():
                raise SampleError(
                    f"None of the samples' ids is in the climate: {unmatched} Name the id column with --id, or add lon and lat to the tables."
                )
        elif not by_place:
            needed = "places (lon and lat)" if store.has_places else "ids"
            raise SampleError(f"{self._source()} is joined by {needed}, and the samples have none. Name the columns with --x and --y, or --id.")
        if by_place:
            rest = rows < 0
            rows[rest], metres = store.locate(np.asarray(x, float)[rest], np.asarray(y, float)[rest], crs)
            reached = metres[np.isfinite(metres)]
            if self.grid is None and reached.size:
                notes.append(
                    f"climate of the nearest place, {np.median(reached) / 1000:.1f} km away in the median (limit {store.most_metres / 1000:g} km)"
                )
        if self.ids is not None and ids is not None and not ids_first and by_place and (rows < 0).any():
            again, _, _ = joined_by_id(self, ids)
            rows = np.where(rows < 0, again, rows)
        return Sites(rows, tuple(notes))

    def _check_some(self, valid, sites, last, months):
        if valid.any() or valid.size == 0:
            return
        if (sites.rows < 0).all():
            raise SampleError(
                f"No sample is near a place of the climate: {self._source()} covers other ground. Check the reference system, or --crs."
            )
        known = last[~np.isnat(last)]
        if known.size and known.max() <= self.months[-1] and known.min() - (months - 1) >= self.months[0]:
            raise SampleError(
                f"{self._source()} has hardly any values at the samples' places (more than {MOST_MISSING:.0%} missing): sea, or a gap. Give another."
            )
        asked = f"{known.min()} to {known.max()}" if known.size else "no date at all"
        raise SampleError(
            f"More than {MOST_MISSING:.0%} of the {months} months before every sample's date are missing: the samples are of {asked}, "
            f"{self._source()} has {self.months[0]} to {self.months[-1]}. Give climate of those years."
        )


def _filling(shares, valid):
    notes = []
    filled = valid & (shares > 0)
    if filled.any():
        notes.append(
            f"{int(filled.sum())} samples lack months ({shares[filled].mean():.1%} of their values): "
            "they are filled with the mean of the same calendar month there"
        )
    if (~valid).any():
        notes.append(f"{int((~valid).sum())} samples have no climate: no place near, no date, or more than {MOST_MISSING:.0%} missing")
    return notes


def _check_months(months):
    if isinstance(months, bool) or not isinstance(months, (int, np.integer)) or not 1 <= months <= 1200:
        raise SettingsError(f"{months!r} months of climate are impossible. Give a whole number from 1 to 1200, e.g. 12.")


def open_climate(path, report=silent, most_metres=MOST_METRES):
    """Open monthly climate.

    Parameters
    ----------
    path : path
        A folder of tables (one per variable with a column per month, or long), one table, a NetCDF file or Zarr folder, or a folder of them.
    report : Report
    most_metres : float
        How far the nearest place of a table may be from a sample.

    Returns
    -------
    Climate

    Raises
    ------
    UnreadableError
        If nothing is there, or a file cannot be read.
    SampleError, SceneError
        If it is not monthly, has no variables, or its files do not fit together.
    """
    path = Path(path)
    if not path.exists():
        raise UnreadableError(f"There is no {str(path)!r}. Name the folder or file with the monthly climate.")
    if is_cube(path):
        return _of_cubes([path], report, most_metres)
    if path.is_dir():
        cubes = sorted(each for each in path.iterdir() if each.suffix.lower() in _CUBE_SUFFIXES)
        if cubes:
            return _of_cubes(cubes, report, most_metres)
    return _of_tables(path, report, most_metres)


def _of_cubes(paths, report, most_metres):
    report(0, 1, f"looking into {len(paths)} climate files")
    stations = [station_pieces(path) for path in paths] if station_pieces(paths[0])[0] else []
    if stations and all(pieces for pieces, _, _ in stations):
        return _of_stations(paths, stations, most_metres)
    store, months, units, assumed, findings = open_cube_store(paths)
    report(1, 1, "climate opened")
    return _finished(Climate(store.variables, months, units, None, store, tuple(map(str, paths)), tuple(assumed), tuple(findings)))


def _of_stations(paths, stations, most_metres):
    names = [Path(path).name for path, (pieces, _, _) in zip(paths, stations, strict=True) for _ in pieces]
    piece = merge_pieces([piece for pieces, _, _ in stations for piece in pieces], names)
    stated = {name: unit for _, _, units in stations for name, unit in units.items()}
    variables, units = physical_units(piece, stated, set().union(*(own_scale for _, own_scale, _ in stations)))
    return _of_piece(piece, variables, units, tuple(map(str, paths)), most_metres)


def _of_tables(path, report, most_metres):
    return _of_piece(*read_tables(path, report), most_metres)


def _of_piece(piece, variables, units, files, most_metres):
    name, rows = Path(files[0]).name, len(piece.values[variables[0]])
    if rows > 1 and piece.ids is None and piece.x is None:
        raise SampleError(f"The {rows} rows of {name} have neither ids nor coordinates, so no sample can be joined. Add a column id, or lon and lat.")
    if not any(np.isfinite(values).any() for values in piece.values.values()):
        raise SampleError(f"{name} holds no values. Export it again.")
    values = np.stack([piece.values.pop(name) for name in variables], axis=2)
    store = TableStore(values, piece.x, piece.y, piece.crs, most_metres)
    climate = Climate(variables, piece.months, units, piece.ids, store, files, tuple(piece.assumed), tuple(piece.findings), piece.other_ids)
    return _finished(climate)


def _finished(climate):
    """The climate with sentences on what is missing from it."""
    assumed, findings = list(climate.assumed), list(climate.findings)
    if climate.places is not None:
        assumed.append(f"climate of the nearest place of the tables, at most {climate.store.most_metres / 1000:g} km away")
    if climate.grid is not None:
        assumed.append("climate of the cell that holds a place; cells without values, as at sea, take the nearest within two cells")
    lacking = [name for name in known_variables() if name not in climate.variables]
    if lacking and len(lacking) < len(known_variables()):
        assumed.append(f"climate without {', '.join(lacking)}: {len(known_variables()) - len(lacking)} of TerraClimate's 14 variables are used")
    for name in climate.variables:
        if name not in known_variables():
            message = f"{name!r} is no variable of TerraClimate; it is used as it stands, in an unknown unit."
            findings.append(
                Finding("climate-variable-unknown", "note", message, "Rename it if it is one of them (pr, tmmn, tmmx, pet ...).", column=name)
            )
    span = int((climate.months[-1] - climate.months[0]).astype(int)) + 1
    if span > climate.months.size:
        whole = climate.months[0] + np.arange(span)
        absent = whole[~np.isin(whole, climate.months)]
        message = (
            f"{absent.size} of {span} months are not there at all, the first is {absent[0]}; they are filled with the mean of the calendar month."
        )
        findings.append(Finding("climate-months-missing", "warning", message, "Add them if they exist."))
    return replace(climate, assumed=tuple(dict.fromkeys(assumed)), findings=tuple(dict.fromkeys(findings)))
