"""Run a command that the kernel ends as soon as its parent ends, even on kill -9.

    python die_with_parent.py PARENT_PID SIGNAL UID:GID|- COMMAND [ARGUMENT...]

A program of its own because PR_SET_PDEATHSIG is to be set between fork and exec, where Python
code is unsafe in a process with threads, and after the change of user, which clears it
(prctl(2)). It imports the standard library alone: it is run by path, before any change of user.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def become(user: str) -> None:
    """Give up root for `user` (`UID:GID` in numbers), or stay what we are for `-`."""
    if user != "-":
        uid, gid = map(int, user.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def die_with_parent(parent: int, death_signal: int) -> None:
    """Ask for `death_signal` when the parent ends; on a system without prctl(2) do nothing.

    Raises ProcessLookupError when the parent ended before we asked.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        raise ProcessLookupError(parent)


def main(arguments: list[str]) -> None:
    parent, death_signal, user, *command = arguments
    become(user)
    die_with_parent(int(parent), signal.Signals[death_signal])
    os.execv(command[0], command)  # noqa: S606 -- replacing ourselves is the purpose


if __name__ == "__main__":
    main(sys.argv[1:])
