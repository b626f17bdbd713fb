"""Commands of ours as copies of a process that has imported everything: starting Python took longer than the try.

Each copy has itself traced by strace before its first step, so calls are counted from there.
"""

from __future__ import annotations

import ctypes
import importlib
import multiprocessing
import os
import pkgutil
import runpy
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import agentsync
from agentsync.__main__ import main

ENTRY = str(Path(agentsync.__file__).parent / "_entry.py")
SET_PTRACER, ANYBODY = 0x59616D61, -1  # prctl: strace is a child here, and some systems allow parents only


class Origin:
    """The process that the copies are made of."""

    def __init__(self) -> None:
        self._asks, answers = multiprocessing.Pipe()
        if not os.fork():
            self._asks.close()
            _serve(answers)
        answers.close()

    def start(self, argv: Sequence[str], cwd: Path, strace: Sequence[str]) -> int:
        """Run `agentsync ARGS` or a mode of the hooks' entry (`look STORE`) under strace; its exit status."""
        self._asks.send((argv, cwd, strace))
        status: int = self._asks.recv()
        return status


def _serve(answers: Connection) -> None:
    for module in pkgutil.walk_packages(agentsync.__path__, "agentsync."):
        if not module.name.endswith(("_entry", "__main__")):
            importlib.import_module(module.name)
    while True:
        try:
            order = answers.recv()
        except EOFError:
            os._exit(0)
        answers.send(_run(*order))


def _run(argv: Sequence[str], cwd: Path, strace: Sequence[str]) -> int:
    reads, writes = os.pipe()
    if not (pid := os.fork()):
        try:
            _become(argv, cwd, strace, writes)
        finally:
            os._exit(70)
    os.close(writes)
    status = os.waitpid(pid, 0)[1]
    os.read(reads, 1)  # at its end strace has gone, too, and its log is whole
    os.close(reads)
    return os.waitstatus_to_exitcode(status)


def _become(argv: Sequence[str], cwd: Path, strace: Sequence[str], writes: int) -> None:
    """Have this process traced, and do what was asked for."""
    os.chdir(cwd)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    ctypes.CDLL(None).prctl(SET_PTRACER, ANYBODY, 0, 0, 0)
    tracer = subprocess.Popen(["strace", "-p", str(os.getpid()), *strace], stderr=subprocess.PIPE, pass_fds=[writes])
    assert tracer.stderr and b"attached" in tracer.stderr.readline()
    os.close(writes)
    sys.argv = ["agentsync", *argv[1:]] if argv[0] == "agentsync" else [ENTRY, *argv]
    if argv[0] == "agentsync":
        os._exit(main())
    runpy.run_path(ENTRY, run_name="__main__")
