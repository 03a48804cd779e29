"""Where an alert may be sent: which schemes, which addresses, how long and how much. Pure: looks nothing up."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_METADATA = frozenset(map(ipaddress.ip_address, ("168.63.129.16", "192.0.0.192")))
"""Services that tell a cloud machine about itself at addresses that look public; the others are link-local,
shared or private anyway."""


class Forbidden(ValueError):
    """An address or URL that alerts may not be sent to; the message says why and which setting allows it."""


@dataclass(frozen=True, slots=True)
class Outbound:
    """The limits of every attempt, an operator's decision."""

    http: bool = False
    """Whether anything may go in the clear: http, and SMTP without TLS."""
    allow: tuple[Network, ...] = ()
    """Networks that may be reached although they are private, loopback, link-local or the like."""
    deadline_ms: int = 15_000
    """A whole attempt takes no longer than this: looking up, connecting, sending, answer."""
    connect_ms: int = 5_000
    """Of that, looking up and connecting."""
    answer_bytes: int = 65_536
    """So much of an answer is read, no more."""


def networks(text: str) -> tuple[Network, ...]:
    """``10.0.0.0/8, ::1`` as networks. Raises ValueError, which names the part that is none."""
    found: list[Network] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        try:
            found.append(ipaddress.ip_network(part))
        except ValueError:
            raise ValueError(f"{part!r} is no network (write addresses such as 10.0.0.0/8 or ::1)") from None
    return tuple(found)


def check_address(text: str, outbound: Outbound) -> Address:
    """The address, if alerts may be sent to it.

    Raises Forbidden for every address that is not of the public internet, also where one is wrapped in another
    (IPv4 in IPv6, 6to4, Teredo, NAT64), unless the settings allow its network.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        raise Forbidden(f"{text[:60]!r} is no address") from None
    if any(address in network for network in outbound.allow):
        return address
    for one in (address, *_wrapped(address)):
        kind = _kind(one)
        # an address that wraps another is judged by the inner one, which may be allowed
        if kind and not any(one in network for network in outbound.allow):
            raise Forbidden(
                f"{address} is {kind}: alerts go to public addresses only (allow its network in the settings if meant)"
            )
    return address


def check_addresses(texts: Iterable[str], outbound: Outbound) -> list[Address]:
    """All that a name stands for. One forbidden among them forbids the name: a mixed answer is a trick."""
    found = [check_address(text, outbound) for text in texts]
    if not found:
        raise Forbidden("the name has no address")
    return found


def check_url(url: str, outbound: Outbound) -> str:
    """The URL, if its form is one that alerts may be posted to: https, a host, no name or password in it.

    Raises Forbidden without quoting the URL, since its path may be a secret.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise Forbidden("it is no URL (write https://host/path)") from None
    if any(not letter.isprintable() or letter.isspace() for letter in url):
        raise Forbidden("the URL has blanks or control characters in it (check for a line end)")
    if parts.scheme not in ("https", "http"):
        raise Forbidden("it is no https URL (write https://host/path)")
    if parts.scheme == "http" and not outbound.http:
        raise Forbidden("it is http, which anybody on the way can read (write https, or allow http in the settings)")
    if not host:
        raise Forbidden("the URL has no host (write https://host/path)")
    if parts.username is not None or parts.password is not None:
        raise Forbidden("the URL has a name or password in it (use keys instead)")
    return url


def shown(url: str) -> str:
    """A URL as it may be told: scheme and host, nothing after."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the URL"
    return f"{parts.scheme}://{parts.hostname}{port}/…"


def _wrapped(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 one leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found: list[Address | None] = [address.ipv4_mapped, address.sixtofour]
    found += address.teredo or ()
    if any(address in network for network in _NAT64) or (address in _COMPATIBLE and int(address) > 1):
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return [one for one in found if one is not None]


def _kind(address: Address) -> str:
    """What is wrong with it; empty where nothing is."""
    if address in _METADATA:
        return "a metadata service"
    for name in ("loopback", "link_local", "site_local", "multicast", "unspecified"):
        if getattr(address, f"is_{name}", False):
            return name.replace("_", "-")
    if isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped or _is_nat64(address)):
        return ""  # it is the inner address that counts
    if address.is_private or address.is_reserved or not address.is_global:
        return "private or reserved"
    return ""


def _is_nat64(address: ipaddress.IPv6Address) -> bool:
    return address in _NAT64[0]
