"""Generates the client into gen/ from a descriptor set: generate.py FILE."""

import pathlib
import sys

from grpc_tools import protoc

gen = pathlib.Path(__file__).parent / "gen"
gen.mkdir(exist_ok=True)
# Not `python -m grpc_tools.protoc`, which adds an import path. protoc does not allow it together with a descriptor set.
sys.exit(protoc.main([
    "protoc",
    f"--descriptor_set_in={sys.argv[1]}",
    f"--python_out={gen}",
    f"--pyi_out={gen}",
    f"--grpc_python_out={gen}",
    "billing/portal/v1/billing_portal.proto",
]))
