"""Attribution maps of networks against explaining place after place, in one run: ``python benchmarks/network_attribution.py``.

Scene and networks are those of `network_maps.py`, with a few epochs of training. The ways:

- alone: `explain_network_pixel` at one place after another, as a click on the map does it: windows cut for that place, draws by Captum's GradientShap.
- map: `attribution_maps` over a grid of places, from the stored bands to finished cloud-optimised files of every driver.

Both take the same draws and give the same numbers: the largest difference is printed, in units of the largest attribution. ``--draws-table`` tells
what draws bring instead: how much attributions miss the prediction, and at how many places the strongest driver is that of many draws.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks import network_maps as worlds

NETWORKS = ("sssoilnet", "sssoilnet-dense", "soilnet-small", "sssoilnet-spec-index")
MANY = 384


def main():
    """Prepare, fit, run the ways in turn, print the table."""
    args = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(args.folder or scratch)
        worlds.prepare(folder, args.size)
        source = worlds.open_source(folder)
        print(
            "| network | draws | missed | of the spread | strongest driver kept |"
            if args.draws_table
            else "| network | way | places | places/s | / alone | difference |"
        )
        print("| --- | --- | --- | --- | --- |" if args.draws_table else "| --- | --- | --- | --- | --- | --- |")
        for name in args.networks:
            model, trained = _fitted(name, source, args.epochs)
            (_table if args.draws_table else _compare)(name, model, trained, source, folder, args)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=128, help="side of the scene, pixels")
    parser.add_argument("--places", type=int, default=100)
    parser.add_argument("--alone", type=int, default=5, help="places that are explained one after another")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--draws", type=int, default=24)
    parser.add_argument("--networks", type=lambda text: text.split(","), default=list(NETWORKS))
    parser.add_argument("--folder", help="keep the scene here")
    parser.add_argument("--draws-table", action="store_true")
    return parser.parse_args()


def _fitted(name, source, epochs):
    """A model of some epochs, and its training samples."""
    import pandas as pd

    from soilcore.models.archive import FittedModel
    from soilcore.models.network_needs import network_needs
    from soilcore.models.neural import NetworkLearner
    from soilcore.models.settings import NetworkSettings

    needs, _ = network_needs(name, source.recipe, None, NetworkSettings())
    X, around = worlds._samples(source, needs, *worlds._places(source, 100))
    X = pd.DataFrame(X)
    y = np.exp(1 + 3 * X["R"] + X["NDVI"]).to_numpy()
    learner = NetworkLearner(name, device="cpu", network=NetworkSettings(epochs=epochs)).fit(X, y, coordinates=around)
    target = {"column": "ece_dS_m", "unit": "dS/m", "extract": None, "form": "ECe", "method": None}
    return FittedModel(learner, name, source.recipe.to_dict(), target, {}, {}, {}, plane=source.grid.crs.to_string()), (X, around)


def _mapped(model, trained, source, out, draws, places):
    from soilcore.explanation.layers import attribution_maps
    from soilcore.explanation.network_layers import step_of_network

    step, _ = step_of_network(model.learner, source.grid, places)
    started = time.perf_counter()
    facts = attribution_maps(model, source, out, step=step, draws=draws, trained=trained, device="cpu", overwrite=True)
    return facts, _layers(facts), time.perf_counter() - started


def _layers(facts):
    import rasterio

    found = []
    for path in facts["layers"].values():
        with rasterio.open(path) as raster:
            found.append(raster.read(1))
    return np.stack(found)


def _compare(name, model, trained, source, folder, args):
    from soilcore.explanation.network_pixel import NetworkPixel, explain_network_pixel

    facts, layers, seconds = _mapped(model, trained, source, folder / "drivers", args.draws, args.places)
    step, off = facts["step"], 0.0
    rows, cols = (each[:: max(1, len(each) // args.alone)][: args.alone] for each in np.nonzero(np.isfinite(layers[0])))
    opened = SimpleNamespace(scene=source.scene, covariates=source.covariates, climate=None, samples=None)
    started = time.perf_counter()
    for row, col in zip(rows, cols, strict=True):
        x, y = source.grid.transform * (col * step + step // 2 + 0.5, row * step + step // 2 + 0.5)
        one = explain_network_pixel(model, source, opened, x, y, None, *trained, settings=NetworkPixel(draws=args.draws))
        ours = np.sort(np.abs(layers[:, row, col]))[::-1]
        theirs = np.sort([abs(each["contribution"]) for each in one["rows"]])[::-1]
        off = max(off, float(np.abs(ours - theirs).max() / theirs.max()))
    alone = len(rows) / (time.perf_counter() - started)
    print(f"| {name} | alone | {len(rows)} | {alone:.2f} | 1 | |")
    rate = facts["valid"] / seconds
    print(f"| {name} | map of {len(layers)} drivers | {facts['valid']} | {rate:.2f} | {rate / alone:.1f} | {off:.1e} |", flush=True)


def _table(name, model, trained, source, folder, args):
    _, whole, _ = _mapped(model, trained, source, folder / "drivers", MANY, args.places)
    known = np.isfinite(whole[0])
    strongest = np.abs(whole[:, known]).argmax(axis=0)
    for draws in (8, 24, 96):
        facts, layers, _ = _mapped(model, trained, source, folder / "drivers", draws, args.places)
        kept = np.mean(np.abs(layers[:, known]).argmax(axis=0) == strongest)
        share = facts["note"].partition("average, ")[2].partition(" %")[0]
        print(f"| {name} | {draws} | {facts['additivity_error_mean']:.2g} | {share} % | {100 * kept:.0f} % |", flush=True)


if __name__ == "__main__":
    main()
