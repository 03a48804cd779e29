"""Where alerts may be sent: public addresses, however they are written."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.delivery.safety import Forbidden, Outbound, check_address, check_addresses, check_url, networks, shown

NOWHERE = Outbound()
FORBIDDEN = {
    "127.0.0.1": "loopback", "127.255.255.254": "loopback", "0.0.0.0": "unspecified", "10.1.2.3": "private",
    "172.16.0.1": "private", "192.168.1.1": "private", "169.254.169.254": "link-local", "100.64.0.1": "private",
    "100.100.100.200": "private", "168.63.129.16": "metadata", "192.0.0.192": "metadata", "198.18.0.1": "private",
    "192.0.2.1": "private", "224.0.0.1": "multicast", "239.255.255.250": "multicast", "240.0.0.1": "reserved",
    "255.255.255.255": "reserved", "::": "unspecified", "::1": "loopback", "fe80::1": "link-local",
    "fe80::1%eth0": "link-local", "fec0::1": "site-local", "fd00:ec2::254": "private", "ff02::1": "multicast",
    "::ffff:127.0.0.1": "loopback", "::ffff:169.254.169.254": "link-local", "::ffff:10.0.0.1": "private",
    "2002:7f00:1::": "loopback", "2002:a00:1::": "private", "64:ff9b::7f00:1": "loopback",
    "64:ff9b::a9fe:a9fe": "link-local", "64:ff9b:1::1": "private", "::7f00:1": "private", "2001:db8::1": "private",
    "2001:0:7f00:1::": "private", "100::1": "private",
}  # fmt: skip


@pytest.mark.parametrize("text", FORBIDDEN)
def test_addresses_that_are_not_public(text: str) -> None:
    """Each is refused, and the reason says what it is and that a setting allows it."""
    with pytest.raises(Forbidden, match=rf"is .*{FORBIDDEN[text]}.*allow its network"):
        check_address(text, NOWHERE)


@pytest.mark.parametrize("text", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_that_are(text: str) -> None:
    """Public ones pass, also IPv4 in the two forms that networks themselves use."""
    assert check_address(text, NOWHERE)


def test_what_is_allowed_is_no_more_than_that() -> None:
    """A network that a setting names may be reached, in IPv4's mapped form too; its neighbours may not."""
    outbound = Outbound(allow=networks("10.0.0.0/24, ::1"))
    for text in ("10.0.0.9", "::1", "::ffff:10.0.0.9"):
        check_address(text, outbound)
    for text in ("10.0.1.9", "127.0.0.1", "169.254.169.254"):
        with pytest.raises(Forbidden):
            check_address(text, outbound)


@given(st.ip_addresses())
def test_nothing_private_passes(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """Of any address at all: what passes is global, and so is what it wraps."""
    try:
        passed = check_address(str(address), NOWHERE)
    except Forbidden:
        return
    assert not any((passed.is_loopback, passed.is_link_local, passed.is_multicast, passed.is_unspecified))
    mapped = getattr(passed, "ipv4_mapped", None)
    assert (mapped or passed).is_global


@given(st.ip_addresses(v=4))
def test_wrapping_changes_nothing(inner: ipaddress.IPv4Address) -> None:
    """An IPv4 address that is refused is refused in every wrapping."""
    try:
        check_address(str(inner), NOWHERE)
    except Forbidden:
        number = int(inner)
        forms = (0xFFFF << 32 | number, 0x2002 << 112 | number << 80, 0x64FF9B << 96 | number, number)
        for form in forms:
            with pytest.raises(Forbidden):
                check_address(str(ipaddress.IPv6Address(form)), NOWHERE)


def test_all_addresses_of_a_name_count() -> None:
    """One private address among public ones forbids the name; a name without any is none."""
    assert len(check_addresses(["8.8.8.8", "8.8.4.4"], NOWHERE)) == 2
    for texts in (["8.8.8.8", "127.0.0.1"], []):
        with pytest.raises(Forbidden):
            check_addresses(texts, NOWHERE)


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "ftp://example.com/", "file:///etc/passwd", "https://", "https:///path", "javascript:x",
     "https://u:p@example.com/", "https://example.com/\r\nx", "https://exa mple.com/", "https://[::1/", "",
     "https://example.com:99999/", "unix:///run/docker.sock", "https://example.com/\u2028", "//example.com/"],
)  # fmt: skip
def test_urls_of_another_kind(url: str) -> None:
    """Only https with a host and nothing else in front of the path; the reason never quotes the path."""
    with pytest.raises(Forbidden):
        check_url(url, NOWHERE)


def test_what_is_shown_of_a_url() -> None:
    """Scheme and host: the path of a webhook is its password."""
    assert shown("https://hooks.example.com:8443/services/T0/B0?sig=x") == "https://hooks.example.com:8443/…"


def test_networks_are_checked() -> None:
    """A setting that names no network is told which part is none."""
    assert networks("") == ()
    with pytest.raises(ValueError, match=r"'10\.0\.0\.0/99' is no network"):
        networks("::1, 10.0.0.0/99")
