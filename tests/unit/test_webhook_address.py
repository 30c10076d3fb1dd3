"""Where webhooks may lead."""

from ipaddress import ip_address

import pytest

from app.domain.webhook_address import MAX_URL_LENGTH, AddressRule, is_public
from app.exceptions.errors import InvalidRequest

NOWHERE = AddressRule()
HOME = AddressRule.parse(["127.0.0.0/8", "10.1.0.0/16"])


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "198.18.0.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:db8::1",
        "2001::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "100::1",
    ],
)
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]
)
def test_public_addresses_are(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/hook?tenant=1",
        "https://example.com:443/",
        "https://EXAMPLE.com:8443/a/b",
        "https://xn--bcher-kva.example/",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]:8443/x",
    ],
)
def test_https_to_public_hosts_is_taken(url: str) -> None:
    NOWHERE.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "example.com",
        "https://",
        "https:///path",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://@example.com/",
        "https://example.com/#part",
        "https://example.com:22/",
        "https://example.com:80/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com:abc/",
        "https://example.com\\@127.0.0.1/",
        "https://exa mple.com/",
        "https://example.com/\r\nHost: other",
        "https://bücher.example/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fe80::1%25eth0]/",
        "https://10.1.2.3/",
        "https://[::1/",
        "https://example.com/" + "a" * MAX_URL_LENGTH,
    ],
)
def test_anything_else_is_refused_naming_the_field(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        NOWHERE.check(url)
    assert caught.value.extra["errors"][0]["field"] == "url"
    assert url not in caught.value.detail


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000/", "https://127.0.0.1:9000/", "http://localhost:9000/hook"]
)
def test_the_operator_can_allow_networks(url: str) -> None:
    HOME.check(url)


@pytest.mark.parametrize("url", ["http://8.8.8.8/", "http://10.2.0.1/", "https://10.2.0.1/"])
def test_plain_http_goes_there_alone(url: str) -> None:
    with pytest.raises(InvalidRequest):
        HOME.check(url)


def test_an_allowed_network_includes_what_stands_for_it() -> None:
    assert HOME.permits(ip_address("::ffff:10.1.0.1"))
    assert not HOME.permits(ip_address("10.2.0.1"))
    assert not HOME.allows(ip_address("8.8.8.8"))
