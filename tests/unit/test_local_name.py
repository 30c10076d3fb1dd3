"""Names that somebody else chose, as names on this machine."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.client.local_name import MAX_BYTES, local_name

ID = "0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d"


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("cat.png", "cat.png"),
        ("übung 文件 ☃.txt", "übung 文件 ☃.txt"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("/etc/passwd", "_etc_passwd"),
        ("..\\..\\boot.ini", "_.._boot.ini"),
        (".bashrc", "bashrc"),
        (" . .profile", "profile"),
        ("report. . ", "report"),
        ("..", ID),
        ("", ID),
        ("nul\0byte\x1b[2J\n", "nul_byte_[2J_"),
        ("NUL", "_NUL"),
        ("con.txt", "_con.txt"),
        ("Com1 .log", "_Com1 .log"),
        ("console.txt", "console.txt"),
        ("x" * 300 + ".png", "x" * 251 + ".png"),
        ("ü" * 200 + ".png", "ü" * 125 + ".png"),
        ("x." + "y" * 300, "x." + "y" * 253),
    ],
)
def test_a_name_is_plain_and_visible(filename: str, expected: str) -> None:
    assert local_name(filename, ID) == expected


@settings(deadline=None, max_examples=50)
@given(st.text())
def test_no_name_leads_elsewhere(filename: str) -> None:
    name = local_name(filename, ID)
    assert not set(name) & {"/", "\\", "\0"}
    assert name
    assert not name.startswith(".")
    assert len(name.encode()) <= MAX_BYTES
