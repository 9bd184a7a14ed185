"""What every command shares: its parser, progress on standard error, and facts on standard output as JSON or text."""

import json
import sys
import time

from soilcore.core.files import plain
from soilcore.project import options, printing


def command(commands, name, what, run):
    """A parser of one command with the options all have."""
    parser = commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
    options.add_general(parser)
    parser.set_defaults(run=run)
    return parser


def do(kind, task, args):
    """Run a task and show its facts."""
    show(kind, done(kind, task, args), args)
    return 0


def done(kind, task, args):
    """Run a task, say on standard error what was assumed, and return its facts."""
    from soilcore.project.tasks import run_task

    facts = run_task(kind, task, progress(args))
    for sentence in facts.get("assumed") or ():
        print(f"assumed: {sentence}", file=sys.stderr)
    return facts


def show(kind, facts, args):
    """Print facts as JSON or as text."""
    if args.json:
        print(json.dumps(plain(facts), ensure_ascii=False, allow_nan=False))
    else:
        print(printing.as_text(kind, facts))


def fail(error, as_json):
    """Say what went wrong and return the exit code."""
    print(error.message, file=sys.stderr)
    if as_json:
        print(json.dumps(plain({"error": error.message, "findings": [vars(finding) for finding in error.findings]}), ensure_ascii=False))
    elif error.findings:
        print(printing.findings_text([vars(finding) for finding in error.findings]), file=sys.stderr)
    return error.exit_code


def progress(args):
    """A listener that writes to standard error, at most once a second."""
    last = [0.0]

    def listen(done, total, message):
        now = time.monotonic()
        if args.quiet or (now - last[0] < 1.0 and done < total):
            return
        last[0] = now
        print(f"{100 * done / total if total else 100:3.0f} % {message}", file=sys.stderr)

    return listen
