"""Where the keys of a TOML document stand."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from flows.toml_lines import places

BARE = st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True)
FILLING = st.lists(st.sampled_from(["", "# key = 1", "  # [table]", "\t"]), max_size=2)
VALUES = ["1", "'a = b'", '"[x]"', "[1, 2]", "{a = 1}", '"""\nkey = 1\n[other]\n"""', "'''x = \"\"\" \ny'''"]
KEYS = st.dictionaries(BARE, st.tuples(st.sampled_from(VALUES), FILLING, st.booleans()), max_size=4)


def written(lines: list[str], keys: dict, table: tuple[str, ...], found: dict) -> None:
    """Write keys and note where each came to stand, the slow and obvious way."""
    for key, (value, filling, quoted) in keys.items():
        lines += filling
        indent = " " * len(filling)
        name = f'"{key}"' if quoted else key
        found[(*table, key)] = (len(lines) + 1, len(indent) + 1)
        lines += f"{indent}{name} = {value} # {{".split("\n")


@given(KEYS, st.dictionaries(BARE, st.tuples(KEYS, FILLING), max_size=3))
def test_every_key_and_table_is_found_where_it_stands(top, tables):
    """Whatever comments, blanks, quotes and texts of several lines stand around it."""
    lines: list[str] = []
    expected: dict = {}
    written(lines, top, (), expected)
    for name, (keys, filling) in tables.items():
        if name in top:
            continue
        lines += filling
        expected[name,] = (len(lines) + 1, 2)
        lines.append(f"[{name}]  # of its own")
        written(lines, keys, (name,), expected)
    text = "\n".join(lines)
    tomllib.loads(text)
    assert places(text) == expected


def test_dotted_keys_are_paths():
    """`a.b = 1` is what `b = 1` below `[a]` is."""
    assert places('a . "b.c" = 1\n[x.y]\nz.w = 2') == {
        ("a", "b.c"): (1, 1),
        ("x", "y"): (2, 2),
        ("x", "y", "z", "w"): (3, 1),
    }
