"""Evaluate MVD under the arguments of its MindSpore release: python eval.py --help."""

import sys

try:
    from mvd.original.evaluation import main
except ModuleNotFoundError as error:
    sys.exit(f"eval.py: expected the package mvd and what it needs, found no {error.name}; pip install .")

if __name__ == "__main__":
    sys.exit(main())
