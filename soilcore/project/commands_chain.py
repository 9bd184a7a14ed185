"""The commands of the chain: from a table to a map."""

from soilcore.core.errors import ModelError
from soilcore.project import options
from soilcore.project.options_networks import add_networks
from soilcore.project.running import command, do, done, fail, progress, show


def add_chain_commands(commands):
    """Commands that check, explore, train and map."""
    for add in (
        _demo,
        _check,
        _indices,
        _correlate,
        _search,
        _models,
        _compare,
        _train,
        _dual_step,
        _learning_curve,
        _learning_rate,
        _hot_spots,
        _external,
        _map,
        _run,
    ):
        add(commands)


def _demo(commands):
    parser = command(commands, "demo", "write a synthetic landscape whose truth is known", _run_demo)
    parser.add_argument("out", metavar="DIR")
    parser.add_argument("--kind", choices=("coast", "continental", "spectra"), default="coast")
    parser.add_argument("--size", type=int, default=256, help="pixels along a side")
    parser.add_argument("--cell", type=float, default=20.0, help="pixel side in metres")
    parser.add_argument("--samples", type=int)
    parser.add_argument("--dates", type=int, default=12)


def _run_demo(args):
    from soilcore.project.settings import DemoTask

    return do("demo", DemoTask(args.out, args.kind, args.size, args.cell, args.samples, args.dates, args.seed, args.overwrite), args)


def _check(commands):
    parser = command(commands, "check", "look for what is wrong with a table", _run_check)
    options.add_table(parser)
    options.add_scene(parser)


def _run_check(args):
    from soilcore.project.settings import CheckTask

    facts = done("check", CheckTask(options.input_settings(args)), args)
    show("check", facts, args)
    return 0 if facts["ok"] else 1


def _indices(commands):
    parser = command(commands, "indices", "write spectral index rasters of a scene", _run_indices)
    options.add_scene(parser, required=True)
    options.add_features(parser)
    parser.add_argument("--date", metavar="D", help="which of several dated scenes")
    parser.add_argument("--out", required=True, metavar="TIF")
    parser.add_argument("--window", type=int, default=512)


def _run_indices(args):
    from soilcore.project.settings import IndicesTask

    return do("indices", IndicesTask(options.input_settings(args), args.out, args.window, args.overwrite, args.date), args)


def _correlate(commands):
    parser = command(commands, "correlate", "correlate bands and indices with the target", _run_correlate)
    options.add_table(parser)
    options.add_scene(parser)
    options.add_features(parser)
    parser.add_argument("--log-target", action="store_true", help="correlate with the decimal logarithm of the target")


def _run_correlate(args):
    from soilcore.project.settings import CorrelateTask

    return do("correlate", CorrelateTask(options.input_settings(args), args.log_target), args)


def _search(commands):
    parser = command(commands, "search", "search index formulas, guarded against chance", _run_search)
    options.add_table(parser)
    options.add_scene(parser)
    options.add_features(parser)
    parser.add_argument("--statistic", choices=("spearman", "pearson"), default="spearman")
    parser.add_argument("--log-target", action="store_true")
    parser.add_argument("--permutations", type=int, default=999)
    parser.add_argument("--search-roles", metavar="B,G,...", help="search only these bands (default: all at hand)")
    parser.add_argument("--top", type=int, default=50, help="rows to return")


def _run_search(args):
    from soilcore.project.settings import SearchTask

    inputs = options.input_settings(args)
    return do(
        "search", SearchTask(inputs, args.statistic, args.log_target, args.permutations, options.words(args.search_roles), args.top, args.seed), args
    )


def _models(commands):
    command(commands, "models", "list the learners", _run_models)


def _run_models(args):
    from soilcore.models.catalogue import learner_specs

    show(
        "models",
        [
            {"name": s.name, "family": s.family, "label": s.label, "parameters": s.parameters, "citation": s.citation, "available": s.available}
            for s in learner_specs()
        ],
        args,
    )
    return 0


def _compare(commands):
    parser = command(commands, "compare", "score learners under the same folds", _run_compare)
    _add_chain(parser)
    parser.add_argument("--models", required=True, metavar="A,B,C")
    parser.add_argument("--table4", action="store_true", help="add the layout of Lan et al.'s Table 4: five methods, novel against existing indices")
    parser.add_argument("--predictions", action="store_true", help="add the out-of-fold predictions of every learner, with their intervals")
    options.add_trust(parser)


def _run_compare(args):
    from soilcore.project.settings import CompareTask

    task = CompareTask(
        options.input_settings(args),
        options.words(args.models),
        options.split_settings(args),
        options.fit_settings(args),
        args.table4,
        args.predictions,
        **options.trust_settings(args),
    )
    return do("compare", task, args)


def _train(commands):
    parser = command(commands, "train", "score a learner, fit it on all samples, save it", _run_train)
    _add_chain(parser)
    parser.add_argument("--model", required=True, metavar="NAME")
    parser.add_argument("--out", required=True, metavar="DIR")
    options.add_trust(parser)


def _run_train(args):
    from soilcore.project.settings import TrainTask

    task = TrainTask(
        options.input_settings(args),
        args.model,
        args.out,
        options.split_settings(args),
        options.fit_settings(args),
        args.overwrite,
        **options.trust_settings(args),
    )
    return do("train", task, args)


def _dual_step(commands):
    parser = command(commands, "dual-step", "classify, then regress in each class, beside single regressors", _run_dual_step)
    _add_chain(parser)


def _run_dual_step(args):
    from soilcore.project.settings import DualStepTask

    return do("dual-step", DualStepTask(options.input_settings(args), options.split_settings(args), options.fit_settings(args)), args)


def _learning_curve(commands):
    parser = command(commands, "learning-curve", "score a learner on growing numbers of samples", _run_learning_curve)
    _add_chain(parser)
    parser.add_argument("--model", required=True, metavar="NAME")


def _run_learning_curve(args):
    from soilcore.project.settings import LearningCurveTask

    task = LearningCurveTask(options.input_settings(args), args.model, options.split_settings(args), options.fit_settings(args), args.resume)
    return do("learning-curve", task, args)


def _learning_rate(commands):
    parser = command(commands, "learning-rate", "find the learning rates at which a network learns", _run_learning_rate)
    _add_chain(parser)
    parser.add_argument("--model", required=True, metavar="NAME")


def _run_learning_rate(args):
    from soilcore.project.settings import LearningRateTask

    task = LearningRateTask(options.input_settings(args), args.model, options.split_settings(args), options.fit_settings(args))
    return do("learning-rate", task, args)


def _hot_spots(commands):
    parser = command(commands, "hot-spots", "find where high and low values gather (Getis-Ord Gi*)", _run_hot_spots)
    options.add_table(parser)
    parser.add_argument("--k", type=int, help="nearest samples to look at (default: those within half the range of the variogram, or 8)")
    parser.add_argument("--band", type=float, metavar="M", help="look at all samples within so many metres instead")
    parser.add_argument("--out", metavar="GPKG", help="write the samples with z, p and class")


def _run_hot_spots(args):
    from soilcore.project.settings import HotSpotsTask

    return do("hot-spots", HotSpotsTask(options.input_settings(args), args.out, args.k, args.band, args.overwrite), args)


def _add_chain(parser):
    options.add_table(parser)
    options.add_scene(parser)
    options.add_features(parser)
    options.add_folds(parser)
    options.add_fitting(parser)
    options.add_dual_step(parser)
    add_networks(parser)


def _external(commands):
    parser = command(commands, "external", "score a saved model on another table", _run_external)
    parser.add_argument("model_dir", metavar="MODEL_DIR")
    options.add_table(parser)
    options.add_scene(parser)
    options.add_covariates(parser)


def _run_external(args):
    from soilcore.project.settings import ExternalTask

    return do("external", ExternalTask(args.model_dir, options.input_settings(args)), args)


def _map(commands):
    parser = command(commands, "map", "map a saved model", _run_map)
    parser.add_argument("model_dir", metavar="MODEL_DIR")
    options.add_scene(parser)
    options.add_covariates(parser)
    parser.add_argument("--date", metavar="D", help="day or year of the map, where imagery, covariates or climate change with time")
    parser.add_argument("--out", required=True, metavar="TIF")
    parser.add_argument("--interval", type=float, metavar="LEVEL")
    parser.add_argument("--threshold", type=float, action="append", default=[], metavar="V")
    parser.add_argument("--classes", choices=("usda", "fao", "fao2006", "cn-coastal"))
    parser.add_argument("--aoa", action="store_true")
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--stride", type=int, default=1, metavar="K", help="networks: compute every K-th pixel, interpolate and state the error")
    parser.add_argument("--cluster", metavar="ADDRESS")


def _run_map(args):
    from soilcore.project.settings import MapTask

    task = MapTask(
        args.model_dir,
        args.out,
        options.input_settings(args),
        date=args.date,
        window=args.window,
        classes=args.classes,
        interval=args.interval,
        thresholds=tuple(args.threshold),
        aoa=args.aoa,
        stride=args.stride,
        cluster=args.cluster,
        overwrite=args.overwrite,
        device=args.device,
    )
    return do("map", task, args)


def _run(commands):
    parser = command(commands, "run", "re-create a result from its run file", _run_run)
    parser.add_argument("runfile", metavar="RUNFILE.json")


def _run_run(args):
    from soilcore.project.run import run_file_again

    facts = run_file_again(args.runfile, overwrite=args.overwrite, report=progress(args))
    show("run", facts, args)
    if facts["identical"] is False:
        return fail(ModelError(_not_the_same(facts)), as_json=False)
    if facts["sums"] and facts["sums"]["changed"]:
        return fail(ModelError(_changed_since(facts["sums"])), as_json=False)
    return 0


def _not_the_same(facts):
    versions = "; ".join(f"{name} {one['run']} then, {one['now'] or 'none'} now" for name, one in facts["versions_differ"].items())
    why = f"The versions differ: {versions}." if versions else "The versions are the same, so the machine computes otherwise."
    known = sum(facts[kind] for kind in ("rasters", "tables", "others"))
    return f"{len(facts['differ'])} of {known} files did not come out as they were: {_first(facts['differ'])}. {why}"


def _changed_since(sums):
    return (
        f"{len(sums['changed'])} of {sums['files']} files are not what the archive held: {_first(sums['changed'])}. "
        "Everything that run.json makes came out the same; take these from an untouched archive."
    )


def _first(names, most=5):
    return ", ".join(map(repr, names[:most])) + (" ..." if len(names) > most else "")
