"""Prepare SYSU-MM01 as the MindSpore release of MVD does: python pre_process_sysu.py --data-path DATA."""

import sys

try:
    from mvd.original.preprocessing import main
except ModuleNotFoundError as error:
    sys.exit(f"pre_process_sysu.py: expected the package mvd and what it needs, found no {error.name}; pip install ..")

if __name__ == "__main__":
    sys.exit(main())
