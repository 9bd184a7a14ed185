"""The command ``spectra``: from a spectral library to predictions of new spectra."""

from pathlib import Path

from soilcore.core.errors import SettingsError
from soilcore.project import options
from soilcore.project.options_networks import add_networks
from soilcore.project.running import command, do, done, show

SCHEMES = "random, block, knndm, group:COL, folds:COL, split:COL (training flag), holdout[:COL] (80/10/10) or sequential[:COL] (81/9/10), groups of COL whole"


def add_spectra_commands(commands):
    """``spectra`` and its actions."""
    parser = commands.add_parser(
        "spectra", help="model soil properties from spectra", description="From a spectral library to predictions of new spectra."
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for add in (_check, _preprocess, _train, _compare, _predict, _attribute):
        add(actions)


def _check(actions):
    parser = command(actions, "check", "look for what is wrong with spectra and their table", _run_check)
    _add_spectra(parser)


def _run_check(args):
    from soilcore.project.spectra_settings import SpectraCheckTask

    facts = done("spectra-check", SpectraCheckTask(spectra_settings(args)), args)
    show("spectra-check", facts, args)
    return 0 if facts["ok"] else 1


def _preprocess(actions):
    parser = command(actions, "preprocess", "show what preprocessing does, and write the result", _run_preprocess)
    _add_spectra(parser)
    parser.add_argument("--preprocess", default="snv,sg:11:1:1,co2:zero", metavar="STEPS", help="such as snv,sg:11:1:1,co2:zero (the default)")
    parser.add_argument("--out", metavar="FILE", help="CSV or parquet file")
    parser.add_argument("--examples", type=int, default=5, metavar="N", help="spectra shown before and after")


def _run_preprocess(args):
    from soilcore.project.spectra_settings import SpectraPreprocessTask

    task = SpectraPreprocessTask(spectra_settings(args), args.preprocess, args.out, args.examples, args.overwrite)
    return do("spectra-preprocess", task, args)


def _train(actions):
    parser = command(actions, "train", "score a learner on spectra, fit it, save it", _run_train)
    _add_modelling(parser)
    parser.add_argument("--model", required=True, metavar="NAME", help="plsr, spectra-cnn, svr, ridge, rf, xgboost, mlp, stacking, auto or mean")
    parser.add_argument("--out", required=True, metavar="DIR")


def _run_train(args):
    from soilcore.project.spectra_settings import SpectraTrainTask

    task = SpectraTrainTask(
        spectra_settings(args),
        args.model,
        args.out,
        tuple(args.preprocess),
        options.split_settings(args),
        args.seeds,
        options.fit_settings(args),
        args.overwrite,
        **options.trust_settings(args),
    )
    return do("spectra-train", task, args)


def _compare(actions):
    parser = command(actions, "compare", "score learners on spectra under the same splits", _run_compare)
    _add_modelling(parser)
    parser.add_argument("--models", required=True, metavar="A,B,C")
    parser.add_argument(
        "--curve",
        nargs="?",
        const="auto",
        metavar="N,N,...",
        help="add learning curves at these numbers of spectra (or without numbers: chosen ones)",
    )
    parser.add_argument("--local", action="store_true", help="compare training on all spectra with training inside each --group")
    parser.add_argument("--predictions", action="store_true", help="add the prediction of every tested spectrum")


def _run_compare(args):
    from soilcore.project.spectra_settings import SpectraCompareTask

    task = SpectraCompareTask(
        spectra_settings(args),
        options.words(args.models),
        tuple(args.preprocess),
        options.split_settings(args),
        args.seeds,
        options.fit_settings(args),
        _sizes(args.curve),
        args.local,
        args.predictions,
        **options.trust_settings(args),
    )
    return do("spectra-compare", task, args)


def _sizes(text):
    if text is None:
        return None
    if text == "auto":
        return ()
    words = options.words(text)
    if not all(word.isdigit() for word in words):
        raise SettingsError(f"--curve takes numbers of spectra such as 100,500,1000; got {text!r}.")
    return tuple(int(word) for word in words)


def _predict(actions):
    parser = command(actions, "predict", "predict new spectra with a saved model", _run_predict)
    _add_spectra(parser)
    _add_model(parser)
    parser.add_argument("--out", metavar="FILE", help="CSV, parquet or GeoPackage with prediction, interval and representativeness")
    parser.add_argument("--interval", type=float, default=0.9, metavar="LEVEL", help="promised coverage of the intervals (default 0.9)")


def _run_predict(args):
    from soilcore.project.spectra_settings import SpectraPredictTask

    model, spectra = _model_and_spectra(args)
    return do("spectra-predict", SpectraPredictTask(model, spectra, args.out, args.interval, args.overwrite), args)


def _attribute(actions):
    parser = command(actions, "attribute", "show on which parts of the spectrum predictions rest", _run_attribute)
    _add_spectra(parser)
    _add_model(parser)
    parser.add_argument("--out", metavar="DIR", help="folder for the profiles as tables")
    parser.add_argument("--draws", type=int, default=50, help="baselines drawn per spectrum (default 50)")
    parser.add_argument("--baselines", type=int, default=100, help="training spectra they are drawn from (default 100)")
    parser.add_argument(
        "--seeds", type=int, default=0, metavar="N", help="fit the model anew on N divisions of the library and explain their test spectra"
    )


def _run_attribute(args):
    from soilcore.project.spectra_settings import SpectraAttributeTask

    model, spectra = _model_and_spectra(args)
    task = SpectraAttributeTask(model, spectra, args.out, args.draws, args.baselines, args.seeds, args.seed, args.device, args.overwrite)
    return do("spectra-attribute", task, args)


def _add_spectra(parser):
    parser.add_argument(
        "spectra",
        metavar="SPECTRA",
        nargs="+",
        help="table with a column per wavelength or wavenumber, OPUS or ASD files, or a folder or zip of them",
    )
    options.add_columns(parser)
    group = parser.add_argument_group("spectra")
    group.add_argument("--properties", metavar="FILE", help="table of properties, joined by id")
    group.add_argument("--group", metavar="COL", help="groups, such as soil orders or profiles: scores are given for each")
    group.add_argument("--axis-unit", choices=("cm-1", "nm", "um"), help="unit of the axis")
    group.add_argument("--quantity", choices=("absorbance", "reflectance", "percent"), help="what was measured; percent: reflectance in percent")
    group.add_argument("--spectral-columns", metavar="START", help="how the names of the spectral columns begin, where a table holds several kinds")
    group.add_argument("--below-limit", choices=("drop", "half", "keep"), default="drop", help="samples below --detection-limit (default drop)")
    group.add_argument("--positive", action="store_true", help="leave out spectra that are zero or negative somewhere")
    group.add_argument("--replicates", choices=("keep", "mean"), default="keep", help="scans of one id: rows of their own, or their mean")


def _add_model(parser):
    parser.add_argument("--model", dest="model_dir", metavar="DIR", help="model folder; it may also stand before the spectra")


def _add_modelling(parser):
    _add_spectra(parser)
    parser.add_argument(
        "--preprocess",
        action="append",
        default=[],
        metavar="STEPS",
        help="such as snv,sg:11:1:1,co2:zero, or MODEL=STEPS for one model (default: snv,sg:11:1:1,co2:zero; spectra-cnn: snv)",
    )
    options.add_folds(parser)
    parser.add_argument(
        "--seeds", type=int, default=5, metavar="N", help="divisions of --cv holdout and sequential, and of learning curves (default 5)"
    )
    options.add_fitting(parser)
    add_networks(parser)
    options.add_trust(parser)
    parser.set_defaults(cv="random")
    for action in parser._actions:
        if action.dest == "cv":
            action.help = SCHEMES


def _model_and_spectra(args):
    """Model folder and spectra, whichever way round they were named."""
    paths, model = list(args.spectra), args.model_dir
    if model is None and len(paths) > 1 and (Path(paths[0]) / "model.json").is_file():
        model = paths.pop(0)
    if model is None:
        raise SettingsError("No model was named. Give the folder that `spectra train` wrote: --model DIR.")
    args.spectra = paths
    return model, spectra_settings(args)


def spectra_settings(args):
    """Settings of a library, from parsed options."""
    from soilcore.data.spectra_set import SpectraSettings

    return SpectraSettings(
        tuple(args.spectra),
        options.table_settings(args),
        args.properties,
        args.group,
        args.axis_unit,
        args.quantity,
        args.spectral_columns,
        args.below_limit,
        args.positive,
        args.replicates,
    )
