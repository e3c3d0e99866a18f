#!/usr/bin/env bash
# Build sdist and wheel, check their metadata, install the wheel into an empty environment and start it there.
#
# Usage: scripts/check_package.sh PYTHON
# PYTHON is of an environment with the extra "dev"; the new environment borrows its dependencies, but not its mvd.
set -euo pipefail
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/.."
unset PYTHONPATH

rm -rf build/package
"$python" -m build --no-isolation --outdir build/package >/dev/null
"$python" -m twine check --strict build/package/*

new=$PWD/build/package/venv
"$python" -m venv --without-pip "$new"
"$python" -m pip --python "$new/bin/python" install --quiet --disable-pip-version-check --no-index --no-deps \
    build/package/*.whl
# A line in a .pth file adds a folder to the path without reading the .pth files in it: not the editable mvd.
"$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
    >"$("$new/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/dependencies.pth"

cd "$new"
bin/mvd --help >/dev/null
bin/mvd --version
bin/python - <<'END'
import importlib.metadata
import pathlib
import sys

import mvd

home = pathlib.Path(mvd.__file__).parent
assert home.is_relative_to(sys.prefix), f"expected mvd in {sys.prefix}, found {home}"
assert (home / "py.typed").is_file()
assert importlib.metadata.version("mvd") == mvd.__version__
for name in mvd.__all__:
    getattr(mvd, name)
END
bin/mvd recipes demo >/dev/null

# PyTorch is an extra: without it, what does not compute with it works, and the rest says so in a line.
bin/python - <<'END' >/dev/null
import importlib.metadata
import sys


class NoTorch:
    """As if PyTorch were not installed."""

    @staticmethod
    def find_spec(name, *_):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, NoTorch)
import mvd
from mvd.cli import main

needed = [one for one in importlib.metadata.requires("mvd") if "extra ==" not in one]
assert not any(one.startswith(("torch", "onnx", "lancedb", "pyarrow")) for one in needed), needed
for name in ("embed", "calibrate", "open_model", "check", "prepare", "synth", "show", "metrics", "data"):
    getattr(mvd, name)
try:
    mvd.create_model
except ImportError as error:
    assert str(error).endswith("install it: pip install 'mvd[torch]'"), error
else:
    raise AssertionError("expected an error without PyTorch")
assert main(["recipes", "demo"]) == 0
END
echo "the wheel works in an empty environment"
