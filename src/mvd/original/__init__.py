"""The MindSpore release's own interface: its arguments, its scripts, its result files, on top of `mvd.commands`.

`arguments` reads the command lines, `settings` makes a configuration of them, `devices` and `cloud` find what to
compute on and fetch what to train on, `performance` writes the result files, `weights` the checkpoints beside them,
`watching` does both while a run goes on, and `training`, `evaluation` and `preprocessing` are the three programs.
docs/from-the-original.md tells what is what.
"""
