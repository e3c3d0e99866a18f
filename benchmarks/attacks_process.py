"""Processes of `attacks.py`: run a verb in its own session, send a signal, and check how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

LONGEST = 300.0  # seconds


class Process:
    """A verb in a process and a session of its own.

    Args:
        arguments: of `mvd`.
        folder: to run in; its errors go to a file there.
        anew: start Python for it, instead of forking this process.
    """

    def __init__(self, arguments: Sequence[str], folder: Path, *, anew: bool = False) -> None:
        self.arguments = arguments
        self.errors = folder / f"errors-{time.monotonic_ns()}"
        self.began = time.monotonic()
        temporary = folder / "tmp"
        temporary.mkdir(exist_ok=True)
        if anew:
            with self.errors.open("wb") as errors:
                self.pid = subprocess.Popen(
                    [sys.executable, "-m", "mvd", *arguments], cwd=folder, stdout=subprocess.DEVNULL, stderr=errors,
                    start_new_session=True, env={**os.environ, "TMPDIR": str(temporary)},
                ).pid  # fmt: skip
            return
        self.pid = os.fork()
        if not self.pid:
            self._become(folder, temporary)

    def _become(self, folder: Path, temporary: Path) -> None:
        code = 70
        try:
            os.setsid()
            os.chdir(folder)
            os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
            os.dup2(os.open(self.errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            from mvd.cli import main

            code = main(list(self.arguments))
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def end(self, number: int | None = None, after: float = 0.0) -> tuple[int, list[str]]:
        """Wait for the end, with a signal after some seconds if there is one; return the status and the faults."""
        deadline = self.began + LONGEST
        moment = self.began + after if number is not None else deadline
        status = None
        while status is None:
            done, found = os.waitpid(self.pid, os.WNOHANG)
            if done:
                status = os.waitstatus_to_exitcode(found)
            elif time.monotonic() >= deadline:
                os.kill(self.pid, signal.SIGKILL)
                moment = deadline = time.monotonic() + 5
                number = signal.SIGKILL
                self.errors.write_text("no end")
            elif number is not None and time.monotonic() >= moment:
                os.kill(self.pid, number)
                moment = deadline + 1
            else:
                time.sleep(0.002)
        return status, [*self._faults(status, number)]

    def _faults(self, status: int, number: int | None) -> Iterator[str]:
        text = self.errors.read_text(errors="replace") if self.errors.exists() else ""
        what = " ".join(self.arguments[:2])
        if text == "no end":
            yield f"no end: {what}"
        elif "Traceback (most recent call last)" in text or status == 70:
            yield f"traceback: {what}: {text.strip().splitlines()[-1][:200] if text.strip() else status}"
        elif status < 0 and -status != number:
            yield f"crash: {what} by {signal.Signals(-status).name}"
        elif status not in {0, 1, 130, 143} and status >= 0:
            yield f"crash: {what} with status {status}"
        elif status == 1 and self.arguments[0] != "check" and sum(bool(line) for line in text.splitlines()) > 3:
            yield f"traceback: {what}: {len(text.splitlines())} lines of errors"
        if orphans := self._orphans():
            yield f"orphan: {what}: {orphans}"

    def _orphans(self) -> int:
        """Count the processes of the session that live on for five seconds, and kill them."""
        for _ in range(50):
            left = [pid for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))) if _session(pid) == self.pid]  # noqa: PTH208
            if not left:
                return 0
            time.sleep(0.1)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        return len(left)


def _session(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return -1
    return -1 if fields[0] == "Z" else int(fields[3])
