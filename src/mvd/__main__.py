"""`python -m mvd`, which is `mvd`: the form in which torchrun launches it."""

import sys

from mvd.cli import main

sys.exit(main())
