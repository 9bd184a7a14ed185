"""The command that explains a saved model."""

from soilcore.core.errors import SettingsError
from soilcore.project import options
from soilcore.project.running import command, do


def add_explain_commands(commands):
    """Command `explain`."""
    parser = command(commands, "explain", "show on what a saved model's predictions rest, over samples, at one pixel, as maps", _run)
    parser.add_argument("model_dir", metavar="MODEL_DIR")
    options.add_table(parser, required=False)
    options.add_scene(parser)
    options.add_covariates(parser)
    group = parser.add_argument_group("explanation")
    group.add_argument("--at", metavar="X,Y", help="explain the pixel at this place (easting or longitude first) instead of samples")
    group.add_argument("--at-crs", metavar="EPSG:N", help="reference system of --at (default: that of the imagery)")
    group.add_argument("--maps", action="store_true", help="write one raster per driver, and which driver dominates where")
    group.add_argument("--groups", action="store_true", help="maps of groups of drivers that follow exactly from one another, instead of single ones")
    group.add_argument(
        "--step", type=int, metavar="K", help="maps: compute every K-th pixel only, as a preview (default 1; of networks as --places says)"
    )
    group.add_argument("--places", type=int, metavar="N", help="maps of networks: compute N pixels at most (default: as many as take some minutes)")
    group.add_argument("--out", required=True, metavar="DIR")
    group.add_argument("--draws", type=int, metavar="N", help="draws of what cannot be computed exactly (default: as many as are worth their time)")
    group.add_argument("--explain-samples", type=int, metavar="N", help="explain at most so many samples (default 1000)")
    group.add_argument(
        "--permutations",
        type=int,
        metavar="N",
        help="permutations of each driver under the model's folds, in each of which the learner is fitted again (default 5, networks none; 0: none)",
    )
    group.add_argument("--with-window", action="store_true", help="SS-SoilNet: explain the layers of its window at samples too, which takes long")
    group.add_argument("--map-date", metavar="D", help="day or year of pixel and maps; without SAMPLES --date says the same")
    group.add_argument("--interval", type=float, default=0.9, metavar="LEVEL", help="level of the pixel's prediction interval (default 0.9)")
    group.add_argument("--classes", choices=("usda", "fao", "fao2006", "cn-coastal"), help="class of the pixel")


def _run(args):
    from soilcore.project.explain_settings import SAMPLES, ExplainTask

    day = args.map_date or (args.date if args.samples is None else None)
    task = ExplainTask(
        args.model_dir,
        args.out,
        options.input_settings(args),
        _place(args.at),
        args.at_crs,
        args.maps,
        args.groups,
        date=day,
        classes=args.classes,
        interval=args.interval,
        most=SAMPLES if args.explain_samples is None else args.explain_samples,
        draws=args.draws,
        permutations=args.permutations,
        window=args.with_window,
        step=args.step,
        seed=args.seed,
        device=args.device,
        overwrite=args.overwrite,
        places=args.places,
    )
    return do("explain", task, args)


def _place(text):
    """``"X,Y"`` as two numbers."""
    if text is None:
        return ()
    parts = options.words(text)
    try:
        place = tuple(float(part) for part in parts)
    except ValueError:
        place = ()
    if len(place) != 2:
        raise SettingsError(f"--at must be two numbers, X,Y with easting or longitude first; got {text!r}.")
    return place
