"""The command line: ``python -m soilcore COMMAND ...``. Names and JSON keys are a contract: add, never rename.

Exit 0: done. 1: the input was read but cannot be used for this. 2: wrong call or unreadable input.
"""

import argparse
import re
import signal
import sys
import threading
import traceback

from soilcore.core.errors import SettingsError, SoilcoreError, Stopped
from soilcore.core.threads import wait_quietly
from soilcore.project.commands_act import add_act_commands
from soilcore.project.commands_chain import add_chain_commands
from soilcore.project.commands_change import add_change_commands
from soilcore.project.commands_explain import add_explain_commands
from soilcore.project.commands_imagery import add_imagery_commands
from soilcore.project.commands_map_years import add_map_years_command
from soilcore.project.commands_report import add_report_commands
from soilcore.project.commands_spectra import add_spectra_commands
from soilcore.project.running import fail


def _with_lists(arguments):
    """Join options and lists of numbers whose first is negative (``--bbox -5,30,-4,31``), which argparse takes for options."""
    joined = []
    for argument in map(str, arguments):
        if joined and re.fullmatch(r"--[a-z-]+", joined[-1]) and re.match(r"-[\d.]+,", argument):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def main(arguments=None):
    """Run one command and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    wait_quietly()
    parser = build_parser()
    args = parser.parse_args(_with_lists(arguments))
    if args.command is None:
        parser.print_help()
        return 2
    _end_in_order_on_request()
    try:
        return args.run(args)
    except SoilcoreError as error:
        if args.debug:
            traceback.print_exc()
        return fail(error, args.json)
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
        return fail(SettingsError(message), args.json)


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
    add_chain_commands(commands)
    add_imagery_commands(commands)
    add_map_years_command(commands)
    add_change_commands(commands)
    add_explain_commands(commands)
    add_spectra_commands(commands)
    add_act_commands(commands)
    add_report_commands(commands)
    for name, what in {"app": "open the app", "test": "set up and run the tests", "setup": "install what the app needs"}.items():
        commands.add_parser(name, help=what)
    return parser
