"""Media types: RFC 6838 names, policy patterns, categories."""

import pytest

from app.domain.media_type import INLINE_TYPES, category, is_pattern, matches, normalise_type


@pytest.mark.parametrize("value", ["image/png", "application/vnd.api+json", "x/y", "video/mp4"])
def test_media_types_pass(value: str) -> None:
    assert normalise_type(value) == value


def test_case_does_not_matter() -> None:
    assert normalise_type("Image/PNG") == "image/png"


NOT_TYPES = """
png|image/|/png|image/*|text/plain; charset=utf-8|a/b/c|a b/c|é/x
"""


@pytest.mark.parametrize("value", [*NOT_TYPES.strip().split("|"), "", "a/b\n", "a/" + "b" * 128])
def test_anything_else_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="media type such as image/png"):
        normalise_type(value)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [(["image/*"], True), (["*/*"], True), (["image/png"], True), (["text/*", "image/gif"], False)],
)
def test_patterns(patterns: list[str], expected: bool) -> None:
    assert all(is_pattern(pattern) for pattern in patterns)
    assert matches("image/png", patterns) is expected


@pytest.mark.parametrize("value", ["image", "*", "*/png", "image/**", "image/png; q=1"])
def test_what_is_not_a_pattern(value: str) -> None:
    assert not is_pattern(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("image/png", "image"),
        ("video/mp4", "video"),
        ("audio/mpeg", "audio"),
        ("application/pdf", "document"),
        ("text/csv", "document"),
        ("application/vnd.oasis.opendocument.text", "document"),
        ("application/zip", "other"),
    ],
)
def test_category(value: str, expected: str) -> None:
    assert category(value) == expected


def test_nothing_that_runs_scripts_is_shown_inline() -> None:
    assert not any(part in t for t in INLINE_TYPES for part in ("html", "svg", "xml"))
