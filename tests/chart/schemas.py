"""Holds an object against the schema that its kind was declared with; a field that is not declared is an error.

Kubernetes' own schemas come as a Python package, those of Istio and the Gateway API from the CustomResourceDefinitions in their
Go modules. Linkerd and Prometheus' operator offer neither; by_hand.yaml lists their fields, after their references.
"""

import functools
import os
import pathlib

import jsonschema
import kubernetes_validate
import yaml

# The oldest that the chart takes, and the newest.
KUBERNETES = ("1.30", "1.36")
REFUSALS = (jsonschema.ValidationError, kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError)
HERE = pathlib.Path(__file__).parent


def refusal(item):
    """What is wrong with an object; None where nothing is."""
    try:
        declared = _custom().get((item["apiVersion"], item["kind"]))
        if declared:
            declared.validate(item)
        for version in () if declared else KUBERNETES:
            kubernetes_validate.validate(item, version, strict=True)
    except REFUSALS as error:
        return error.message
    return None


@functools.cache
def _custom():
    """The validators of the kinds that are not Kubernetes' own, by apiVersion and kind."""
    validators = {}
    for file in os.environ["CRD_FILES"].split():
        # The C parser: Istio's file alone has 18,000 lines.
        for definition in yaml.load_all(pathlib.Path(file).read_text(), yaml.CSafeLoader):
            if definition and definition["kind"] == "CustomResourceDefinition":
                validators |= _defined(definition["spec"])
    for api_version, kinds in yaml.safe_load((HERE / "by_hand.yaml").read_text())["kinds"].items():
        for kind, spec in kinds.items():
            schema = {"type": "object", "required": ["spec"], "properties": {"spec": spec}}
            validators[api_version, kind] = _validator(schema)
    return validators


def _defined(spec):
    for version in filter(lambda version: version["served"], spec["versions"]):
        key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
        yield key, _validator(version["schema"]["openAPIV3Schema"])


def _validator(schema):
    schema = _strict(schema)
    schema["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": {"type": "object"}}
    return jsonschema.Draft7Validator(schema)


def _strict(node):
    """Refuses undeclared fields wherever fields are declared, and puts OpenAPI's own words into JSON Schema's."""
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {key: _strict(value) for key, value in node.items()}
    if schema.pop("x-kubernetes-int-or-string", False):
        schema["type"] = ["integer", "string"]
    if schema.pop("nullable", False) and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    preserves = schema.pop("x-kubernetes-preserve-unknown-fields", False)
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema and not preserves:
        schema["additionalProperties"] = False
    return schema
