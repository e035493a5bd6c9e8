"""Tests that names which YAML would read as another type, such as `on` or `1e3`, stay text wherever they appear."""

import copy
import json
import tempfile
import unittest

import jsonschema
import yaml

from chart import CHART, LOADER, example_path, helm, load_values

# Valid names of namespaces, releases and object keys. YAML 1.1 or 1.2 reads them as booleans, numbers and null.
AMBIGUOUS = ["yes", "on", "1e3", "0123", "0x1f", "null"]

# Together, they render every object of the chart.
NAMES = ["istio", "istio-grpcroute", "istio-ambient", "linkerd", "mtls", "everything"]
EXAMPLES = [example_path(name) for name in NAMES]

SCHEMA = jsonschema.Draft202012Validator(json.loads((CHART / "values.schema.json").read_text()))


def merged(defaults, values):
    """Returns the values as Helm merges them with the defaults of the chart."""
    if not (isinstance(defaults, dict) and isinstance(values, dict)):
        return values
    return defaults | {key: merged(defaults.get(key), value) for key, value in values.items()}


def text_places(tree, path=()):
    """Yields the path, the container, the key and the text of every text in the values."""
    for key, member in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if isinstance(member, dict | list):
            yield from text_places(member, (*path, key))
        elif isinstance(member, str):
            yield (*path, key), tree, key, member


def with_ambiguous_names(values, name):
    """Returns the values with the name in each place where the schema accepts it, and the number of these places."""
    values = copy.deepcopy(values)
    # The checks of the chart compare the flag's key with the definition, and refuse certificates in a mesh.
    values["flag"]["definition"] = {}
    tls = copy.deepcopy(values["tls"])
    places = list(text_places(values))
    for _, container, key, _ in places:
        container[key] = name
    # Restores the texts that the schema rejects, and then one text at a time of a list or map that it rejects.
    while errors := {tuple(error.absolute_path) for error in SCHEMA.iter_errors(values)}:
        first = min(errors)
        rejected = [place for place in places if place[0] in errors]
        rejected = rejected or [[place for place in places if place[0][: len(first)] == first][-1]]
        places = [place for place in places if place not in rejected]
        for _, container, key, original in rejected:
            container[key] = original
    return values if values["mesh"]["provider"] == "mtls" else values | {"tls": tls}, len(places)


def plain_scalars(node):
    """Yields every scalar that is not quoted."""
    if isinstance(node, yaml.ScalarNode):
        if not node.style:
            yield node
    elif isinstance(node, yaml.CollectionNode):
        for member in node.value:
            for each in member if isinstance(member, tuple) else [member]:
                yield from plain_scalars(each)


class Quoting(unittest.TestCase):
    def test_ambiguous_names_are_quoted(self):
        defaults = yaml.safe_load((CHART / "values.yaml").read_text())
        for path in EXAMPLES:
            values = merged(defaults, load_values(path))
            for name in AMBIGUOUS:
                changed, count = with_ambiguous_names(values, name)
                self.assertGreater(count, 15, f"{path.name} {name}")
                with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                    json.dump(changed, file)
                    file.flush()
                    result = helm("template", name, CHART, "--namespace", name, "--values", file.name)
                self.assertEqual(result.returncode, 0, result.stderr)
                unquoted = [
                    node.start_mark.line
                    for document in yaml.compose_all(result.stdout, LOADER)
                    for node in plain_scalars(document)
                    if node.value == name
                ]
                lines = result.stdout.splitlines()
                self.assertEqual([lines[number] for number in unquoted], [], f"{path.name} {name}")


if __name__ == "__main__":
    unittest.main()
