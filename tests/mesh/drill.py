"""The rollback drill with one kind of route, and what must hold. tests/mesh/drill makes the namespaces that it runs in."""

import argparse
import os
import sys
import time
from pathlib import Path

from lab.load import Load
from lab.mesh import HOST, Mesh
from lab.page import Browser
from lab.refusals import refusals
from lab.steps import steps
from lab.timeline import answered_by, measure, mixtures, printed, row


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("route", choices=["virtualService", "grpcRoute"])
    parser.add_argument("--chart", default="helm/billing-portal")
    parser.add_argument("--rate", type=float, default=40)
    return parser.parse_args()


def main():
    given, started = arguments(), time.time()
    mesh = Mesh(given.chart, given.route)
    pictures = Path(os.environ["PICTURES"]) / given.route
    browser = Browser(pictures)
    print(f"\n== {given.route}: the lab stands after {time.time() - started:.0f} s; {given.rate:g} calls a second\n")
    backend = mesh.backend
    load = Load(mesh.settings.address, f"{HOST}:50051", backend.token, backend.return_url, given.rate).start()
    done, failures = [], []
    try:
        for step, expected in steps(mesh, browser):
            done.append((step, expected))
    finally:
        load.stop()
    mesh.release.wait_ended()
    answers = answered_by([mesh.release, mesh.next])
    rows = []
    for step, expected in done:
        figures = measure(step, load.calls, answers)
        print(printed(figures, step.asked - done[0][0].asked))
        rows.append(row(figures))
        failures += expected(figures)
    wrong = mixtures(load.calls, answers)
    pods = [pod for pod in mesh.release.all if pod not in mesh.release.pods]
    print(f"\n{len(load.calls)} calls; not answered by exactly one process as the caller was told: {len(wrong)}")
    for each in sorted(set(wrong)):
        print(f"    {wrong.count(each)} {each}")
    print(f"{len(pods)} pods were ended: exit codes {[pod.code for pod in pods]}")
    failures += [each for each in wrong] + [f"{pod.name} ended with {pod.code}" for pod in pods if pod.code]
    print("\nRefused callers:")
    for line, good in refusals(mesh):
        print(f"    {line}")
        failures += [] if good else [line]
    (pictures / "rows.md").write_text("\n".join(rows) + "\n")
    print(f"\nPictures: {pictures}")
    for failure in failures:
        print(f"FAILED: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
