"""A script that does not outlive the process that started it.

    python -m operations.sync.child PARENT_PID SCRIPT [ARGS]...

When its parent is killed the script gets SIGTERM, so that it ends as by hand and holds no lock
against the next run. Only Linux can tell a process so; elsewhere it runs to its own end.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys
from collections.abc import Sequence

# <linux/prctl.h>; it holds for this process and whatever it becomes.
PR_SET_PDEATHSIG = 1


def child_command(script: str, *args: str) -> list[str]:
    """The command that runs a script as a child of this process."""
    return [sys.executable, "-m", "operations.sync.child", str(os.getpid()), script, *args]


def end_with_parent(parent_pid: int) -> None:
    """Ask the system for SIGTERM when the parent ends; leave when it has ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent_pid:
            sys.exit(128 + signal.SIGTERM)


def main(argv: Sequence[str]) -> None:
    """Run the script as `python SCRIPT ARGS` would."""
    parent_pid, script, *args = argv
    end_with_parent(int(parent_pid))
    sys.argv = [script, *args]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
