"""`benchmarks/gpu.sh` with a stand-in for Python: what a part has found by its time limit is kept."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.sh"
STAND_IN = """#!{python}
import os, pathlib, signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(130))  # as mvd, which writes a checkpoint first
if sys.argv[1] == "-m":
    verb, folder = sys.argv[3:5]
    if verb == "synth":
        pathlib.Path(folder).mkdir()
    if verb in ("train", "ablate"):
        out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
        out.mkdir()
        (out / "metrics.jsonl").write_text(os.environ["PYTHONPATH"])
        (out / "ablation.json").write_text("{{}}\\n")
        time.sleep(60)
else:
    print(sys.argv[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="GNU timeout")
def test_parts_that_run_out_of_time_keep_what_they_found(tmp_path: Path) -> None:
    stand_in, out = tmp_path / "python", tmp_path / "out"
    stand_in.write_text(STAND_IN.format(python=sys.executable))
    stand_in.chmod(0o755)
    limits = {"LIMIT_strong": "3", "LIMIT_ladder": "4"}
    variables = os.environ | limits | {"PYTHON": str(stand_in), "MVD_GPU_TINY": "0"}
    variables |= {"TMPDIR": str(tmp_path), "PYTHONPATH": "/packages"}
    done = subprocess.run(
        ["bash", SCRIPT, out, "strong", "ladder"],
        env=variables,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert done.returncode == 0
    assert (out / "strong.jsonl").read_text() == "src:benchmarks:tests:/packages"
    assert "benchmarks/learning.py" in (out / "strong.log").read_text()
    with tarfile.open(out / "ladder.tar") as kept:
        assert kept.getnames() == ["ladder/ablation.json"]
    assert not [file for file in tmp_path.iterdir() if file.name.startswith("tmp.")]
