"""From whatever names a company on the internet to the one domain that is its account (SPEC 3.3).

The order matters: what can be cut off (scheme, user, port, path) goes first, then letters are made one alphabet
(IDNA), and only then is the host judged, so that no spelling slips past a check in another spelling.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import ClassVar, NoReturn
from urllib.parse import unquote

import idna
import tldextract
from tldextract.tldextract import ExtractResult

from stream.identity.free_mail import EVERYWHERE, free_mail_domains

LONGEST_INPUT = 4_096
_LONGEST_HOST = 253  # RFC 1035, without the trailing dot
_LONGEST_CACHED = 300  # what is longer is hostile or a URL seen once: it must not fill the cache
_CACHED = 65_536
_SHOWN = 80

_SCHEME = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//+|(?:mailto|https?):/*", re.IGNORECASE)
_BARE = re.compile(r"[a-z0-9.-]+", re.ASCII)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)", re.ASCII)  # as browsers tell an IPv4 address
PRIVATE_ENDINGS = frozenset(
    {"corp", "home", "internal", "invalid", "lan", "local", "localdomain", "localhost", "onion"}
)
"""Endings that no name on the public internet has (RFC 6761, RFC 6762, RFC 7686, and habit)."""

# the snapshot inside the package alone: no network, no cache on disk, so every worker agrees
_SUFFIXES = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)
_OFFICIAL = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=False)


class Unidentifiable(ValueError):
    """No account can be told from the text; the message says why and what to send instead."""

    reason: ClassVar[str] = "unidentifiable_account"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def canonical_account(text: object) -> str:
    """The canonical domain of a domain, URL or e-mail address. Pure and idempotent; raises Unidentifiable.

    Aliases are not followed here: see stream.identity.aliases.
    """
    if not isinstance(text, str):
        _refuse(text, "is not text", "write the company's domain")
    found, why = _remembered(text) if len(text) <= _LONGEST_CACHED else _identify(text)
    if not found:
        raise Unidentifiable(why)
    return found


@lru_cache(maxsize=_CACHED)
def _remembered(text: str) -> tuple[str, str]:
    return _identify(text)


def _identify(text: str) -> tuple[str, str]:
    """(canonical domain, "") or ("", why not): refusals are remembered too, they repeat as often."""
    try:
        return _registrable(text, _letters(text, _host(text))), ""
    except Unidentifiable as error:
        return "", error.message


def _host(text: str) -> str:
    """The host as written: without scheme, user, port, path; may be no host at all."""
    if len(text) > LONGEST_INPUT:
        _refuse(text, "is too long to be a domain", f"at most {LONGEST_INPUT} characters")
    if _BARE.fullmatch(text):
        return text  # as most are written: there is nothing to cut off
    host = text.strip().replace("\\", "/")  # as browsers read it
    if host.endswith(">") and "<" in host:  # Dana Roe <dana@acme.com>
        host = host[host.rindex("<") + 1 : -1]
    scheme = _SCHEME.match(host)
    if scheme:
        host = host[scheme.end() :]
    host = re.split(r"[/?#]", host, maxsplit=1)[0].rpartition("@")[2]
    if host.startswith("[") or host.count(":") > 1:
        _refuse(text, "is an IP address, which is nobody's account", "send the company's domain")
    host, colon, port = host.partition(":")
    if colon and port and not (port.isascii() and port.isdecimal()):
        _refuse(text, "is not a domain, URL or e-mail address", "send the company's domain, as acme.com")
    return unquote(host) if "%" in host else host


def _letters(text: str, host: str) -> str:
    """The host in lower-case ASCII, international labels in punycode, each label well formed."""
    if not host.isascii():
        if len(host) > _LONGEST_HOST:
            _refuse(text, "is too long to be a domain", "check for a missing slash")
        try:
            host = idna.uts46_remap(host, std3_rules=False, transitional=False)
            host = ".".join(x if x.isascii() else idna.alabel(x).decode("ascii") for x in host.split("."))
        except (idna.IDNAError, UnicodeError):
            _refuse(text, "has letters that no domain can have", "send the domain in punycode, as xn--…")
    host = host.lower().removesuffix(".")
    if not host:
        _refuse(text, "names no host", "send the company's domain, as acme.com")
    if host == "localhost" or host.endswith(".localhost"):
        _refuse(text, "is the machine itself", "send the company's domain")
    if _ENDS_IN_NUMBER.fullmatch(host):
        _refuse(text, "is an IP address, which is nobody's account", "send the company's domain")
    if len(host) > _LONGEST_HOST:
        _refuse(text, "is too long to be a domain", f"at most {_LONGEST_HOST} characters")
    for label in host.split("."):
        if _LABEL.fullmatch(label) is None:
            _refuse(text, "is not a domain, URL or e-mail address", "send the company's domain, as acme.com")
        if label.startswith("xn--") and not _true_punycode(label):
            _refuse(text, f"has a label, {label[:_SHOWN]}, that is not punycode", "send the domain as it is registered")
    return host


def _true_punycode(label: str) -> bool:
    """Whether the label is what its own letters encode to: a second spelling of a domain would be a second account."""
    try:
        return idna.alabel(idna.ulabel(label)).decode("ascii") == label
    except (idna.IDNAError, UnicodeError):
        return False


def _registrable(text: str, host: str) -> str:
    """The domain somebody registered, when it can be a company's."""
    bare = host.removeprefix("www.")
    parts = _parts(bare)
    if not parts.suffix:
        # the list's own default: where no rule matches, the last label is the suffix
        *others, name, ending = ["", *bare.rsplit(".")]
        if not name:
            _refuse(text, "is a single word, not a domain", "send the company's domain, as acme.com")
        if ending in PRIVATE_ENDINGS:
            _refuse(text, f"is a name inside a network (.{ending})", "send the domain the world sees")
        parts = ExtractResult(".".join(others), name, ending, is_private=False, registry_suffix=ending)
    if not parts.domain or parts.domain == "www":
        _refuse(text, "is a public suffix, under which many register", "send the company's own domain below it")
    domain = f"{parts.domain}.{parts.suffix}"
    if "_" in parts.domain:
        _refuse(text, "has an underscore, which no registered domain has", "check the spelling")
    free = free_mail_domains()
    if domain in free or bare in free or _everywhere(domain):
        _refuse(text, "is a free-mail provider, where anybody has an address", "send the company's domain")
    return domain


def _parts(host: str) -> ExtractResult:
    """What the Public Suffix List makes of a host. Most are a name and an ending of which it says nothing else."""
    name, _, ending = host.partition(".")
    endings, rules = _suffixes()
    if ending in endings and host not in rules and not name.startswith("xn--"):  # the rules are in their own letters
        return ExtractResult("", name, ending, is_private=False, registry_suffix=ending)
    return _SUFFIXES.extract_str(host)


@cache
def _suffixes() -> tuple[frozenset[str], frozenset[str]]:
    """Suffixes of one label, but for those with a rule for whatever stands before them; and all rules."""
    rules = frozenset(_SUFFIXES.tlds)
    return frozenset(rule for rule in rules if "." not in rule and f"*.{rule}" not in rules), rules


def _everywhere(domain: str) -> bool:
    if domain.partition(".")[0] not in EVERYWHERE:
        return False
    official = _OFFICIAL.extract_str(domain)  # outlook.github.io is somebody's own
    return official.domain in EVERYWHERE and not official.subdomain


def _refuse(text: object, why: str, mend: str) -> NoReturn:
    shown = repr(text[:_SHOWN]) + ("…" if len(text) > _SHOWN else "") if isinstance(text, str) else type(text).__name__
    raise Unidentifiable(f"unidentifiable account {shown}: {why} ({mend})")
