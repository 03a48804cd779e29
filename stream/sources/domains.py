"""From a website as a directory prints it to the domain of the company's account, or the reason there is none."""

from __future__ import annotations

import re
from functools import lru_cache

from stream.identity import Unidentifiable, canonical_account

SHARED_PLATFORMS = frozenset(
    """
    apple.com google.com goo.gl forms.gle github.com gitlab.com bitbucket.org producthunt.com linkedin.com lnkd.in
    facebook.com fb.com m.me messenger.com instagram.com twitter.com x.com t.co youtube.com youtu.be tiktok.com
    reddit.com medium.com substack.com notion.so notion.site linktr.ee discord.gg discord.com t.me telegram.me wa.me
    whatsapp.com ycombinator.com workatastartup.com crunchbase.com angel.co wellfound.com bit.ly tinyurl.com
    typeform.com airtable.com calendly.com kickstarter.com indiegogo.com huggingface.co npmjs.com pypi.org amazon.com
    microsoft.com steampowered.com itch.io roblox.com archive.org wikipedia.org docsend.com pitch.com carrd.co
    beacons.ai bio.link lu.ma eventbrite.com meetup.com slack.com dropbox.com
    """.split()  # noqa: SIM905 (a list to read, without quotes)
)
"""Sites where many companies have a page. A page on one (a path, or a host other than www) names no company; the bare
address names the site's owner, who may be in the directory (Product Hunt, GitLab, Y Combinator)."""

UNUSABLE = "no website that names an account"
ON_A_PLATFORM = "the website is a page on a shared platform"

_SCHEMES = re.compile(r"^(?:[a-z][a-z0-9+.-]*://)+", re.IGNORECASE)


@lru_cache(maxsize=65536)
def account_domain(website: str) -> tuple[str | None, str]:
    """(canonical domain, "") or (None, why not). Of several addresses in one cell the first counts."""
    first = _SCHEMES.sub("", re.split(r"[,;\s]", website.strip()[:4096], maxsplit=1)[0])
    try:
        domain = canonical_account(first)
    except Unidentifiable:
        return None, UNUSABLE
    host, _, path = first.partition("/")
    if domain in SHARED_PLATFORMS and (path.strip("/") or host.lower().removeprefix("www.") != domain):
        return None, ON_A_PLATFORM
    return domain, ""
