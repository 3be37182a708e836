"""The strict reader of YAML: what others guess about is an error here, with its line."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.yamltext import YamlError, read


def test_plain_values_come_with_the_lines_they_begin_on() -> None:
    document, lines = read("a: 1\nb:\n  - x\n  - {c: true}\nd: 2.50\ne: null\nf: 'yes'\n")
    assert document == {
        "a": 1,
        "b": ["x", {"c": True}],
        "d": Decimal("2.50"),
        "e": None,
        "f": "yes",
    }
    assert lines["b", 1, "c"] == 4
    assert (lines["a",], lines["b",], lines["d",]) == (1, 2, 5)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_an_empty_text_is_nothing(text: str) -> None:
    assert read(text)[0] is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\na: 2\n", 2),
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", 4),
        ("a: yes\n", 1),
        ("a: No\n", 1),
        ("x: 1\na: on\n", 2),
        ("a: Off\n", 1),
        ("a: y\n", 1),
        ("a: TRUE\n", 1),
        ("a: False\n", 1),
        ("a: &anchor 1\nb: *anchor\n", 1),
        ("a: 1\nb: !!str 2\n", 2),
        ("a: !python/object/apply:os.system ['id']\n", 1),
        ("base: {a: 1}\nb:\n  <<: {c: 1}\n", 3),
        ("yes: 1\n", 1),
        ("1: one\n", 1),
        ("? [a, b]\n: 1\n", 1),
        ("a: 2026-11-20\n", 1),
        ("a: 0x1F\n", 1),
        ("a: 010\n", 1),
        ("a: 1_000\n", 1),
        ("a: 1:30\n", 1),
        ("a: .inf\n", 1),
        ("a: .nan\n", 1),
        ("a: " + "9" * 5000, 1),
        ("a: [1, 2\n", 2),
        ("a: 1\n\tb: 2\n", 2),
        ("a: 'open\n", 2),
        ("a: 1\n---\nb: 2\n", 2),
        ("a: b: c\n", 1),
        ("a: \x00\n", 1),
        ("a: 1\nb: \x07\n", 2),
        ("%YAML 9.9\n---\na: 1\n", 1),
        ("%YAML 1." + "9" * 5000 + "\n---\na: 1\n", 1),
        ('a: 1\nb: "\\U00110000"\n', 2),
        ('a: 1\nb: "\\UFFFFFFFF"\n', 2),
        ('a: 1\nb: "\\uD800"\n', 2),
        ('a: 1\n"\\e[2J": 1\n', 2),
        ('a: 1\n"b\\n": 1\n', 2),
        ("a: 1\n\ufeffb: 2\n", 2),
        ("a: che\u200bckout\n", 1),
        ("a: \u3164\n", 1),
        ("a: 1\nb\nc: 2\n", 2),
        ("a: 1\n? {b: c}\n: 1\n", 2),
        ("a: 1\nb: " + "[" * 33 + "]" * 33 + "\n", 2),
        ("a: 0.1234567890123456789\n", 1),
        ("a: 123456789012345678.5\n", 1),
    ],
)
def test_what_could_be_read_in_two_ways_is_an_error_with_its_line(text: str, line: int) -> None:
    with pytest.raises(YamlError) as caught:
        read(text)
    assert caught.value.line == line, caught.value


def test_a_text_nested_without_end_is_an_error_not_a_crash() -> None:
    with pytest.raises(YamlError, match="nested"):
        read("[" * 5000 + "]" * 5000)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_line(text: str) -> None:
    try:
        document, lines = read(text)
        line = 1 if document is None else lines[()]
    except YamlError as error:
        line = error.line
    assert line >= 1
