"""Maps of networks against a batched loop over copied patches, in one run: ``python benchmarks/network_maps.py``.

Scene: the synthetic coast with ten bands as stored, and a file of covariates (elevation, slope, two curvatures, three layers in the place of
seasons). Networks have the windows of their papers and one epoch of training, which changes nothing in their speed. The ways:

- copied: the loop one would write. All layers lie in memory, scaled; windows of 64 pixels at a time are copied out of them and go through the
  network on the same number of threads. Only a sample of pixels is computed, since a whole map would take hours.
- ours: `predict_map`, from the stored bands to the finished cloud-optimised file with overviews and style.

Both give the same numbers: the largest difference at the sampled pixels is printed. ``--full-tile`` repeats the scene up to 10980 x 10980
pixels and maps that once with the variant for maps, ``--device cuda`` computes on a graphics card.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

COVARIATES = ("elevation", "slope_deg", "profile_curvature", "plan_curvature", "sos", "gus", "sdps")
BATCH = 64
SAMPLES = 64
NETWORKS = ("sssoilnet-dense", "sssoilnet", "soilnet-small")


def main():
    """Prepare, fit, run the ways in turn, print the table."""
    args = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(args.folder or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        if args.full_tile:
            _full_tile(folder, args)
            return
        print("| network | way | pixels | pixels/s | / copied | largest difference |")
        print("| --- | --- | --- | --- | --- | --- |")
        for name in args.networks:
            _compare(folder, name, args)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=1024, help="side of the scene for the variant for maps, pixels")
    parser.add_argument("--slow-size", type=int, default=128, help="side of the scene for the other networks")
    parser.add_argument("--copied", type=int, default=1024, help="pixels that the loop over copied patches computes per round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stride", type=int, default=4, help="of the additional maps of slow networks")
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--networks", type=lambda text: text.split(","), default=list(NETWORKS))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--folder", help="keep scenes and maps here")
    parser.add_argument("--full-tile", action="store_true", help="repeat the scene up to a full tile and map that once instead of comparing")
    parser.add_argument("--mosaic", type=int, default=10980, help="side of the mosaic in pixels")
    return parser.parse_args()


def prepare(folder, size):
    """Scene and covariates of the coast; what is there already is used again."""
    import rasterio

    from soilcore.data.cog import gtiff_profile
    from soilcore.data.landscape import coast

    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "covariates.tif").exists():
        return
    print(f"making a scene of {size} x {size} pixels", file=sys.stderr)
    land = coast(size, 10.0, seed=0)
    profile = gtiff_profile(land.grid, len(land.dn), "uint16", 0)
    with rasterio.open(folder / "scene.tif", "w", **profile) as raster:
        raster.write(land.dn)
        raster.descriptions = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
    layers = _covariates(land)
    profile = gtiff_profile(land.grid, len(layers), "float32", float("nan"))
    with rasterio.open(folder / "covariates.tif", "w", **profile) as raster:
        raster.write(layers)
        raster.descriptions = COVARIATES


def _covariates(land):
    from soilcore.features.terrain_arrays import derivatives

    z = land.elevation_m.astype(np.float32)
    terrain = derivatives(z, 10.0, 10.0, COVARIATES[1:4])
    seasons = (90 + 20 * land.moisture, 0.01 + 0.002 * land.water_table_m, 130 + 25 * land.moisture)
    return np.stack([z, *(terrain[name] for name in COVARIATES[1:4]), *seasons]).astype(np.float32)


def open_source(folder, end=""):
    """The networks' predictors over a scene, as `predict_map` takes them."""
    from soilcore.data.covariates import CovariateSpec, open_covariates
    from soilcore.data.imagery import SceneSettings, open_scene
    from soilcore.features.indices import index_set
    from soilcore.features.recipe import CovariateUse, FeatureRecipe
    from soilcore.features.source import FeatureSource
    from soilcore.models.network_needs import SS_SETS

    path = str(folder / f"scene{end}.tif")
    scene = open_scene(SceneSettings((path,), sensor="sentinel-2-l2a", scale=1e-4, offset=-0.1, nodata=0))
    specs = [CovariateSpec(str(folder / f"covariates{end}.tif"), name, band=band) for band, name in enumerate(COVARIATES, start=1)]
    covariates = open_covariates(specs, scene.grid)
    indices = tuple(dict.fromkeys(name for one in SS_SETS for name in index_set(one)))
    uses = tuple(CovariateUse(name) for name in COVARIATES)
    recipe = FeatureRecipe(scene.roles, indices, covariates=uses, sensor=scene.sensor, scale=scene.scaling.scale, offset=scene.scaling.offset)
    return FeatureSource(recipe, scene, covariates)


def fitted(name, source):
    """A model of one epoch, with the windows of the paper."""
    import pandas as pd

    from soilcore.models.archive import FittedModel
    from soilcore.models.network_needs import network_needs
    from soilcore.models.neural import NetworkLearner
    from soilcore.models.settings import NetworkSettings

    needs, _ = network_needs(name, source.recipe, None, NetworkSettings())
    rows, cols = _places(source, SAMPLES)
    X, around = _samples(source, needs, rows, cols)
    y = np.exp(1 + 3 * X["R"] + X["NDVI"]).to_numpy()
    learner = NetworkLearner(name, device="cpu", network=NetworkSettings(epochs=1)).fit(pd.DataFrame(X), y, coordinates=around)
    target = {"column": "ece_dS_m", "unit": "dS/m", "extract": None, "form": "ECe", "method": None}
    return FittedModel(learner, name, source.recipe.to_dict(), target, {}, {}, {}, plane=source.grid.crs.to_string())


def _places(source, count, seed=0):
    """Rows and columns of pixels with all predictors whose windows are complete enough."""
    with source.reader() as reader:
        known = np.concatenate([np.isfinite(reader.read(window)).all(axis=0).ravel() for window in _strips(source.grid)])
    rows, cols = np.divmod(np.random.default_rng(seed).permutation(np.flatnonzero(known))[:count], source.grid.width)
    return rows, cols


def _strips(grid):
    from soilcore.core.grids import Window

    return (Window(row, 0, min(256, grid.height - row), grid.width) for row in range(0, grid.height, 256))


def _samples(source, needs, rows, cols):
    """Predictors and surroundings of pixels, cut as samples get them; pixels whose windows lack too much are left out."""
    import pandas as pd

    from soilcore.core.grids import Window
    from soilcore.features.patches import Patches
    from soilcore.features.surroundings import Surroundings

    place = source.grid.transform
    x, y = place.a * (cols + 0.5) + place.c, place.e * (rows + 0.5) + place.f
    cut = {need.name: Patches(source, need.size, need.layers, need.cell).at(x, y) for need in needs.patches}
    usable = np.logical_and.reduce([one.usable() for one in cut.values()])
    with source.reader() as reader:
        table = np.stack([reader.read(Window(int(row), int(col), 1, 1))[:, 0, 0] for row, col in zip(rows, cols, strict=True)])
    X = pd.DataFrame(table[usable].astype(float), columns=list(source.names))
    around = Surroundings(needs, np.column_stack([x, y])[usable], {name: one.values[usable] for name, one in cut.items()})
    return X, around


def copied(model, source, rows, cols, args):
    """Predictions and pixels per second of the loop over copied patches; reading the raster is not in its time."""
    import torch

    learner, needs = model.learner, model.learner.needs_
    with source.reader() as reader:
        everything = np.concatenate([reader.read(window) for window in _strips(source.grid)], axis=1)
    layers = {need.name: _padded(everything, source.names, need) for need in needs.patches}
    member = learner.members_[0].to(args.device).eval()
    before, outputs = torch.get_num_threads(), []
    torch.set_num_threads(args.threads)
    started = time.perf_counter()
    with torch.inference_mode():
        for start in range(0, len(rows), BATCH):
            r, c = rows[start : start + BATCH], cols[start : start + BATCH]
            around = {
                need.name: np.stack([layers[need.name][:, i : i + need.size, j : j + need.size] for i, j in zip(r, c, strict=True)])
                for need in needs.patches
            }
            inputs = learner.inputs_.arrays(everything[:, r, c].T, around)
            outputs.append(member(**{name: torch.from_numpy(values).to(args.device) for name, values in inputs.items()}).cpu().numpy())
    seconds = time.perf_counter() - started
    torch.set_num_threads(before)
    member.to("cpu")
    z = learner.scale_.inverse(np.concatenate(outputs).astype(float))
    return np.asarray(learner.way_back_(z)), len(rows) / seconds


def _padded(everything, names, need):
    half = need.size // 2
    chosen = everything[[names.index(name) for name in need.layers]]
    return np.pad(chosen, ((0, 0), (half, need.size - 1 - half), (half, need.size - 1 - half)), mode="reflect")


def mapped(model, source, folder, args, stride=1):
    """Facts of a map."""
    from soilcore.mapping.predict import MapSettings, predict_map

    settings = MapSettings(str(folder / "map.tif"), window=args.window, threads=args.threads, overwrite=True, stride=stride, device=args.device)
    return predict_map(model, source, settings)


def _values(facts):
    import rasterio

    with rasterio.open(facts["out"]) as raster:
        return raster.read(1)


def _compare(folder, name, args):
    dense = name == "sssoilnet-dense"
    place = folder / ("large" if dense else "small")
    prepare(place, args.size if dense else args.slow_size)
    source = open_source(place)
    model = fitted(name, source)
    rows, cols = _places(source, args.copied, seed=1)
    loops, maps, speeds = [], [], {}
    for _ in range(args.rounds):
        expected, speed = copied(model, source, rows, cols, args)
        loops.append(speed)
        facts = mapped(model, source, place, args)
        values = _values(facts)
        maps.append(facts["valid"] / facts["seconds"])
        if not dense and args.stride > 1:
            strided = mapped(model, source, place, args, args.stride)
            speeds.setdefault("seconds", []).append(strided["valid"] / strided["seconds"])
    loop, ours = np.median(loops), np.median(maps)
    away = np.nanmax(np.abs(values[rows, cols] - expected))
    way, spread = "map, dense" if facts["dense"] else "map", np.nanstd(values)
    print(f"| {name} | copied patches | {len(rows):,} | {loop:,.0f} | 1 | |")
    print(f"| {name} | {way} | {facts['valid']:,} | {ours:,.0f} | {ours / loop:.1f} | {away:.1e} (the map's sd: {spread:.2g}) |")
    if speeds:
        error, speed = strided["stride_error"], np.median(speeds["seconds"])
        said = f"rmse {error['rmse']:.1e}, p95 {error['p95']:.1e} at {error['n']} skipped pixels"
        print(f"| {name} | map, stride {args.stride} | {strided['valid']:,} | {speed:,.0f} | {speed / loop:.1f} | {said} |")


def _full_tile(folder, args):
    place = folder / "large"
    prepare(place, args.size)
    model = fitted("sssoilnet-dense", open_source(place))
    for name in ("scene", "covariates"):
        _mosaic(place, name, args.mosaic)
    facts = mapped(model, open_source(place, "_whole"), place, args)
    pixels = facts["pixels"]
    print(f"{args.mosaic} x {args.mosaic} pixels, {facts['valid'] / pixels:.0%} valid: {facts['seconds']:.0f} s, ", end="")
    print(f"{1e9 * facts['seconds'] / pixels:.0f} ns per pixel, peak memory {facts['peak_rss_mb']:.0f} MB, ", end="")
    print(f"{facts['pixels_per_second']:,.0f} pixels/s before overviews, device {facts['device']}")


def _mosaic(folder, name, side):
    """A file that repeats a raster up to `side` x `side` pixels."""
    import rasterio
    from affine import Affine

    from soilcore.core.grids import Grid
    from soilcore.data.cog import gtiff_profile

    with rasterio.open(folder / f"{name}.tif") as raster:
        values, names, grid = raster.read(), raster.descriptions, Grid.of(raster)
        kind, nodata = raster.dtypes[0], raster.nodata
    whole = Grid(side, side, Affine(*grid.transform[:6]), grid.crs)
    print(f"repeating {name} up to {side} x {side} pixels", file=sys.stderr)
    with rasterio.open(folder / f"{name}_whole.tif", "w", **gtiff_profile(whole, len(names), kind, nodata)) as raster:
        raster.descriptions = names
        for window in whole.windows(grid.width):
            place = (window.row, window.row + window.height), (window.col, window.col + window.width)
            raster.write(values[:, : window.height, : window.width], window=place)


if __name__ == "__main__":
    main()
