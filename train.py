"""Train MVD under the arguments of its MindSpore release: python train.py --help."""

import sys

try:
    from mvd.original.training import main
except ModuleNotFoundError as error:
    sys.exit(f"train.py: expected the package mvd and what it needs, found no {error.name}; pip install .")

if __name__ == "__main__":
    sys.exit(main())
