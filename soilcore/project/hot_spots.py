"""Where high and low values gather: a look at the samples before any model."""

import numpy as np

from soilcore.core.errors import SampleError, SettingsError
from soilcore.core.files import check_output, written_whole
from soilcore.core.progress import silent
from soilcore.project.chain import check_usable, open_inputs


def hot_spots(task, report=silent):
    """Getis-Ord Gi* of every sample; as a layer, where a file is named.

    Returns
    -------
    dict
        ``target``, ``unit``, ``n``, ``classes`` (number of samples by class), ``neighbours``, ``after_fdr``, ``note``, ``rows`` (one per
        sample: ``row``, ``value``, ``z``, ``p``, ``class``, ``after_fdr``), ``out``, ``assumed``.
    """
    from soilcore.models.neighbours import hot_spot_table

    out = None if task.out is None else check_output(task.out, task.overwrite)
    opened = open_inputs(task.inputs, report)
    samples = opened.samples
    if samples.target is None:
        raise SettingsError("No target was given. Name the column with --target.")
    check_usable(opened)
    known = _known(samples)
    report(1, 2, "comparing neighbours")
    table, facts = hot_spot_table(_metres(samples, known), samples.target.values[known], k=task.k, band=task.band)
    table.insert(0, "row", samples.table.index[known])
    if out is not None:
        _write_layer(table, samples, known, out)
    rows = table.drop(columns=["x", "y"]).to_dict("records")
    return {
        "target": samples.target.column,
        "unit": samples.target.unit,
        **facts,
        "out": None if out is None else str(out),
        "rows": rows,
        "assumed": opened.assumed,
    }


def _known(samples):
    if not samples.has_places:
        raise SampleError("Hot spots need to know where the samples lie. Name the coordinate columns with --x, --y and --crs.")
    return np.isfinite(samples.target.values) & np.isfinite(samples.x) & np.isfinite(samples.y)


def _metres(samples, known):
    from soilcore.core.projection import projected_metres

    return projected_metres(samples.x[known], samples.y[known], samples.crs)


def _write_layer(table, samples, known, out):
    import geopandas

    from soilcore.data.contents import write_layer

    points = geopandas.points_from_xy(samples.x[known], samples.y[known])
    layer = geopandas.GeoDataFrame(table.drop(columns=["x", "y"]), geometry=points, crs=samples.crs)
    with written_whole(out) as temporary:
        write_layer(layer, temporary, "hot_spots")
