"""The MindSpore release's interface on top of `mvd.commands`: its arguments, its scripts, its result files.

`arguments` parses the command lines, `settings` converts them to a configuration, `devices` and `cloud` find devices
and copy data; `performance` writes the result files, `weights` the checkpoints, `watching` both during a run.
`training`, `evaluation` and `preprocessing` are the programs. docs/from-the-original.md lists every argument.
"""
