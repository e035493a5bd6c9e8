"""The rollback drill with one kind of route, and what must hold. tests/mesh/drill makes the namespaces that it runs in."""

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

from lab.load import Load
from lab.mesh import HOST, Mesh
from lab.page import Browser
from lab.programs import WORK
from lab.refusals import refusals
from lab.steps import steps
from lab.timeline import answered_by, measure, mixtures, printed


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("route", choices=["virtualService", "grpcRoute"])
    parser.add_argument("--chart", default="helm/billing-portal")
    parser.add_argument("--rate", type=float, default=40)
    return parser.parse_args()


def main():
    given, started = arguments(), time.time()
    pictures = Path(os.environ["PICTURES"]) / given.route
    try:
        return drill(given, pictures, started)
    finally:
        # The rest of the lab is gone with its memory.
        shutil.copytree(WORK / "logs", pictures / "logs", dirs_exist_ok=True)


def drill(given, pictures, started):
    """All of it; 1 where something did not hold."""
    mesh, browser = Mesh(given.chart, given.route), Browser(pictures)
    print(f"\n== {given.route}: the lab stands after {time.time() - started:.0f} s; {given.rate:g} calls a second\n")
    backend = mesh.backend
    load = Load(mesh.settings.address, f"{HOST}:50051", backend.token, backend.return_url, given.rate).start()
    done, failures = [], []
    try:
        for step, expected in steps(mesh, browser):
            done.append((step, expected))
    finally:
        load.stop()
    mesh.stable.wait_ended()
    mesh.canary.wait_ended()
    answers = answered_by([mesh.stable, mesh.canary])
    for step, expected in done:
        figures = measure(step, load.calls, answers)
        print(printed(figures, step.asked - done[0][0].asked))
        failures += expected(figures)
    wrong = mixtures(load.calls, answers)
    pods = [pod for track in (mesh.stable, mesh.canary) for pod in track.all if pod not in track.pods]
    print(f"\n{len(load.calls)} calls; not answered by exactly one process as the caller was told: {len(wrong)}")
    for each in sorted(set(wrong)):
        print(f"    {wrong.count(each)} {each}")
    print(f"{len(pods)} pods were ended: exit codes {[pod.code for pod in pods]}")
    failures += [f"{len(wrong)} calls were answered by another number of processes than one"] if wrong else []
    failures += [f"{pod.name} ended with {pod.code}" for pod in pods if pod.code]
    print("\nRefused callers:")
    for line, good in refusals(mesh):
        print(f"    {line}")
        failures += [] if good else [line]
    print(f"\nPictures and logs: {pictures}")
    for failure in failures:
        print(f"FAILED: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
