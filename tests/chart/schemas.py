"""Validates objects against the schemas of their kinds. A field that is not declared is an error.

Kubernetes schemas come from a Python package, those of Istio and the Gateway API from the CustomResourceDefinitions in
their Go modules. Linkerd and the Prometheus operator offer neither, so by_hand.yaml declares their fields from the
reference documentation.
"""

import functools
import json
import os
import pathlib

import jsonschema
import kubernetes_validate
import yaml

# The oldest and the newest supported version.
KUBERNETES = ("1.30", "1.36")
VALIDATION_ERRORS = (jsonschema.ValidationError, kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError)
HERE = pathlib.Path(__file__).parent


def validation_error(item):
    """Returns what is wrong with an object, or None if it is valid."""
    return _validation_error(json.dumps(item))


# Most objects are the same in many renders.
@functools.cache
def _validation_error(text):
    item = json.loads(text)
    try:
        custom = _custom_validators().get((item["apiVersion"], item["kind"]))
        if custom:
            custom.validate(item)
        for version in () if custom else KUBERNETES:
            kubernetes_validate.validate(item, version, strict=True)
    except VALIDATION_ERRORS as error:
        return error.message
    return None


@functools.cache
def _custom_validators():
    """Returns the validators of kinds that are not built into Kubernetes, by apiVersion and kind."""
    validators = {}
    for file in os.environ["CRD_FILES"].split():
        # The C parser is needed for speed: Istio's file alone has 18,000 lines.
        for definition in yaml.load_all(pathlib.Path(file).read_text(), yaml.CSafeLoader):
            if definition and definition["kind"] == "CustomResourceDefinition":
                validators |= _served_versions(definition["spec"])
    for api_version, kinds in yaml.safe_load((HERE / "by_hand.yaml").read_text())["kinds"].items():
        for kind, spec in kinds.items():
            schema = {"type": "object", "required": ["spec"], "properties": {"spec": spec}}
            validators[api_version, kind] = _validator(schema)
    return validators


def _served_versions(spec):
    for version in filter(lambda version: version["served"], spec["versions"]):
        key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
        yield key, _validator(version["schema"]["openAPIV3Schema"])


def _validator(schema):
    schema = _strict(schema)
    schema["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": {"type": "object"}}
    return jsonschema.Draft7Validator(schema)


def _strict(node):
    """Rejects undeclared fields wherever fields are declared, and converts OpenAPI keywords to JSON Schema."""
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
