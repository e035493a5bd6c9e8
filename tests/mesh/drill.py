"""Runs the rollback drill with one kind of route and checks the results. tests/mesh/drill starts it in new namespaces."""

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
from lab.refusals import check_refusals
from lab.steps import run_steps
from lab.timeline import find_mismatches, format_step, measure, read_outcomes


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("route", choices=["virtualService", "grpcRoute"])
    parser.add_argument("--chart", default="helm/billing-portal")
    parser.add_argument("--rate", type=float, default=40)
    return parser.parse_args()


def main():
    arguments, started = parse_arguments(), time.time()
    artifacts = Path(os.environ["ARTIFACTS"]) / arguments.route
    try:
        return drill(arguments, artifacts, started)
    finally:
        # The in-memory file system disappears with the lab's namespaces.
        shutil.copytree(WORK / "logs", artifacts / "logs", dirs_exist_ok=True)


def drill(arguments, artifacts, started):
    """Runs the drill and prints the timeline. Returns 1 if a check failed, otherwise 0."""
    mesh, browser = Mesh(arguments.chart, arguments.route), Browser(artifacts)
    setup = time.time() - started
    print(f"\n== {arguments.route}: lab ready after {setup:.0f} s; {arguments.rate:g} calls per second\n")
    backend = mesh.backend
    load = Load(mesh.settings.address, f"{HOST}:50051", backend.token, backend.return_url, arguments.rate).start()
    done, failures = [], []
    try:
        for step, check in run_steps(mesh, browser):
            done.append((step, check))
    finally:
        load.stop()
    mesh.stable.wait_terminated()
    mesh.canary.wait_terminated()
    outcomes = read_outcomes([mesh.stable, mesh.canary])
    for step, check in done:
        figures = measure(step, load.calls, outcomes)
        print(format_step(figures, step.requested_at - done[0][0].requested_at))
        failures += check(figures)
    mismatches = find_mismatches(load.calls, outcomes)
    pods = [pod for track in (mesh.stable, mesh.canary) for pod in track.all_pods if pod not in track.pods]
    print(f"\n{len(load.calls)} calls; without exactly one matching audit outcome: {len(mismatches)}")
    for mismatch in sorted(set(mismatches)):
        print(f"    {mismatches.count(mismatch)} {mismatch}")
    print(f"{len(pods)} pods were terminated; exit codes: {[pod.exit_code for pod in pods]}")
    failures += [f"{len(mismatches)} calls without exactly one matching audit outcome"] if mismatches else []
    failures += [f"{pod.name} exited with code {pod.exit_code}" for pod in pods if pod.exit_code]
    print("\nRefused callers:")
    for description, passed in check_refusals(mesh):
        print(f"    {description}")
        failures += [] if passed else [description]
    print(f"\nScreenshots and logs: {artifacts}")
    for failure in failures:
        print(f"FAILED: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
