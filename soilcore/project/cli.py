"""The command line: ``python -m soilcore COMMAND ...``. Names and JSON keys are a contract: add, never rename.

Exit 0: done. 1: the input was read but cannot be used for this. 2: wrong call or unreadable input.
"""

import argparse
import json
import signal
import sys
import threading
import time
import traceback

from soilcore.core.errors import NotAvailableError, SettingsError, SoilcoreError, Stopped
from soilcore.core.files import plain
from soilcore.project import options, printing

LATER = {
    "terrain": "slope, aspect and curvatures of an elevation model",
    "phenology": "season start, peak and green-up speed of a vegetation series",
    "composite": "one image from many dates",
    "fetch": "imagery from a STAC catalogue",
    "spectra": "spectral libraries",
    "explain": "attributions",
    "change": "differences between maps",
    "scenario": "what-if maps",
    "fields": "statistics per field",
    "advise": "crops and leaching",
    "report": "a report of a project",
    "bundle": "everything of a project in one archive",
}


def main(arguments=None):
    """Run one command and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser = build_parser()
    if arguments and arguments[0] in LATER and not {"-h", "--help"} & set(arguments):
        return _fail(NotAvailableError(f"`{arguments[0]}` ({LATER[arguments[0]]}) is not available yet."), "--json" in arguments)
    args = parser.parse_args(arguments)
    if args.command is None:
        parser.print_help()
        return 2
    _end_in_order_on_request()
    try:
        return args.run(args)
    except SoilcoreError as error:
        if args.debug:
            traceback.print_exc()
        return _fail(error, args.json)
    except (KeyboardInterrupt, Stopped):
        print("Stopped; nothing half-written was left behind.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0
    except Exception as error:  # the last wall: a defect of ours must not reach a user as a traceback
        if args.debug:
            raise
        message = (
            f"This is a defect of soilcore, not of your input: {type(error).__name__}: {error}. Run again with --debug and report what it prints."
        )
        return _fail(SettingsError(message), args.json)


def _end_in_order_on_request():
    """A request to end (SIGTERM) unwinds like Ctrl-C, so that temporary files are removed on the way."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _raise_stopped)


def _raise_stopped(number, frame):
    raise Stopped


def build_parser():
    """The parser with every command."""
    parser = argparse.ArgumentParser(prog="python -m soilcore", description="From soil samples and imagery to maps with honest scores.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _demo(commands)
    _check(commands)
    _indices(commands)
    _correlate(commands)
    _search(commands)
    _models(commands)
    _compare(commands)
    _train(commands)
    _dual_step(commands)
    _learning_curve(commands)
    _hot_spots(commands)
    _external(commands)
    _map(commands)
    _run(commands)
    for name, what in LATER.items():
        later = commands.add_parser(name, help=f"{what} (not available yet)", add_help=True)
        options.add_general(later)
    for name, what in {"app": "open the app", "test": "set up and run the tests", "setup": "install what the app needs"}.items():
        commands.add_parser(name, help=what)
    return parser


def _command(commands, name, what, run):
    parser = commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
    options.add_general(parser)
    parser.set_defaults(run=run)
    return parser


def _demo(commands):
    parser = _command(commands, "demo", "write a synthetic landscape whose truth is known", _run_demo)
    parser.add_argument("out", metavar="DIR")
    parser.add_argument("--kind", choices=("coast", "continental", "spectra"), default="coast")
    parser.add_argument("--size", type=int, default=256, help="pixels along a side")
    parser.add_argument("--cell", type=float, default=20.0, help="pixel side in metres")
    parser.add_argument("--samples", type=int)
    parser.add_argument("--dates", type=int, default=12)


def _run_demo(args):
    from soilcore.project.settings import DemoTask

    return _do("demo", DemoTask(args.out, args.kind, args.size, args.cell, args.samples, args.dates, args.seed, args.overwrite), args)


def _check(commands):
    parser = _command(commands, "check", "look for what is wrong with a table", _run_check)
    options.add_table(parser)
    options.add_scene(parser)


def _run_check(args):
    from soilcore.project.settings import CheckTask

    facts = _task("check", CheckTask(options.input_settings(args)), args)
    _show("check", facts, args)
    return 0 if facts["ok"] else 1


def _indices(commands):
    parser = _command(commands, "indices", "write spectral index rasters of a scene", _run_indices)
    options.add_scene(parser, required=True)
    options.add_features(parser)
    parser.add_argument("--out", required=True, metavar="TIF")
    parser.add_argument("--window", type=int, default=512)


def _run_indices(args):
    from soilcore.project.settings import IndicesTask

    return _do("indices", IndicesTask(options.input_settings(args), args.out, args.window, args.overwrite), args)


def _correlate(commands):
    parser = _command(commands, "correlate", "correlate bands and indices with the target", _run_correlate)
    options.add_table(parser)
    options.add_scene(parser)
    options.add_features(parser)
    parser.add_argument("--log-target", action="store_true", help="correlate with the decimal logarithm of the target")


def _run_correlate(args):
    from soilcore.project.settings import CorrelateTask

    return _do("correlate", CorrelateTask(options.input_settings(args), args.log_target), args)


def _search(commands):
    parser = _command(commands, "search", "search index formulas, guarded against chance", _run_search)
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
    return _do(
        "search", SearchTask(inputs, args.statistic, args.log_target, args.permutations, options.words(args.search_roles), args.top, args.seed), args
    )


def _models(commands):
    _command(commands, "models", "list the learners", _run_models)


def _run_models(args):
    from soilcore.models.catalogue import learner_specs

    _show(
        "models",
        [
            {"name": s.name, "family": s.family, "label": s.label, "parameters": s.parameters, "citation": s.citation, "available": s.available}
            for s in learner_specs()
        ],
        args,
    )
    return 0


def _compare(commands):
    parser = _command(commands, "compare", "score learners under the same folds", _run_compare)
    _add_chain(parser)
    parser.add_argument("--models", required=True, metavar="A,B,C")
    parser.add_argument("--table4", action="store_true", help="add the layout of Lan et al.'s Table 4: five methods, novel against existing indices")
    parser.add_argument("--predictions", action="store_true", help="add the out-of-fold predictions of every learner, with their intervals")
    options.add_trust(parser)


def _run_compare(args):
    from soilcore.project.settings import CompareTask

    _refuse_networks(args)
    task = CompareTask(
        options.input_settings(args),
        options.words(args.models),
        options.split_settings(args),
        options.fit_settings(args),
        args.table4,
        args.predictions,
        args.intervals,
        args.permutations,
    )
    return _do("compare", task, args)


def _train(commands):
    parser = _command(commands, "train", "score a learner, fit it on all samples, save it", _run_train)
    _add_chain(parser)
    parser.add_argument("--model", required=True, metavar="NAME")
    parser.add_argument("--out", required=True, metavar="DIR")
    options.add_trust(parser)


def _run_train(args):
    from soilcore.project.settings import TrainTask

    _refuse_networks(args)
    task = TrainTask(
        options.input_settings(args),
        args.model,
        args.out,
        options.split_settings(args),
        options.fit_settings(args),
        args.overwrite,
        args.intervals,
        args.permutations,
    )
    return _do("train", task, args)


def _dual_step(commands):
    parser = _command(commands, "dual-step", "classify, then regress in each class, beside single regressors", _run_dual_step)
    _add_chain(parser)


def _run_dual_step(args):
    from soilcore.project.settings import DualStepTask

    _refuse_networks(args)
    return _do("dual-step", DualStepTask(options.input_settings(args), options.split_settings(args), options.fit_settings(args)), args)


def _learning_curve(commands):
    parser = _command(commands, "learning-curve", "score a learner on growing numbers of samples", _run_learning_curve)
    _add_chain(parser)
    parser.add_argument("--model", required=True, metavar="NAME")


def _run_learning_curve(args):
    from soilcore.project.settings import LearningCurveTask

    _refuse_networks(args)
    task = LearningCurveTask(options.input_settings(args), args.model, options.split_settings(args), options.fit_settings(args))
    return _do("learning-curve", task, args)


def _hot_spots(commands):
    parser = _command(commands, "hot-spots", "find where high and low values gather (Getis-Ord Gi*)", _run_hot_spots)
    options.add_table(parser)
    parser.add_argument("--k", type=int, help="nearest samples to look at (default: those within half the range of the variogram, or 8)")
    parser.add_argument("--band", type=float, metavar="M", help="look at all samples within so many metres instead")
    parser.add_argument("--out", metavar="GPKG", help="write the samples with z, p and class")


def _run_hot_spots(args):
    from soilcore.project.settings import HotSpotsTask

    return _do("hot-spots", HotSpotsTask(options.input_settings(args), args.out, args.k, args.band, args.overwrite), args)


def _add_chain(parser):
    options.add_table(parser)
    options.add_scene(parser)
    options.add_features(parser)
    options.add_folds(parser)
    options.add_fitting(parser)
    options.add_dual_step(parser)
    for name in ("--epochs", "--batch"):
        parser.add_argument(name, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--resume", action="store_true", help=argparse.SUPPRESS)


def _refuse_networks(args):
    for name in ("epochs", "batch", "resume"):
        if getattr(args, name):
            raise NotAvailableError(f"--{name} is for networks, which are not available yet.")


def _external(commands):
    parser = _command(commands, "external", "score a saved model on another table", _run_external)
    parser.add_argument("model_dir", metavar="MODEL_DIR")
    options.add_table(parser)
    options.add_scene(parser)
    options.add_covariates(parser)


def _run_external(args):
    from soilcore.project.settings import ExternalTask

    return _do("external", ExternalTask(args.model_dir, options.input_settings(args)), args)


def _map(commands):
    parser = _command(commands, "map", "map a saved model", _run_map)
    parser.add_argument("model_dir", metavar="MODEL_DIR")
    options.add_scene(parser)
    options.add_covariates(parser)
    parser.add_argument("--date", metavar="D")
    parser.add_argument("--out", required=True, metavar="TIF")
    parser.add_argument("--interval", type=float, metavar="LEVEL")
    parser.add_argument("--threshold", type=float, action="append", default=[], metavar="V")
    parser.add_argument("--classes", choices=("usda", "fao", "fao2006", "cn-coastal"))
    parser.add_argument("--aoa", action="store_true")
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--stride", type=int, default=1)
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
    )
    return _do("map", task, args)


def _run(commands):
    parser = _command(commands, "run", "re-create a result from its run file", _run_run)
    parser.add_argument("runfile", metavar="RUNFILE.json")


def _run_run(args):
    from soilcore.project.run import run_file_again

    facts = run_file_again(args.runfile, overwrite=args.overwrite, report=_progress(args))
    _show("run", facts, args)
    return 0


def _do(kind, task, args):
    _show(kind, _task(kind, task, args), args)
    return 0


def _task(kind, task, args):
    from soilcore.project.tasks import run_task

    facts = run_task(kind, task, _progress(args))
    for sentence in facts.get("assumed") or ():
        print(f"assumed: {sentence}", file=sys.stderr)
    return facts


def _show(kind, facts, args):
    if args.json:
        print(json.dumps(plain(facts), ensure_ascii=False, allow_nan=False))
    else:
        print(printing.as_text(kind, facts))


def _fail(error, as_json):
    print(error.message, file=sys.stderr)
    if as_json:
        print(json.dumps(plain({"error": error.message, "findings": [vars(finding) for finding in error.findings]}), ensure_ascii=False))
    elif error.findings:
        print(printing.findings_text([vars(finding) for finding in error.findings]), file=sys.stderr)
    return error.exit_code


def _progress(args):
    """A listener that writes to standard error, at most once a second."""
    last = [0.0]

    def listen(done, total, message):
        now = time.monotonic()
        if args.quiet or (now - last[0] < 1.0 and done < total):
            return
        last[0] = now
        print(f"{100 * done / total if total else 100:3.0f} % {message}", file=sys.stderr)

    return listen
