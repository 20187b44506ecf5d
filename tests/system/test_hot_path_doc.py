# SPDX-License-Identifier: BSD-3-Clause
"""docs/hot-path.md names functions and files: each must still be there."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]


def named():
    text = (ROOT / "docs/hot-path.md").read_text()
    rows = re.findall(r"^\| \d+ \| `(\w+)` \| `([\w/.]+)`", text, re.M)
    prose = re.findall(r"`(\w+)` \(`([\w/.]+)`", text)
    return rows + prose


def test_every_function_is_defined_where_the_page_says():
    functions = named()
    assert len(functions) > 25
    for name, path in functions:
        source = (ROOT / path).read_text()
        assert re.search(rf"^[\w\s*()]*\b{name}\([^;]*\)\n{{", source, re.M), f"{name} is not defined in {path}"


def test_the_order_is_the_call_order():
    steps = [int(n) for n in re.findall(r"^\| (\d+) \|", (ROOT / "docs/hot-path.md").read_text(), re.M)]
    assert steps == list(range(1, len(steps) + 1))
