"""File names as metadata: what passes, what is refused, and what a download header holds."""

import email.message
import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.filename import content_disposition, extension, normalise_filename


@pytest.mark.parametrize(
    "name",
    ["cat.png", "猫 🐈.png", "مرحبا.pdf", "a" * 255, ".bashrc", "...", "a b;c=\"d'.txt", "🏳️‍🌈.gif"],
)
def test_ordinary_names_pass_unchanged(name: str) -> None:
    assert normalise_filename(name) == unicodedata.normalize("NFC", name)


def test_decomposed_names_are_composed() -> None:
    assert normalise_filename("e\u0301.txt") == "é.txt"


def test_the_limit_counts_composed_characters() -> None:
    assert len(normalise_filename("e\u0301" * 255)) == 255


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("", "1 to 255 characters"),
        ("a" * 256, "1 to 255 characters"),
        ("e\u0301" * 256, "1 to 255 characters"),
        ("a" * 1021, "1 to 255 characters"),
        ("../etc/passwd", "path separator"),
        ("a\\b", "path separator"),
        (".", "must not be"),
        ("..", "must not be"),
        ("a\x00b", "control characters"),
        ("a\r\nSet-Cookie: x", "control characters"),
        ("a\x7f", "control characters"),
        ("a\x85", "control characters"),
        ("\ud800", "control characters"),
    ],
)
def test_other_names_are_refused_with_the_rule(name: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        normalise_filename(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cat.PNG", "png"),
        ("archive.tar.gz", "gz"),
        ("README", ""),
        (".bashrc", ""),
        ("x.p/../g", ""),
        ("x.é", ""),
        ("x.", ""),
        ("x." + "a" * 17, ""),
    ],
)
def test_extension(name: str, expected: str) -> None:
    assert extension(name) == expected


names = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/\\"), max_size=80
)


@given(names)
def test_a_content_disposition_holds_the_exact_name_and_nothing_else(name: str) -> None:
    header = content_disposition("attachment", name)
    assert header.isascii()
    assert header.isprintable()
    kind, fallback, exact = header.split("; ")[0], header.split('"')[1], header.rsplit("''")[-1]
    assert kind == "attachment"
    assert header == f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{exact}"
    assert unquote(exact, errors="strict") == name


def test_a_fallback_is_no_longer_than_a_name() -> None:
    assert len(content_disposition("attachment", "\ufdfa" * 255).split('"')[1]) == 255


def test_a_header_cannot_be_injected_through_the_name() -> None:
    header = content_disposition("attachment", 'x"; filename=evil.exe; a="\r\nSet-Cookie: a=b')
    message = email.message.Message()
    message["content-disposition"] = header
    assert message.keys() == ["content-disposition"]
    assert header.count('"') == 2
    assert "\r" not in header
    assert "\n" not in header
