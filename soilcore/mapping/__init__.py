"""From a model to rasters: windows, classes, areas, styles, map tiles."""
