"""The stack map against what one would write otherwise, in one run: ``python benchmarks/stack_map.py``.

The model: 1,000 samples of the synthetic coast; random forest of 300 full trees, XGBoost of 300 rounds at depth 6, a network of 100 and 50
units, PLSR on top; 10 bands and 20 indices. The ways:

- ours: `predict_map` from the 10 stored bands (indices on the fly) to the finished cloud-optimised file with overviews and style;
- naive: scikit-learn's `StackingRegressor` over blocks of 256 rows of a ready-made 30-band feature file, forest on one core or on two;
- sklearn-raster: the same estimator in its `FeatureArrayEstimator` over dask blocks of the feature file, two threads.

Making the feature file is not in the peers' time. Every way runs in a process of its own (so that its peak memory is its own), the ways
take turns, and the median of the rounds counts. ``--full-tile`` maps a virtual mosaic of 10980 x 10980 pixels once instead.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

INDICES = 20
BLOCK = 256
WAYS = {
    "naive": "naive blocks, forest on 1 core",
    "naive2": "naive blocks, forest on 2 cores",
    "sklearn-raster": "sklearn-raster, dask, 2 threads",
    "ours": "soilcore map, 2 threads",
}


def main():
    """Prepare, run the ways in turn, print the table."""
    args = _arguments()
    if args.child:
        print(json.dumps(_CHILDREN[args.child](Path(args.folder), args)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(args.folder or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        prepare(folder, args)
        if args.full_tile:
            _print_full_tile(args.mosaic, _run("full-tile", folder, args))
            return
        runs = {way: [] for way in args.ways}
        for number in range(args.rounds):
            for way in args.ways[:: 1 if number % 2 == 0 else -1]:
                runs[way].append(_run(way, folder, args))
                print(f"round {number + 1}: {way} {runs[way][-1]['seconds']:.1f} s", file=sys.stderr)
        _print_table(folder, runs, args)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=1024, help="side of the scene in pixels")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trees", type=int, default=300)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--ways", type=lambda text: text.split(","), default=list(WAYS))
    parser.add_argument("--folder", help="keep scene, model and maps here")
    parser.add_argument("--full-tile", action="store_true", help="map a virtual mosaic once instead of comparing")
    parser.add_argument("--mosaic", type=int, default=10980, help="side of the mosaic in pixels")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def prepare(folder, args):
    """Scene, model and feature file; what is there already is used again."""
    scene_file = folder / "scene.tif"
    if not scene_file.exists():
        print(f"making a scene of {args.size} x {args.size} pixels", file=sys.stderr)
        _make_scene(folder, args)
    if not (folder / "model").exists():
        print("fitting the stack", file=sys.stderr)
        _make_model(folder, args)
    if args.full_tile:
        _make_mosaic(folder, args.mosaic)
    elif not (folder / "features.tif").exists():
        print("making the feature file for the peers", file=sys.stderr)
        _make_features(folder)


def _make_scene(folder, args):
    import rasterio

    from soilcore.data.cog import gtiff_profile
    from soilcore.data.landscape import coast

    land = coast(args.size, 10.0, seed=0)
    profile = gtiff_profile(land.grid, len(land.dn), "uint16", 0, compress="deflate", zlevel=6)
    with rasterio.open(folder / "scene.tif", "w", **{key: value for key, value in profile.items() if key != "zstd_level"}) as raster:
        raster.write(land.dn)
        raster.descriptions = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
    np.save(folder / "truth.npy", land.ece_dS_m.astype(np.float32))


def open_source(folder, name="scene.tif"):
    """The model's predictors over a scene, as `predict_map` takes them."""
    from soilcore.data.imagery import SceneSettings, open_scene
    from soilcore.features.indices import available_indices
    from soilcore.features.recipe import FeatureRecipe
    from soilcore.features.source import FeatureSource

    scene = open_scene(SceneSettings((str(folder / name),), sensor="sentinel-2-l2a", scale=1e-4, offset=-0.1, nodata=0, trusted=True))
    indices = tuple(available_indices(scene.roles))[:INDICES]
    recipe = FeatureRecipe(scene.roles, indices, sensor=scene.sensor, scale=scene.scaling.scale, offset=scene.scaling.offset)
    return FeatureSource(recipe, scene)


def _make_model(folder, args):
    import pandas as pd

    from soilcore.models.archive import FittedModel, save_model, training_envelope
    from soilcore.models.stacking import StackingModel

    source = open_source(folder)
    X, y = _training_pixels(folder, source, args.samples)
    table = pd.DataFrame(X, columns=list(source.names))
    parameters = {
        "rf": {"n_estimators": args.trees, "max_depth": None, "min_samples_leaf": 1},
        "xgboost": {"rounds": args.trees, "max_depth": 6},
        "mlp": {"layers": "100-50", "seeds": 1},
    }
    learner = StackingModel(trials=0, parameters=parameters).fit(table, y)
    target = {"column": "ece_dS_m", "unit": "dS/m", "extract": None, "form": "ECe", "method": None}
    model = FittedModel(learner, "stacking", source.recipe.to_dict(), target, training_envelope(table), scores={}, folds={})
    save_model(model, folder / "model")


def _training_pixels(folder, source, count):
    """Predictors and truth at random valid pixels."""
    truth, rng = np.load(folder / "truth.npy"), np.random.default_rng(0)
    X, y = [], []
    with source.reader() as reader:
        windows = list(source.grid.windows(512))
        for window in windows:
            values = reader.read(window)
            values = values.reshape(len(values), -1).T
            observed = truth[window.slices].ravel()
            usable = np.flatnonzero(np.isfinite(values).all(axis=1) & np.isfinite(observed))
            chosen = rng.choice(usable, min(len(usable), count), replace=False)
            X.append(values[chosen])
            y.append(observed[chosen])
    X, y = np.concatenate(X), np.concatenate(y)
    chosen = rng.choice(len(y), count, replace=False)
    return X[chosen].astype(float), y[chosen].astype(float)


def _make_features(folder):
    import rasterio

    source = open_source(folder)
    place = {"height": source.grid.height, "width": source.grid.width, "transform": source.grid.transform, "crs": source.grid.crs.to_wkt()}
    layout = {"driver": "GTiff", "tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "zlevel": 1, "bigtiff": "if_safer"}
    values = {"count": len(source.names), "dtype": "float32", "nodata": float("nan")}
    with rasterio.open(folder / "features.tif", "w", **layout, **values, **place) as raster, source.reader() as reader:
        for window in source.grid.windows(512):
            made = reader.read(window)
            raster.write(made, window=((window.row, window.row + window.height), (window.col, window.col + window.width)))


def _make_mosaic(folder, side):
    """A VRT that repeats the scene up to `side` x `side` pixels."""
    import rasterio

    with rasterio.open(folder / "scene.tif") as raster:
        size, count, transform, wkt, names = raster.width, raster.count, raster.transform, raster.crs.to_wkt(), raster.descriptions
    corner = ", ".join(repr(value) for value in (transform.c, transform.a, 0.0, transform.f, 0.0, transform.e))
    lines = [f'<VRTDataset rasterXSize="{side}" rasterYSize="{side}"><SRS>{_escaped(wkt)}</SRS><GeoTransform>{corner}</GeoTransform>']
    for band in range(1, count + 1):
        lines.append(f'<VRTRasterBand dataType="UInt16" band="{band}"><Description>{names[band - 1]}</Description><NoDataValue>0</NoDataValue>')
        for row in range(0, side, size):
            for col in range(0, side, size):
                height, width = min(size, side - row), min(size, side - col)
                lines.append(f'<SimpleSource><SourceFilename relativeToVRT="1">scene.tif</SourceFilename><SourceBand>{band}</SourceBand>')
                lines.append(f'<SrcRect xOff="0" yOff="0" xSize="{width}" ySize="{height}"/>')
                lines.append(f'<DstRect xOff="{col}" yOff="{row}" xSize="{width}" ySize="{height}"/></SimpleSource>')
        lines.append("</VRTRasterBand>")
    (folder / "mosaic.vrt").write_text("\n".join([*lines, "</VRTDataset>"]))


def _escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def _run(way, folder, args):
    here = [sys.executable, __file__, "--child", way, "--folder", str(folder), "--window", str(args.window)]
    done = subprocess.run(here, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{way} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _timed(function):
    from soilcore.core.memory import peak_memory_mb

    started, used = time.perf_counter(), time.process_time()
    function()
    return {"seconds": time.perf_counter() - started, "cpu": time.process_time() - used, "peak_mb": peak_memory_mb()}


def _ours(folder, args, scene="scene.tif", out="map_ours.tif"):
    from soilcore.mapping.predict import MapSettings, predict_map
    from soilcore.models.archive import load_model
    from soilcore.models.compiled import compile_learner

    model, source = load_model(folder / "model"), open_source(folder, scene)
    compile_learner(model.learner).predict(np.zeros((16, len(source.names)), np.float32))  # numba's compilation, once per process
    facts = {}
    settings = MapSettings(str(folder / out), window=args.window, overwrite=True, threads=2)
    timed = _timed(lambda: facts.update(predict_map(model, source, settings)))
    return timed | {"valid": facts["valid"], "pixels": facts["pixels"]}


def _full_tile(folder, args):
    return _ours(folder, args, "mosaic.vrt", "map_full.tif")


def _scikit_learn(folder, jobs):
    """The fitted members in scikit-learn's own stack; predicts what our learner predicts."""
    from sklearn.ensemble import StackingRegressor
    from sklearn.linear_model import LinearRegression

    from soilcore.models.archive import load_model

    learner = load_model(folder / "model").learner
    pipelines = {name: member.pipeline_ for name, member in learner.members_.items()}
    pipelines["rf"].steps[-1][1].set_params(n_jobs=jobs)
    pipelines["xgboost"].steps[-1][1].set_params(n_jobs=2)
    zeros = np.zeros((2, learner.n_features_in_), np.float32)
    stack = StackingRegressor(list(pipelines.items()), LinearRegression(), cv="prefit").fit(zeros, np.zeros(2))
    stack.final_estimator_.coef_, stack.final_estimator_.intercept_ = np.asarray(learner.meta_coef_), float(learner.meta_intercept_)
    return stack


def _naive(folder, jobs):
    import rasterio

    stack = _scikit_learn(folder, jobs)

    def run():
        with rasterio.open(folder / "features.tif") as features, _output(folder, features, f"map_naive{jobs}.tif") as out:
            for row in range(0, features.height, BLOCK):
                for col in range(0, features.width, BLOCK):
                    window = ((row, min(row + BLOCK, features.height)), (col, min(col + BLOCK, features.width)))
                    block = features.read(window=window)
                    pixels = block.reshape(len(block), -1).T
                    predicted = np.maximum(stack.predict(np.nan_to_num(pixels)), 0)
                    predicted[~np.isfinite(pixels).all(axis=1)] = np.nan
                    out.write(predicted.reshape(block.shape[1:]).astype(np.float32), 1, window=window)

    return _timed(run)


def _sklearn_raster(folder, args):
    import dask
    import dask.array as da
    import rasterio
    import xarray as xr
    from sklearn.linear_model import LinearRegression
    from sklearn_raster import FeatureArrayEstimator

    stack = _scikit_learn(folder, 1)
    wrapped = FeatureArrayEstimator(LinearRegression()).fit(np.zeros((2, stack.n_features_in_)), np.zeros(2))
    wrapped.wrapped_estimator = stack  # fitted already; its own fit would begin anew

    def read(block_info=None):
        (top, bottom), (left, right) = block_info[None]["array-location"][1:]
        with rasterio.open(folder / "features.tif") as features:
            return features.read(window=((top, bottom), (left, right)))

    def run():
        with rasterio.open(folder / "features.tif") as features:
            shape = (features.count, features.height, features.width)
        sides = [tuple(min(BLOCK, length - start) for start in range(0, length, BLOCK)) for length in shape[1:]]
        values = da.map_blocks(read, chunks=((shape[0],), *sides), dtype=np.float32)
        image = xr.DataArray(values, dims=("band", "y", "x"))
        with dask.config.set(scheduler="threads", num_workers=2):
            predicted = np.maximum(wrapped.predict(image).compute().to_numpy().squeeze(), 0)
        with rasterio.open(folder / "features.tif") as features, _output(folder, features, "map_sklearn-raster.tif") as out:
            out.write(predicted.astype(np.float32), 1)

    return _timed(run)


def _output(folder, features, name):
    import rasterio

    layout = {"driver": "GTiff", "tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "dtype": "float32", "count": 1}
    place = {"height": features.height, "width": features.width, "transform": features.transform, "crs": features.crs}
    return rasterio.open(folder / name, "w", nodata=float("nan"), **layout, **place)


def _print_table(folder, runs, args):
    import rasterio

    files = {"naive": "map_naive1.tif", "naive2": "map_naive2.tif", "sklearn-raster": "map_sklearn-raster.tif", "ours": "map_ours.tif"}
    maps = {}
    for way in runs:
        with rasterio.open(folder / files[way]) as raster:
            maps[way] = raster.read(1)
    seconds = {way: statistics.median(run["seconds"] for run in of_way) for way, of_way in runs.items()}
    pixels = next(iter(maps.values())).size
    reference = maps.get("naive", next(iter(maps.values())))
    print(
        f"stack map, {args.size} x {args.size} pixels, {args.trees} + {args.trees} trees, {np.isfinite(maps.get('ours', reference)).mean():.1%} valid, median of {args.rounds}"
    )
    print(f"{'way':34} {'s':>8} {'CPU s':>8} {'ns/px':>8} {'ours is':>9} {'largest difference':>20} {'peak MiB':>9}")
    for way, of_way in runs.items():
        both = np.isfinite(maps[way]) & np.isfinite(reference)
        difference = float(np.abs(maps[way] - reference)[both].max())
        ratio = f"{seconds[way] / seconds['ours']:.2f} x" if "ours" in seconds else "-"
        peak, cpu = max(run["peak_mb"] for run in of_way), statistics.median(run["cpu"] for run in of_way)
        print(f"{WAYS[way]:34} {seconds[way]:8.2f} {cpu:8.2f} {seconds[way] / pixels * 1e9:8.0f} {ratio:>9} {difference:20.2e} {peak:9.0f}")


def _print_full_tile(side, run):
    rate = run["seconds"] / run["pixels"] * 1e9
    print(f"virtual mosaic of {side} x {side} pixels, {run['valid'] / run['pixels']:.1%} valid, finished file with overviews included")
    print(f"{run['seconds']:.0f} s ({rate:.0f} ns/px; {run['cpu']:.0f} s of CPU), peak memory {run['peak_mb']:.0f} MiB")


_CHILDREN = {
    "naive": lambda folder, args: _naive(folder, 1),
    "naive2": lambda folder, args: _naive(folder, 2),
    "sklearn-raster": _sklearn_raster,
    "ours": _ours,
    "full-tile": _full_tile,
}

if __name__ == "__main__":
    main()
