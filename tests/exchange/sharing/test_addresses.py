"""The URLs and addresses that are refused. What is really dialled is tested in
tests/exchange/push/test_guard.py."""

from __future__ import annotations

import pytest

from accounts.errors import Invalid
from exchange.sharing.addresses import AddressRules, checked_url, denied

RULES = AddressRules(ports=frozenset({443, 8443}))
DEMO = AddressRules(ports=frozenset({443, 8443}), loopback=True)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://hooks.example.org/notices", "hooks.example.org:443"),
        ("https://Hooks.Example.ORG:8443/a?b=c", "hooks.example.org:8443"),
        ("https://93.184.215.14/x", "93.184.215.14:443"),
        (
            "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/x",
            "[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:443",
        ),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example:443"),
    ],
)
def test_it_takes_plain_https_urls(url: str, host: str) -> None:
    assert checked_url(url, rules=RULES).host == host


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://hooks.example.org/", "endpoint.scheme"),
        ("ftp://hooks.example.org/", "endpoint.scheme"),
        ("file:///etc/passwd", "endpoint.scheme"),
        ("//hooks.example.org/", "endpoint.scheme"),
        ("", "endpoint.url"),
        ("https://", "endpoint.host"),
        ("https://user:pass@example.org/", "endpoint.url"),
        ("https://example.org@127.0.0.1/", "endpoint.url"),
        ("https://example.org/#here", "endpoint.url"),
        ("https://example.org/#", "endpoint.url"),
        ("https://exam ple.org/", "endpoint.url"),
        ("https://example.org\\@127.0.0.1/", "endpoint.url"),
        ("https://example.org/\r\nX: y", "endpoint.url"),
        ("https://bücher.example/", "endpoint.url"),
        ("https://①②⑦.0.0.1/", "endpoint.url"),
        ("https://example.org:22/", "endpoint.port"),
        ("https://example.org:0/", "endpoint.port"),
        ("https://example.org:99999/", "endpoint.url"),
        ("https://2130706433/", "endpoint.host"),
        ("https://0x7f000001/", "endpoint.host"),
        ("https://127.1/", "endpoint.host"),
        ("https://0177.0.0.1/", "endpoint.host"),
        ("https://127.0.0.01/", "endpoint.host"),
        ("https://1.2.3.4.5/", "endpoint.host"),
        ("https://exa%6dple.org/", "endpoint.host"),
        ("https://[fe80::1%25eth0]/", "endpoint.host"),
        ("https://-example.org/", "endpoint.host"),
        ("https://127.0.0.1/", "endpoint.address"),
        ("https://localhost/", "endpoint.address"),
        ("https://x.localhost./", "endpoint.address"),
        ("https://10.1.2.3/", "endpoint.address"),
        ("https://169.254.169.254/latest/meta-data/", "endpoint.address"),
        ("https://168.63.129.16/", "endpoint.address"),
        ("https://[::1]/", "endpoint.address"),
        ("https://[::ffff:127.0.0.1]/", "endpoint.address"),
        ("https://" + "a" * 2_000 + "/", "endpoint.url"),
    ],
)
def test_it_refuses_urls_that_lead_inwards_or_can_be_read_in_two_ways(url: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked_url(url, rules=RULES)
    assert (refused.value.code, refused.value.field) == (code, "url")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000/hook", "http://localhost:9000/", "https://[::1]:9443/x"]
)
def test_loopback_is_allowed_in_the_demo_only(url: str) -> None:
    assert checked_url(url, rules=DEMO).url == url
    with pytest.raises(Invalid):
        checked_url(url, rules=RULES)


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://example.org/", "https://192.168.1.1/"])
def test_the_demo_allows_nothing_but_loopback(url: str) -> None:
    with pytest.raises(Invalid):
        checked_url(url, rules=DEMO)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:1.1.1.1"]
)
def test_public_addresses_may_be_dialled_on_the_allowed_ports(address: str) -> None:
    assert denied(address, 443, rules=RULES) is None
    assert denied(address, 8443, rules=RULES) is None
    assert denied(address, 80, rules=RULES) == "a port that is not allowed"


_HOSTILE = """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.254 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1
172.31.255.254 192.0.0.1 192.0.0.170 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.254
198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1
::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1
64:ff9b::8.8.8.8 64:ff9b:1::1 100::1 2001::1 2001:1::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::
168.63.129.16 ::ffff:168.63.129.16 100.100.100.200 192.0.0.192 169.254.0.23 169.254.170.2 fd00:ec2::254
fd00:ec2::23 fd20:ce::254 2002:0808:0808::1 3fff::1 5f00::1 fc00::1 fd12:3456::1 fe80::1
fe80::1%eth0 fec0::1 ff02::1 ff0e::1
"""
HOSTILE = _HOSTILE.split()


@pytest.mark.parametrize("address", HOSTILE)
def test_no_inward_address_may_be_dialled_in_any_spelling(address: str) -> None:
    assert denied(address, 443, rules=RULES) == "not a public address"


def test_what_is_no_address_is_not_dialled() -> None:
    assert denied("example.org", 443, rules=DEMO) == "not a numeric address"
    assert denied("127.1", 443, rules=DEMO) == "not a numeric address"


def test_the_list_of_hostile_addresses_is_as_long_as_promised() -> None:
    assert len(set(HOSTILE)) >= 45
