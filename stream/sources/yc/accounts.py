"""Which account a company of the directory is: domains, moves, platforms, and listings that share a domain.

An account is a domain, and one company at a time speaks for it. A company keeps its domain until the directory names
another that can be its own; the rules in `settle` and `move` decide, and each decision against a move has a name that
the report counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stream.sources.domains import account_domain

if TYPE_CHECKING:
    from stream.sources.yc.company import Company

MOVED_INTO_BUYER = "website moved after an acquisition: taken for the buyer's, the account keeps its domain"
HELD_BY_ANOTHER = "website moved to a domain another listed company holds: the account keeps its domain"
FORMER_OF_ANOTHER = "the website is a domain another company left: it leads to that company's account"
MOVED_BACK = "website moved back to a former domain of its own: already the same account"
WITHDRAWN = "website withdrawn: the account keeps its domain"
_RANK = {"Active": 0, "Public": 0, "Acquired": 1}


@dataclass(slots=True)
class Accounts:
    """Domains in use. `speaker`: domain -> company that speaks for it; `left`: former domain -> the one it leads to."""

    companies: dict[int, Company] = field(default_factory=dict)
    wanting: dict[str, set[int]] = field(default_factory=dict)
    speaker: dict[str, int] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def resolve(self, domain: str) -> str:
        """The domain an account goes by now."""
        while domain in self.left:
            domain = self.left[domain]
        return domain

    def arrive(self, company: Company) -> str:
        """A company is listed (again): gives it its domain, or says why it has none."""
        domain, why = account_domain(company.fields.get("website", ""))
        if domain is None:
            return why
        owner = self.resolve(domain)
        if owner not in (domain, company.domain):
            return FORMER_OF_ANOTHER
        self._take(company, owner)
        return ""

    def leave(self, company: Company) -> None:
        """A company is no longer listed: it speaks for nothing."""
        if company.domain:
            self.wanting[company.domain].discard(company.identity)

    def move(self, company: Company, website: str) -> tuple[str | None, str]:
        """The company's website changed: (the domain it left for good, "") or (None, why the account stays)."""
        target, why = account_domain(website)
        if target is None:
            return None, WITHDRAWN if not website.strip() else why
        before = company.domain
        if before is not None and self.resolve(target) == before:
            return None, MOVED_BACK if target != before else ""
        if target in self.left:
            return None, FORMER_OF_ANOTHER
        if before is not None and company.fields.get("status") == "Acquired":
            return None, MOVED_INTO_BUYER
        if any(self._rank(other) < 2 for other in self.wanting.get(target, ()) if other != company.identity):
            return None, HELD_BY_ANOTHER
        self._take(company, target)
        if before is None or self.wanting[before]:
            return None, ""
        self.left[before] = target
        return before, ""

    def settle(self, domain: str) -> int | None:
        """Who speaks for a domain: the listing that is alive, then the one that spoke before, then the older one."""
        wanting = self.wanting.get(domain)
        if not wanting:
            self.speaker.pop(domain, None)
            return None
        now = self.speaker.get(domain)
        best = min(wanting, key=lambda identity: (self._rank(identity), identity != now, identity))
        self.speaker[domain] = best
        return best

    def speaks(self, company: Company) -> bool:
        """Whether this company's changes are its account's."""
        return company.domain is not None and self.speaker.get(company.domain) == company.identity

    def _rank(self, identity: int) -> int:
        return _RANK.get(self.companies[identity].fields.get("status", ""), 2)

    def _take(self, company: Company, domain: str) -> None:
        if company.domain and company.domain != domain:
            self.wanting[company.domain].discard(company.identity)
        company.domain = domain
        self.wanting.setdefault(domain, set()).add(company.identity)
