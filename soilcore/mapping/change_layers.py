"""Which rasters a comparison of maps consists of, and how each is coloured."""

from soilcore.mapping.differences import CHANGE_COLORS, CHANGE_LABELS
from soilcore.mapping.persistence import LABEL_COLORS, LABEL_TEXTS
from soilcore.mapping.raster_set import RasterLayer
from soilcore.mapping.trend import FEWEST_DATES


def change_layers(maps, scheme=None, persistence=None):
    """Rasters of a comparison.

    Parameters
    ----------
    maps : DatedMaps
    scheme : ClassScheme, optional
    persistence : Persistence, optional

    Returns
    -------
    tuple of RasterLayer
    """
    span, unit = f"{maps.labels[0]} to {maps.labels[-1]}", maps.unit
    layers = [RasterLayer("difference", f"Difference, {span}", unit, signed=True)]
    if maps.level is not None:
        layers.append(RasterLayer("difference_beyond", f"Difference beyond the {100 * maps.level:.4g} % interval, {span}", unit, signed=True))
        layers.append(
            RasterLayer("change", f"Change beyond the {100 * maps.level:.4g} % interval, {span}", colors=CHANGE_COLORS, labels=CHANGE_LABELS)
        )
    if len(maps) >= FEWEST_DATES:
        per = "per year" if maps.days is not None else "per step"
        layers.append(RasterLayer("slope", f"Trend {per} (Sen's slope), {span}", f"{unit} {per}".strip(), signed=True))
        layers.append(RasterLayer("mk_z", f"Trend test Z (Mann-Kendall), {span}", signed=True))
        layers.append(RasterLayer("mk_s", f"Rising less falling pairs of dates S (Mann-Kendall), {span}", signed=True))
    return (*layers, *(_of_persistence(maps, scheme, persistence) if persistence is not None else ()))


def _of_persistence(maps, scheme, persistence):
    most, years = float(len(scheme.labels) - 1), len(maps)
    yield RasterLayer("label", f"What lasts over {years} dates", colors=LABEL_COLORS, labels=LABEL_TEXTS)
    yield RasterLayer("mode", f"Most frequent class of {years} dates", colors=tuple(scheme.colors), labels=tuple(scheme.labels))
    yield RasterLayer("persistence", "Share of the dates in the most frequent class", limits=(0.0, 1.0), percent=True)
    yield RasterLayer("transitions", "Changes of class from one date to the next", limits=(0.0, float(years - 1)))
    yield RasterLayer("class_range", "Highest less lowest class", limits=(0.0, most))
    yield RasterLayer("class_mean", "Mean class, 0 the lowest", limits=(0.0, most))
    yield RasterLayer("class_s", "Rising less falling pairs of classes S (Mann-Kendall)", signed=True)
    yield RasterLayer("class_z", "Trend test Z of the classes (Mann-Kendall)", signed=True)
    yield RasterLayer("entropy", "Entropy of the classes, 0 always one class, 1 all alike", limits=(0.0, 1.0))
    if maps.level is not None and persistence.settings.draws:
        yield RasterLayer("support", "Share of the draws from the intervals that give the same label", limits=(0.0, 1.0), percent=True)
