"""Commands that tell and hand on what a project holds: ``report`` and ``bundle``."""

from soilcore.project.running import command, do


def add_report_commands(commands):
    """``report`` and ``bundle``."""
    _report(commands)
    _bundle(commands)


def _report(commands):
    parser = command(commands, "report", "tell a project on one page", _run_report)
    _add_project(parser)
    parser.add_argument("--out", required=True, metavar="FILE", help=".html (needs nothing else), .pdf, or .json (the facts alone)")


def _run_report(args):
    from soilcore.project.report_settings import ReportTask

    return do("report", ReportTask(args.project, args.out, args.model, args.map, args.overwrite), args)


def _bundle(commands):
    parser = command(commands, "bundle", "put a project's results and all that re-creates them into one archive", _run_bundle)
    _add_project(parser)
    parser.add_argument("--out", required=True, metavar="ZIP")
    parser.add_argument("--without-inputs", action="store_true", help="leave out the files it was made of, and state their hashes")


def _run_bundle(args):
    from soilcore.project.report_settings import BundleTask

    return do("bundle", BundleTask(args.project, args.out, args.model, args.map, not args.without_inputs, args.overwrite), args)


def _add_project(parser):
    parser.add_argument("project", metavar="PROJECT", help="folder of the project, with models and maps in it")
    parser.add_argument("--model", metavar="NAME", help="which of its models (default: the one behind the map)")
    parser.add_argument("--map", metavar="NAME", help="which of its maps (default: the one last chosen in the app, else the last made)")
