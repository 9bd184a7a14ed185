"""The command that maps one model for many dates."""

from soilcore.project import options
from soilcore.project.commands_change import add_change_rule, change_rule
from soilcore.project.running import command, do


def add_map_years_command(commands):
    """Command `map-years`."""
    parser = command(commands, "map-years", "map a saved model for every date of a folder of scenes, and compare the maps", _run_map_years)
    parser.add_argument("model_dir", metavar="MODEL_DIR")
    options.add_scene(parser)
    options.add_covariates(parser)
    parser.add_argument("--dates", metavar="D,D,...", help="days or years to map (default: all there are)")
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="folder of each map, with {date} for its date; without it, dates are folders in it"
    )
    parser.add_argument("--interval", type=float, default=0.9, metavar="LEVEL", help="level of the prediction intervals (default 0.9)")
    parser.add_argument("--threshold", type=float, action="append", default=[], metavar="V")
    parser.add_argument("--classes", choices=("usda", "fao", "fao2006", "cn-coastal"))
    parser.add_argument("--aoa", action="store_true")
    parser.add_argument("--compare", metavar="DIR", help="folder of a comparison of the maps, as `change` makes it")
    add_change_rule(parser)
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--stride", type=int, default=1, metavar="K", help="networks: compute every K-th pixel, interpolate and state the error")


def _run_map_years(args):
    from soilcore.project.map_years_settings import MapYearsTask

    task = MapYearsTask(
        args.model_dir,
        args.out,
        options.input_settings(args),
        options.words(args.dates),
        args.classes,
        args.interval,
        tuple(args.threshold),
        args.aoa,
        args.compare,
        window=args.window,
        stride=args.stride,
        overwrite=args.overwrite,
        device=args.device,
        **change_rule(args),
    )
    return do("map-years", task, args)
