"""The files of attribution maps: their names, and their final form with styles, names and colours beside them."""

import re

from soilcore.data.cog import gtiff_profile, write_cog
from soilcore.mapping.layers import NO_CLASS, write_category_names
from soilcore.mapping.ramps import rgb_of
from soilcore.mapping.styles import Style, write_style_files

DOMINANT, PREDICTION, ERROR, EXPECTED = "dominant", "prediction", "sampling_error", "expected"


def file_names(groups):
    """A plain file name for each driver, all different, whatever the drivers are called."""
    taken, found = {DOMINANT, PREDICTION, ERROR, EXPECTED}, []
    for name in groups:
        plain = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")[:40] or "driver"
        number, wanted = 1, f"shap_{plain}"
        while wanted.lower() in taken:
            number += 1
            wanted = f"shap_{plain}_{number}"
        taken.add(wanted.lower())
        found.append(wanted)
    return tuple(found)


def finish(folder, name, style):
    """Copy a raster of values into its cloud-optimised form, with its style."""
    write_cog(parts_file(folder, name), folder / f"{name}.tif", overviews="average")
    parts_file(folder, name).unlink()
    write_style_files(folder / f"{name}.tif", style)


def finish_classes(folder, grid, rows, codes, tags):
    """Number the drivers by the area they dominate, and write names and colours."""
    import rasterio

    labels, colors = tuple(row["driver"] for row in rows), tuple(row["color"] for row in rows)
    numbered = folder / f"{DOMINANT}.numbered.gtiff"
    with rasterio.open(parts_file(folder, DOMINANT)) as first, rasterio.open(numbered, "w", **gtiff_profile(grid, 1, "uint8", NO_CLASS)) as second:
        for window in grid.windows(512):
            where = (window.row, window.row + window.height), (window.col, window.col + window.width)
            second.write(codes[first.read(1, window=where)], 1, window=where)
        second.write_colormap(1, {number: (*rgb_of(color), 255) for number, color in enumerate(colors)} | {NO_CLASS: (0, 0, 0, 0)})
        second.descriptions = (tags["SOILCORE_LAYER_TITLE"],)
        second.update_tags(**tags, **{f"CLASS_{number}": label for number, label in enumerate(labels)})
    parts_file(folder, DOMINANT).unlink()
    place = folder / f"{DOMINANT}.tif"
    write_cog(numbered, place, overviews="mode")
    numbered.unlink()
    write_style_files(place, Style("classes", colors=colors, labels=labels))
    write_category_names(place, labels)


def parts_file(folder, name):
    """Where a raster is written window by window."""
    return folder / f"{name}.parts.gtiff"
