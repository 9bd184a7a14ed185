"""What is counted while maps are compared: differences, changes beyond the interval, trends, and class areas over time."""

import math

import numpy as np

from soilcore.mapping.differences import FALL, NO_CHANGE, RISE
from soilcore.mapping.raster_set import on_fixed_grid
from soilcore.mapping.trend import FEWEST_DATES, SIGNIFICANT
from soilcore.mapping.uncertain_areas import UncertainAreas, block_side

_SAMPLED = 1_000_000  # pixels of a fixed grid that medians are taken of
_UNITS_PER_HA = 1_000_000
_STRIP = 1 << 16


class ChangeCounts:
    """Counts of a comparison; all areas are of pixels with a value on every date, so that dates can be compared.

    Parameters
    ----------
    maps : DatedMaps
    scheme : ClassScheme or None
    """

    def __init__(self, maps, scheme=None):
        self.maps, self.scheme = maps, scheme
        count, grid = len(maps), maps.grid
        self._cells = np.round(grid.cell_areas_ha() * _UNITS_PER_HA).astype(np.int64)
        self._step = max(1, math.ceil(math.sqrt(grid.height * grid.width / _SAMPLED)))
        self._sums, self._samples, self._own_valid = np.zeros(count), [[] for _ in range(count)], np.zeros(count, np.int64)
        self._difference, self._differences = 0.0, []
        self.valid, self.area = 0, 0
        self._changed = np.zeros((count, 3), np.int64)  # row 0 first to last, then each date to the next
        self._significant = np.zeros(3, np.int64)  # rising, falling, tested
        self._areas = np.zeros((count, len(scheme.labels)), np.int64) if scheme else None
        self._uncertain = (
            [UncertainAreas(scheme, grid, block_side(maps.variogram)) for _ in range(count)] if scheme and maps.level is not None else None
        )

    def of_window(self, window, values, classes, limits, steps, arrays):
        """Everything of one window that `add` needs; computed in a worker."""
        common = np.isfinite(values).all(axis=0)
        cells = np.broadcast_to(self._cells[window.slices[0]][:, None], common.shape)
        found = {"common": common, "area": int(cells[common].sum()), "own_valid": np.isfinite(values).sum(axis=(1, 2))}
        found["sums"] = np.array([one[common].sum(dtype=float) for one in values])
        found["samples"] = [on_fixed_grid(window, np.where(common, one, np.nan), self._step) for one in values]
        if steps is not None:
            found["changed"] = np.stack([_by_class(one, common, cells) for one in (arrays["change"], *steps)])
        if "mk_z" in arrays:
            z = arrays["mk_z"]
            found["significant"] = np.array([cells[here].sum() for here in (z > SIGNIFICANT, z < -SIGNIFICANT, np.isfinite(z))])
        if classes is not None:
            found["areas"] = np.array([[cells[common & (one == number)].sum() for number in range(self._areas.shape[1])] for one in classes])
        if self._uncertain:
            found["uncertain"] = self._count_areas(window, common, limits)
        return found

    def _count_areas(self, window, common, limits):
        from scipy.stats import norm

        pixels = np.flatnonzero(common)
        counted = [[] for _ in self._uncertain]
        for start in range(0, pixels.size, _STRIP):
            part = pixels[start : start + _STRIP]
            rows, cols = np.divmod(part, window.width)
            above = norm.sf(limits(part).astype(float))
            for number, areas in enumerate(self._uncertain):
                counted[number].append(areas.count(rows + window.row, cols + window.col, above[:, number]))
        return counted

    def add(self, window, found, difference):
        """Add one window."""
        common = found["common"]
        self.valid += int(common.sum())
        self.area += found["area"]
        self._own_valid += found["own_valid"]
        self._sums += found["sums"]
        self._difference += difference[common].sum(dtype=float)
        self._differences.append(on_fixed_grid(window, np.where(common, difference, np.nan), self._step).ravel())
        for kept, sample in zip(self._samples, found["samples"], strict=True):
            kept.append(sample.ravel())
        if "changed" in found:
            self._changed += found["changed"]
        if "significant" in found:
            self._significant += found["significant"]
        if "areas" in found:
            self._areas += found["areas"]
        for areas, parts in zip(self._uncertain or (), found.get("uncertain", ()), strict=True):
            for counted in parts:
                areas.add(*counted)

    def facts(self):
        """The counts as JSON values."""
        grid = self.maps.grid
        means = self._sums / max(1, self.valid)
        medians = [_median(sample) for sample in self._samples]
        days = self.maps.days or (None,) * len(self.maps)
        rows = [
            {"path": str(path), "date": None if day is None else str(day), "label": label, "valid": int(own), "mean": mean, "median": median}
            for path, day, label, own, mean, median in zip(self.maps.paths, days, self.maps.labels, self._own_valid, means, medians, strict=True)
        ]
        return {
            "maps": rows,
            "pixels": grid.height * grid.width,
            "valid": self.valid,
            "area_ha": self.area / _UNITS_PER_HA,
            "difference": self._difference_facts(0, self.maps.labels[0], self.maps.labels[-1])
            | {"mean": self._difference / max(1, self.valid), "median": _median(self._differences)},
            "steps": [
                self._difference_facts(number, self.maps.labels[number - 1], self.maps.labels[number]) | {"mean": means[number] - means[number - 1]}
                for number in range(1, len(self.maps))
            ],
            "trend": self._trend(),
            "areas": self._area_rows(),
            "areas_assumption": self._uncertain[0].assumption if self._uncertain else None,
        }

    def _difference_facts(self, row, before, after):
        facts = {"from": before, "to": after}
        if self.maps.level is None:
            return facts | dict.fromkeys(("share_changed", "share_higher", "share_lower", "area_ha_higher", "area_ha_lower"))
        none, higher, lower = (int(self._changed[row, kind]) for kind in (NO_CHANGE, RISE, FALL))
        total = max(1, none + higher + lower)
        return facts | {
            "share_changed": (higher + lower) / total,
            "share_higher": higher / total,
            "share_lower": lower / total,
            "area_ha_higher": higher / _UNITS_PER_HA,
            "area_ha_lower": lower / _UNITS_PER_HA,
        }

    def _trend(self):
        if len(self.maps) < FEWEST_DATES:
            return None
        rising, falling, tested = (int(area) for area in self._significant)
        return {
            "per": "year" if self.maps.days is not None else "step",
            "z": SIGNIFICANT,
            "share_rising": rising / max(1, tested),
            "share_falling": falling / max(1, tested),
            "area_ha_tested": tested / _UNITS_PER_HA,
            "share_by_chance": 0.05,
            "note": "Every pixel is tested for itself at 5 %, so about 5 % of pixels without a trend are called rising or falling by chance; "
            "years that remember each other make it more. A trend here is one of the predictions.",
        }

    def _area_rows(self):
        if self.scheme is None:
            return []
        tables = [areas.table() for areas in self._uncertain] if self._uncertain else None
        days, rows = self.maps.days or (None,) * len(self.maps), []
        for number, (label, day) in enumerate(zip(self.maps.labels, days, strict=True)):
            for position, name in enumerate(self.scheme.labels):
                area = int(self._areas[number, position])
                row = {"label": label, "date": None if day is None else str(day), "class": name, "area_ha": area / _UNITS_PER_HA}
                row["share"] = area / max(1, self.area)
                rows.append(row | (tables[number][position] if tables else {}))
        return rows


def _by_class(directions, common, cells):
    return np.array([cells[common & (directions == kind)].sum() for kind in (NO_CHANGE, RISE, FALL)])


def _median(samples):
    values = np.concatenate([np.ravel(sample) for sample in samples])
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else None
