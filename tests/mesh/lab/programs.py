"""Starts programs and waits for them."""

import os
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# An in-memory file system that is visible only in the lab's mount namespace.
WORK = Path(os.environ["LAB"])


def start(name, command, *, env=None, cwd=None, stdin=subprocess.DEVNULL, stdout=None):
    """Starts a program that logs to its own file. It ends with the lab's PID namespace at the latest."""
    (WORK / "logs").mkdir(parents=True, exist_ok=True)
    log = open(WORK / "logs" / f"{name}.log", "ab")
    # A separate session, so that Ctrl-C reaches only the lab's first process.
    return subprocess.Popen(
        [str(part) for part in command],
        env=env,
        cwd=cwd,
        stdin=stdin,
        stdout=log if stdout is None else stdout,
        stderr=log,
        start_new_session=True,
    )


def run(*command, stdin=None, env=None, cwd=None, may_fail=False):
    """Runs a program to completion and returns its standard output.

    With `may_fail`, returns the exit code together with standard output and standard error.
    """
    done = subprocess.run(
        [str(part) for part in command],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        env=env,
        cwd=cwd,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if may_fail else subprocess.PIPE,
    )
    if done.returncode and not may_fail:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return (done.returncode, done.stdout) if may_fail else done.stdout


def environment(**variables):
    """Returns a minimal environment, so that the developer's shell does not influence the programs."""
    return {"PATH": os.environ["PATH"], "HOME": str(WORK), **variables}


def wait_for(what, check, seconds=60):
    """Polls until `check` returns a true value, and returns it. For programs that do not signal when they are ready."""
    end = time.monotonic() + seconds
    while True:
        try:
            result = check()
            if result:
                return result
        except (OSError, RuntimeError) as error:
            result = error
        if time.monotonic() > end:
            raise TimeoutError(f"timed out after {seconds} s waiting for {what}; last result: {result!r}")
        time.sleep(0.05)
