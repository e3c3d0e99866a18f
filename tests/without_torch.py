"""Code that runs before a program to hide PyTorch from it, whether or not PyTorch is installed."""

BLOCKED = """
import sys

class NoTorch:
    @staticmethod
    def find_spec(name, *_):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NoTorch)
"""
