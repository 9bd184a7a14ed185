"""The commands that compare maps: of several dates, and of changed predictors."""

from soilcore.core.errors import SettingsError
from soilcore.project import options
from soilcore.project.running import command, do


def add_change_commands(commands):
    """Commands `change` and `scenario`."""
    _change(commands)
    _scenario(commands)


def _change(commands):
    parser = command(commands, "change", "compare maps of several dates: differences beyond the interval, trends, what lasts", _run_change)
    parser.add_argument("maps", metavar="MAP", nargs="+", help="maps of one area, each with its bounds beside it (map --interval)")
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--dates", metavar="D,D,...", help="days or years in the order of the maps (default: from their run files and names)")
    parser.add_argument("--classes", metavar="SCHEME", help="usda, fao, fao2006 or cn-coastal (default: one that fits)")
    parser.add_argument("--edges", metavar="V,V,...", help="class limits instead of a scheme")
    parser.add_argument("--low-max", type=int, default=0, metavar="N", help="classes up to this one, from 0, are low (default 0)")
    parser.add_argument("--high-min", type=int, default=3, metavar="N", help="classes from this one on are high (default 3)")
    parser.add_argument("--stable-share", type=float, default=0.8, metavar="S", help="share of the dates that makes a pixel stable (default 0.8)")
    parser.add_argument(
        "--draws", type=int, default=100, metavar="N", help="draws of the intervals that tell how sure labels are (default 100, 0: none)"
    )
    parser.add_argument("--level", type=float, metavar="LEVEL", help="level the maps' intervals must have (default: what they have)")
    add_change_rule(parser)
    parser.add_argument("--window", type=int, default=256)


def _run_change(args):
    from soilcore.project.change_settings import ChangeTask

    task = ChangeTask(
        tuple(args.maps),
        args.out,
        options.words(args.dates),
        args.classes,
        _numbers(args.edges, "--edges"),
        args.low_max,
        args.high_min,
        args.stable_share,
        args.draws,
        args.seed,
        level=args.level,
        window=args.window,
        overwrite=args.overwrite,
        **change_rule(args),
    )
    return do("change", task, args)


def _scenario(commands):
    parser = command(commands, "scenario", "map a saved model with changed predictors, within what it was trained on", _run_scenario)
    parser.add_argument("model_dir", metavar="MODEL_DIR")
    options.add_scene(parser)
    options.add_covariates(parser)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=+V",
        help="add +V or -V to a predictor (a band, index, covariate or climate variable), multiply it by *F, or set it to =V; repeatable",
    )
    parser.add_argument("--date", metavar="D", help="day or year, where imagery, covariates or climate change with time")
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--interval", type=float, default=0.9, metavar="LEVEL", help="level of the prediction intervals (default 0.9)")
    parser.add_argument("--classes", choices=("usda", "fao", "fao2006", "cn-coastal"))
    parser.add_argument(
        "--correlation",
        default="0",
        metavar="R",
        help="of the errors of both predictions of a pixel: 0 (default) claims a change too seldom, -1 holds whatever it is",
    )
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--stride", type=int, default=1, metavar="K", help="networks: compute every K-th pixel and interpolate")


def _run_scenario(args):
    from soilcore.project.change_settings import ScenarioTask

    task = ScenarioTask(
        args.model_dir,
        args.out,
        options.input_settings(args),
        tuple(args.set),
        args.date,
        args.classes,
        args.interval,
        _correlation(args.correlation),
        args.window,
        args.stride,
        args.overwrite,
        args.device,
    )
    return do("scenario", task, args)


def _numbers(text, option):
    try:
        return tuple(float(word) for word in options.words(text))
    except ValueError:
        raise SettingsError(f"{option} must be numbers such as 2,4,8; got {text!r}.") from None


def add_change_rule(parser):
    """Options that say when a difference between two maps is a change."""
    parser.add_argument(
        "--correlation",
        metavar="R",
        help="of the errors of one pixel on two dates: 0 claims a change too seldom, -1 holds whatever it is; maps (default): told by the maps, if "
        "most of the land did not change. Given without --false-changes, a change is whatever exceeds the joint interval of both predictions",
    )
    parser.add_argument(
        "--false-changes",
        type=float,
        metavar="Q",
        help=f"raise the limit on differences until at most this share of the land shown as changed is expected not to have changed (default {options.USUAL_FALSE_CHANGES:g}, "
        "unless --correlation is given)",
    )


def change_rule(args):
    """Settings that those options stand for."""
    correlation, false_changes = args.correlation, args.false_changes
    if correlation is None and false_changes is None:
        false_changes = options.USUAL_FALSE_CHANGES
    return {"correlation": _correlation("maps" if correlation is None else correlation), "false_changes": false_changes}


def _correlation(text):
    return text if text == "maps" else _numbers(text, "--correlation")[0]
