"""Starts programs and waits for them."""

import os
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# A file system in memory that only the lab's mount namespace has.
WORK = Path(os.environ["LAB"])


def start(name, command, *, env=None, cwd=None, stdin=subprocess.DEVNULL, stdout=None):
    """A program with a log of its own. It ends with the lab's process namespace, if not before."""
    (WORK / "logs").mkdir(parents=True, exist_ok=True)
    log = open(WORK / "logs" / f"{name}.log", "ab")
    # A session of its own, so that a Ctrl-C meets the lab only.
    return subprocess.Popen(
        [str(part) for part in command],
        env=env,
        cwd=cwd,
        stdin=stdin,
        stdout=log if stdout is None else stdout,
        stderr=log,
        start_new_session=True,
    )


def run(*command, stdin=None, env=None, cwd=None, fails=False):
    """Runs a program to its end; what it printed on standard output, or on both if it may fail."""
    done = subprocess.run(
        [str(part) for part in command],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        env=env,
        cwd=cwd,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if fails else subprocess.PIPE,
    )
    if done.returncode and not fails:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return (done.returncode, done.stdout) if fails else done.stdout


def environment(**variables):
    """Only what a program needs: nothing of the developer's shell decides what it does."""
    return {"PATH": os.environ["PATH"], "HOME": str(WORK), **variables}


def until(what, check, seconds=60):
    """Asks again until there is an answer. For programs of others, which tell nobody when they are ready."""
    end = time.monotonic() + seconds
    while True:
        try:
            answer = check()
            if answer:
                return answer
        except (OSError, RuntimeError) as error:
            answer = error
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not in {seconds} s: {answer!r}")
        time.sleep(0.05)
