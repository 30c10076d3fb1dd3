"""The TOML file of upload policies."""

from pathlib import Path

import pytest

from app.domain.policy import KeyStrategy
from app.domain.usage import Limits
from app.exceptions.errors import InvalidRequest
from app.infrastructure.policy_file import PolicyFileError, load_limits, load_policies

EXAMPLE = Path(__file__).parents[2] / "policies.example.toml"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "policies.toml"
    path.write_text(text)
    return path


def test_without_a_file_everything_is_allowed() -> None:
    policy = load_policies(None, 900).get(None)
    assert (policy.types, policy.extensions, policy.max_size) == ((), (), None)
    assert (policy.expires_in, policy.max_expires_in) == (900, 900)


def test_the_shipped_example_loads() -> None:
    policies = load_policies(EXAMPLE, 900)
    assert set(policies.by_name) == {"default", "avatar", "document", "video"}
    avatar = policies.get("avatar")
    assert avatar.max_size == 5 * 1024**2
    assert avatar.key_strategy is KeyStrategy.OWNER
    assert avatar.auto_complete
    assert policies.get("video").max_expires_in == 86400


def test_a_file_without_a_default_makes_requests_name_a_policy(tmp_path: Path) -> None:
    path = written(tmp_path, '[policies.a]\nextensions = [".PNG"]')
    policies = load_policies(path, 300)
    assert policies.get("a").extensions == ("png",)
    assert policies.get("a").expires_in == 300
    for name in (None, "", "default"):
        with pytest.raises(InvalidRequest, match="must be one of a"):
            policies.get(name)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[policies.a", "policies.toml"),
        ("[policies.a]\nmax_sise = 5", "policies.a.max_sise"),
        ('[policies.a]\nmax_size = "5 megs"', 'a text such as "5 MiB"'),
        ('[policies.a]\ntypes = ["image"]', "pattern such as image"),
        ('[policies.a]\nprefix = "../x"', "policies.a.prefix"),
        ("[policies.a]\nexpires_in = 604801", "policies.a.expires_in"),
        ('[policies."a b"]', "policies.a b"),
        ("[quota]\nbites = 5", "quota.bites"),
        ("[quota]\nfiles = -1", "quota.files"),
        ('[quota]\nfiles = "5 MiB"', "quota.files"),
        ('[quota]\nbytes = "9999999999 TiB"', "quota.bytes"),
        ("quota = 5", "quota"),
        ("[policies.a]\nexpires_in = 9\nmax_expires_in = 8", "at most max_expires_in"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(PolicyFileError, match=says):
        load_policies(written(tmp_path, text), 900)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match="No such file"):
        load_policies(tmp_path / "none.toml", 900)


def test_limits_of_every_owner(tmp_path: Path) -> None:
    text = '[quota]\nbytes = "10 GiB"\nin_flight_bytes = 0'
    assert load_limits(written(tmp_path, text)) == Limits(bytes=10 * 1024**3, in_flight_bytes=0)
    assert load_limits(written(tmp_path, "[policies.a]")) == Limits()
    assert load_limits(None) == Limits()


def test_the_shipped_example_limits_everybody() -> None:
    assert load_limits(EXAMPLE) == Limits(
        bytes=10 * 1024**3, files=10_000, in_flight_bytes=5 * 1024**3
    )
