"""`mvd`, and `python -m mvd`, the form in which torchrun launches it."""

import signal
import sys


def main() -> int:
    """Run the command line; Ctrl-C while it is still being imported, or as Python ends, is no traceback."""
    try:
        from mvd.cli import main as run

        code = run()
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # all is done; libraries that clean up would print theirs
        return code
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one, as this ends
        print("mvd: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
