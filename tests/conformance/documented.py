"""The tables of README.md, which are the expectations of the tests."""

import pathlib


def rows(header: str) -> list[dict[str, str]]:
    """Returns the rows of the table whose first column has this name."""
    lines = iter(pathlib.Path(__file__).with_name("README.md").read_text().splitlines())
    cells = lambda line: [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]
    columns = next(cells(line) for line in lines if line.startswith(f"| {header} |"))
    next(lines)
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        found.append(dict(zip(columns, cells(line), strict=True)))
    return found
