"""Attribution maps against shap's own explainers, and from click to drivers, in one run: ``python benchmarks/attribution.py``.

A view of the synthetic coast, ten bands and twenty indices, 1,000 samples. The members of a stack: random forest of 300 full trees, XGBoost of 300
rounds at depth 6, a network of 100 and 50 units. Trees: ours over every pixel (of the forest: 20,000 neighbouring ones) against ``shap.TreeExplainer``
with the same 100 background rows (``feature_perturbation="interventional"``), which gets a few pixels, as its rate does not depend on their number;
values are compared there, additivity for all. Beside it XGBoost's own path-dependent contributions, which are other attributions (they ask what trees
do without a feature, not what the background has). The network: ours against ``shap.PermutationExplainer``. Processor time of one core, so that a busy
machine changes the ratios little. Then the rasters of the whole stack, file to file; and from a click on the demo's map to its drivers, the first click of a
process and later ones, without the compiler and with the kernels.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import stack_map

PAIRS = 10  # of walks of the network in a quicker map
CLICK_WAYS = {"plain": "soilcore, without the compiler", "kernels": "soilcore, kernels compiled at the first click"}


def main():
    """Prepare, compare, print."""
    args = _arguments()
    if args.click_way or args.only_clicks:
        return _click_alone(args) if args.click_way else _clicks(args)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(args.folder or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        X, background, learner, model, source = _prepared(folder, args)
        print(
            f"view of {args.size} x {args.size} pixels, {len(X)} valid, {X.shape[1]} predictors, background of {len(background)} samples; CPU seconds of one core"
        )
        print(f"{'member and way':58} {'us/pixel':>10} {'view, s':>9} {'ours is':>9} {'largest difference':>19} {'additivity':>11}")
        _trees("random forest", learner.members_["rf"], X[: args.forest_pixels], len(X), background, args)
        _trees("XGBoost", learner.members_["xgboost"], X, len(X), background, args)
        _network(learner.members_["mlp"], X, background, args)
        _maps(model, source, background, folder, args)
        if not args.no_demo:
            _clicks(args)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=400, help="side of the view in pixels")
    parser.add_argument("--trees", type=int, default=300)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--peer-pixels", type=int, default=24, help="pixels that shap gets")
    parser.add_argument("--forest-pixels", type=int, default=20_000, help="neighbouring pixels that our forest gets; the whole view takes minutes")
    parser.add_argument("--map-step", type=int, default=1, help="one pixel of so many by so many in the rasters of the whole stack")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clicks", type=int, default=40)
    parser.add_argument("--folder", help="keep scene and model here")
    parser.add_argument("--demo", help="folder of a demo template that is there already")
    parser.add_argument("--no-demo", action="store_true", help="leave out the clicks")
    parser.add_argument("--only-clicks", action="store_true", help="leave out all but the clicks")
    parser.add_argument("--click-way", choices=CLICK_WAYS, help=argparse.SUPPRESS)  # one way, in the process that was started for it
    return parser.parse_args()


def _prepared(folder, args):
    """Predictors of the view, background, stack."""
    from soilcore.core.grids import Window
    from soilcore.explanation.background import Background, background_rows
    from soilcore.models.archive import load_model

    layout = argparse.Namespace(size=args.size, trees=args.trees, samples=args.samples, full_tile=False)
    (folder / "features.tif").touch()  # which no peer reads here
    stack_map.prepare(folder, layout)
    model, source = load_model(folder / "model"), stack_map.open_source(folder)
    with source.reader() as reader:
        layers = reader.read(Window(0, 0, source.grid.height, source.grid.width))
    X = layers[:, np.isfinite(layers).all(axis=0)].T
    samples, observed = stack_map._training_pixels(folder, source, args.samples)
    return np.ascontiguousarray(X), Background(samples[background_rows(observed)]), model.learner, model, source


def _cpu(function, rounds=1):
    """Result and median processor seconds."""
    seconds = []
    for _ in range(rounds):
        started = time.process_time()
        result = function()
        seconds.append(time.process_time() - started)
    return result, statistics.median(seconds)


def _trees(name, member, X, pixels, background, args):
    import shap

    from soilcore.explanation.trees import FlatTrees, attributions_of_trees
    from soilcore.models.forest import pack_forest

    estimator, rows = member.pipeline_.steps[-1][1], background.rows.astype(np.float32)
    trees = FlatTrees.of(estimator)
    attributions_of_trees(trees, X[:2], rows, many=True)  # compiled once per process
    ours, seconds = _cpu(lambda: attributions_of_trees(trees, X, rows, many=True), args.rounds)
    packed = pack_forest(estimator)
    base, predicted = packed.predict(rows).mean(), packed.predict(X)
    gap = np.abs(ours.sum(axis=1) + base - predicted).max()
    chosen = np.random.default_rng(0).choice(len(X), args.peer_pixels, replace=False)
    explainer = shap.TreeExplainer(estimator, rows.astype(float), feature_perturbation="interventional")
    theirs, peer = _cpu(lambda: explainer.shap_values(X[chosen].astype(float), check_additivity=False), args.rounds)
    mine, theirs_each = seconds / len(X), peer / len(chosen)
    off = np.abs(theirs.sum(axis=1) + base - predicted[chosen]).max()
    _row(f"{name}: shap.TreeExplainer, same background, {len(chosen)} pixels", theirs_each, pixels, mine, np.abs(ours[chosen] - theirs).max(), off)
    if hasattr(estimator, "get_booster"):
        from xgboost import DMatrix

        estimator.get_booster().set_param({"nthread": 1})
        few = DMatrix(X[:4000])
        _, peer = _cpu(lambda: estimator.get_booster().predict(few, pred_contribs=True), args.rounds)
        _row(f"{name}: pred_contribs, path-dependent (another question)", peer / 4000, pixels, mine)
    _row(f"{name}: soilcore, exact, {len(X)} pixels", mine, pixels, gap=gap)


def _network(member, X, background, args):
    import shap

    from soilcore.explanation.members import Effort, Layout
    from soilcore.explanation.perceptrons import PerceptronsPart
    from soilcore.models.compiled import compile_learner

    networks = compile_learner(member).transformed
    layout = Layout(tuple(map(str, range(X.shape[1]))), X.shape[1], False)
    part = PerceptronsPart(networks).prepare(background.rows, layout, Effort(draws=PAIRS))
    some = X[:4000].astype(float)
    part.attribute(some[:2])
    (ours, errors), seconds = _cpu(lambda: part.attribute(some), args.rounds)
    chosen = some[: args.peer_pixels]
    explainer = shap.PermutationExplainer(networks.exactly, shap.maskers.Independent(background.rows, max_samples=len(background)), seed=0)
    # shap averages every step over the whole background, so one permutation of its costs as much as ours from each background row
    budget = 2 * X.shape[1] + 1
    theirs, peer = _cpu(lambda: explainer(chosen, max_evals=budget, silent=True).values)
    full = PerceptronsPart(networks).prepare(background.rows, layout, Effort())
    (reference, sure), exact = _cpu(lambda: full.attribute(chosen))
    rms = np.sqrt(np.mean((np.asarray(theirs) - reference) ** 2))
    gap = np.abs(ours.sum(axis=1) + part.base - networks.exactly(some)).max()
    _row("network: shap.PermutationExplainer, 1 permutation x 100 rows", peer / len(chosen), len(X), exact / len(chosen))
    _row(f"network: soilcore, {len(background)} pairs of walks", exact / len(chosen), len(X))
    _row(f"network: soilcore, {PAIRS} pairs of walks", seconds / len(some), len(X), gap=gap)
    found = [np.sqrt(np.mean(each**2)) for each in (sure, errors)]
    print(
        f"network: mean attribution {np.abs(ours).mean():.3f}, standard error {found[0]:.3f} ({PAIRS} pairs: {found[1]:.3f}); shap's differ by {rms:.3f} (rms)"
    )


def _row(way, each, pixels, ours=None, difference=None, gap=None):
    ratio = "-" if ours is None else f"{each / ours:8.1f}x"
    words = ["-" if value is None else f"{value:.1e}" for value in (difference, gap)]
    print(f"{way:58} {each * 1e6:10.1f} {each * pixels:9.1f} {ratio:>9} {words[0]:>19} {words[1]:>11}")


def _maps(model, source, background, folder, args):
    from soilcore.explanation.layers import attribution_maps

    started, used = time.perf_counter(), time.process_time()
    facts = attribution_maps(model, source, folder / "drivers", background=background, overwrite=True, draws=PAIRS, step=args.map_step, threads=2)
    seconds, used = time.perf_counter() - started, time.process_time() - used
    print(
        f"rasters of the whole stack, {facts['valid']} pixels, {len(facts['layers'])} drivers, {PAIRS} pairs of walks, finished files: {seconds:.1f} s "
        f"({used:.1f} s of CPU, 2 threads); additivity {facts['additivity_error']:.1e}, of the 32-bit files {facts['additivity_error_written']:.1e}; "
        f"standard error {facts['sampling_error_mean']:.1e}"
    )


def _clicks(args):
    """From a place to value, interval, applicability and drivers on the demo's map, each way in a process of its own that has compiled nothing."""
    from soilcore.project.demo import ensure_template

    with tempfile.TemporaryDirectory() as scratch:
        demo = Path(args.demo) if args.demo else ensure_template(scratch)
        print(
            f"{'click to drivers, the demo stack; CPU s of a fresh process':58} {'ready':>7} {'first':>7} {'second':>7} {'median':>7} {'slowest':>8}"
        )
        for way in CLICK_WAYS:
            command = [sys.executable, __file__, "--click-way", way, "--demo", demo, "--clicks", str(args.clicks)]
            subprocess.run(command, check=True)


def _click_alone(args):
    """The clicks of one way, in this process: what is imported and opened, then seconds of each click."""
    if args.click_way == "kernels":
        from soilcore.core import compiling

        compiling.is_compiled = lambda module, kernel: True  # so that NumPy never steps in, as if there were no other way
    with chdir(args.demo):
        model, source = _opened_demo()
        started = time.process_time()
        used, gaps = _seconds_of_clicks(model, source, args.clicks)
    words = [f"{seconds:7.3f}" for seconds in (started, used[0], used[1], statistics.median(used[1:]))]
    print(f"{CLICK_WAYS[args.click_way]:58} {' '.join(words)} {max(used[1:]):8.3f}   additivity {max(gaps):.1e}", flush=True)


def _opened_demo():
    from soilcore.features.derived import as_trained
    from soilcore.features.recipe import FeatureRecipe
    from soilcore.features.source import FeatureSource
    from soilcore.models.archive import load_model
    from soilcore.project.chain import open_inputs
    from soilcore.project.demo import MODEL, _inputs

    model = load_model(f"models/{MODEL}")
    recipe, inputs = FeatureRecipe.from_dict(model.recipe), _inputs()
    opened = open_inputs(replace(inputs, samples=None, features=as_trained(inputs.features, recipe)))
    return model, FeatureSource(recipe, opened.scene, opened.covariates, opened.climate)


def _seconds_of_clicks(model, source, clicks):
    """Processor seconds of every click that has an answer, the first with what makes the model ready; and what attributions miss."""
    from soilcore.explanation.pixel import PixelExplainer

    transform, rng = source.grid.transform, np.random.default_rng(0)
    started, used, gaps = time.process_time(), [], []
    explainer = PixelExplainer(model, source)
    while len(used) < clicks:
        col, row = rng.integers(source.grid.width) + 0.5, rng.integers(source.grid.height) + 0.5
        facts = explainer.at(transform.c + transform.a * col, transform.f + transform.e * row)
        if facts["valid"]:
            used.append(time.process_time() - started)
            gaps.append(facts["additivity_error"])
        if facts["valid"] or used:
            started = time.process_time()
    return used, gaps


if __name__ == "__main__":
    main()
