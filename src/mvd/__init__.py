"""mvd: visible–infrared person re-identification, with MVD (Tian et al., CVPR 2021) as its method.

The public names are the modules': `mvd.config`, `mvd.data`, `mvd.metrics`, `mvd.commands`. Importing this package
imports none of them, and no framework.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("mvd")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"
