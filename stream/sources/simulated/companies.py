"""The companies of the market: who they are, what they run, and how well they fit the seller."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any

from stream.sources.simulated import rates, words


@dataclass(frozen=True, slots=True)
class Company:
    """One company on the first day. `fit`, `appetite` and `attention` are hidden: no record says them.

    `fit` (0 to 1) is how well the seller's product suits it, `appetite` how readily it starts to buy, `attention`
    how much its people read whatever the state it is in.
    """

    index: int
    domain: str
    alias: str | None
    name: str
    industry: str
    sub_industry: str
    employees: int
    annual_revenue_usd: int
    country: str
    region: str
    stage: str
    growth_rate: float
    technologies: tuple[str, ...]
    competitor: bool
    headcount_known: bool
    technologies_known: bool
    fit: float
    appetite: float
    attention: float

    @property
    def size(self) -> float:
        """How much more often things happen that a bigger company does more of (1 at 500 people)."""
        return min(4.0, max(0.25, math.sqrt(self.employees / 500)))

    def firmographics(self) -> dict[str, Any]:
        """What the firmographic vendor knows on the first day, as the facts of an `account_update`."""
        facts: dict[str, Any] = {
            "name": self.name,
            "industry": self.industry,
            "sub_industry": self.sub_industry,
            "country": self.country,
            "region": self.region,
            "stage": self.stage,
            "annual_revenue_usd": self.annual_revenue_usd,
            "growth_rate": self.growth_rate,
        }
        if self.headcount_known:
            facts["employees"] = self.employees
        if self.competitor:
            facts["custom.is_competitor"] = True
        return facts


def found(index: int, seed: int) -> tuple[Company, random.Random]:
    """Company `index` of market `seed`, with the generator its life goes on with; independent of all the others."""
    rng = random.Random(f"tierline/{seed}/{index}")  # noqa: S311 (a market, not a secret)
    industry = rng.choices(list(words.INDUSTRIES), [row[0] for row in words.INDUSTRIES.values()])[0]
    _, industry_fit, subs, word = words.INDUSTRIES[industry]
    country = rng.choices(list(words.COUNTRIES), [row[0] for row in words.COUNTRIES.values()])[0]
    _, region, country_fit = words.COUNTRIES[country]
    employees = round(min(60_000.0, max(4.0, rng.lognormvariate(math.log(260), 1.45))))
    stem = _stem(index, seed)
    stack = _technologies(rng, industry_fit, employees)
    competitor = rng.random() < rates.COMPETITORS
    fit = _fit(rng, industry_fit, country_fit, employees, stack)
    company = Company(
        index=index,
        domain=f"{stem.lower()}.{words.SUFFIX}",
        alias=f"{stem.lower()}-group.{words.SUFFIX}" if rng.random() < rates.ALIASED else None,
        name=f"{stem} {word}",
        industry=industry,
        sub_industry=rng.choice(subs),
        employees=employees,
        annual_revenue_usd=10_000 * round(employees * rng.lognormvariate(math.log(19), 0.35)),
        country=country,
        region=region,
        stage=_stage(rng, employees),
        growth_rate=round(rng.gauss(0.12, 0.15), 3),
        technologies=stack,
        competitor=competitor,
        headcount_known=rng.random() >= rates.NO_HEADCOUNT,
        technologies_known=rng.random() >= rates.NO_TECHNOLOGIES,
        fit=0.0 if competitor else fit,
        appetite=0.0 if competitor else 0.18 + 0.82 * fit,
        attention=rng.lognormvariate(-0.3, 0.8) * (3.0 if competitor else 1.0),
    )
    return company, rng


def _stem(index: int, seed: int) -> str:
    """A name no other company of this market has: the syllables are the digits of a number that never repeats."""
    parts = (words.FIRST, words.SECOND, words.LAST)
    total = math.prod(len(part) for part in parts)
    turn, number = divmod(index, total)
    # 7919 is prime and divides none of the lengths, so this walks through every number before it comes back
    number = (number * 7919 + seed * 104_729) % total
    stem = ""
    for part in parts:
        number, digit = divmod(number, len(part))
        stem += part[digit]
    return f"{stem}{turn + 1}" if turn else stem


def _technologies(rng: random.Random, industry_fit: float, employees: int) -> tuple[str, ...]:
    """What it runs: a data stack where the industry and the size call for one, and some of everything else."""
    lean = 0.04 + 0.30 * industry_fit + 0.05 * max(0.0, min(3.0, math.log10(employees) - 1))
    data = [name for name in words.DATA_STACK if rng.random() < lean]
    return (*data, *(name for name in words.OTHER_STACK if rng.random() < 0.3))


def _stage(rng: random.Random, employees: int) -> str:
    for most, stage in words.STAGES:
        if employees < most:
            return stage if rng.random() < 0.8 else "bootstrapped"
    return rng.choices(("public", "private_equity", "late_stage"), (0.4, 0.3, 0.3))[0]


def _fit(rng: random.Random, industry: float, country: float, employees: int, stack: tuple[str, ...]) -> float:
    """How well the seller's product suits it. Luck has a part, so that no profile of facts can read it off."""
    sized = math.exp(-((math.log(employees / 900) / 1.3) ** 2))  # best near 900 people
    data = min(2, sum(name in words.DATA_STACK for name in stack)) / 2
    drawn = 2.2 * industry + 1.0 * country + 2.6 * sized + 2.2 * data + rng.gauss(0.0, 1.2)
    return 1 / (1 + math.exp(-(drawn - 5.4) * 1.3))
