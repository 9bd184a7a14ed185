"""``python -m soilcore COMMAND``: set-up commands first, because they must run before anything is installed."""

import sys


def main():
    """Run one command and return its exit code."""
    from soilcore.project import bootstrap

    if sys.argv[1:2] and sys.argv[1] in bootstrap.COMMANDS:
        return bootstrap.main(sys.argv[1:])
    from soilcore.project import cli

    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
