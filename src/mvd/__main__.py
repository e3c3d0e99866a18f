"""`mvd`, and `python -m mvd`, the form in which torchrun launches it."""

import sys


def main() -> int:
    """Run the command line; Ctrl-C while it is still being imported is no traceback."""
    try:
        from mvd.cli import main as run

        return run()
    except KeyboardInterrupt:
        print("mvd: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
