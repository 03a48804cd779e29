"""What the feeds tell of a happening: its type, its data, and which feed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stream.sources.simulated import words
from stream.sources.simulated.delivery import Feed

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from stream.sources.simulated.companies import Company

CRUNCHFEED: Final = Feed("simulated/crunchfeed", "cf", 10.0)
NEWSWIRE: Final = Feed("simulated/newswire", "nw", 3.0)
PEOPLE: Final = Feed("simulated/people", "pe", 14.0)
JOBS: Final = Feed("simulated/jobs", "jb", 8.0)
BOARDS: Final = Feed("simulated/boards", "bd", 5.0)
WEB: Final = Feed("simulated/web", "wb", 0.05)
INTENT: Final = Feed("simulated/intent", "in", 30.0)
TECHSCAN: Final = Feed("simulated/techscan", "ts", 20.0)
REVIEWS: Final = Feed("simulated/reviews", "rv", 6.0)
EVENTS: Final = Feed("simulated/events", "ev", 12.0)
FIRMOGRAPHICS: Final = Feed("simulated/firmographics", "fg", 4.0)
CRM: Final = Feed("simulated/crm", "crm", 0.1)

SECOND_SOURCE: Final = {CRUNCHFEED: NEWSWIRE, PEOPLE: NEWSWIRE, JOBS: BOARDS}
"""Who tells the same event again."""

Tale = tuple[Feed, str, dict[str, Any]]
"""(feed, type, data)"""


def tell(kind: str, rng: random.Random, company: Company, stack: set[str], mark: str) -> Tale:
    """What is told of one happening; `stack` is what the company runs now and is kept up to date.

    `mark` is different for each happening of the market; postings and visitors are named from it.
    """
    return _TELLERS[kind](rng, company, stack, mark)


def _reading(kind: str, weight: float) -> Callable[..., Tale]:
    def teller(rng: random.Random, company: Company, _: set[str], __: str) -> Tale:
        topic = rng.choice(words.TOPICS)
        page = "pricing" if kind == "pricing_view" else topic.replace(" ", "-")
        data = {
            "topic": "pricing" if kind == "pricing_view" else topic,
            "kind": "page_view" if kind == "pricing_view" else kind,
            "url": f"https://seller.example/{page}",
            "person_id": f"p-{company.index:05d}-{rng.randrange(1, 7)}",
            "weight": weight,
        }
        return WEB, "content_consumption", data

    return teller


def _surge(rng: random.Random, _: Company, __: set[str], ___: str) -> Tale:
    topic = rng.choice(words.TOPICS if rng.random() < 0.85 else words.FAR_TOPICS)
    return INTENT, "intent_surge", {"topic": topic, "score": min(100, round(rng.gauss(74, 10))), "baseline": 50}


def _job(*, data_team: bool) -> Callable[..., Tale]:
    def teller(rng: random.Random, company: Company, stack: set[str], mark: str) -> Tale:
        data: dict[str, Any] = {
            "title": rng.choice(words.DATA_JOBS if data_team else words.OTHER_JOBS),
            "posting_id": f"job-{mark}",
            "state": "opened",
            "department": "data" if data_team else rng.choice(words.OTHER_DEPARTMENTS),
            "location": rng.choice(words.CITIES),
            "url": f"https://jobs.{company.domain}/{mark}",
        }
        if data_team:
            data["technologies"] = sorted(stack.intersection(words.DATA_STACK))
        return JOBS, "job_posting", data

    return teller


def _person(kind: str, *, data_team: bool | None) -> Callable[..., Tale]:
    def teller(rng: random.Random, _: Company, __: set[str], ___: str) -> Tale:
        of_data = rng.random() < 0.15 if data_team is None else data_team
        title = rng.choice(words.DATA_TITLES if of_data else words.OTHER_TITLES)
        data = {
            "title": title,
            "person": f"{rng.choice(words.GIVEN)} {rng.choice(words.FAMILY)}",
            "seniority": {"C": "c_level", "V": "vp"}.get(title[0], "director"),
            "department": "data" if of_data else "business",
        }
        return PEOPLE, kind, data

    return teller


def _funding(rng: random.Random, company: Company, _: set[str], __: str) -> Tale:
    series = words.SERIES.get(company.stage) or rng.choice(("e_plus", "debt"))
    amount = round(words.AMOUNTS[series] * rng.lognormvariate(0, 0.4), -5)
    data = {"series": series, "amount_usd": int(amount), "investors": rng.sample(words.INVESTORS, 2)}
    return CRUNCHFEED, "funding_round", data


def _adopt(rng: random.Random, _: Company, stack: set[str], __: str) -> Tale:
    missing = [name for name in (*words.DATA_STACK, *words.OTHER_STACK) if name not in stack] or ["kafka"]
    name = rng.choice(missing)
    stack.add(name)
    return TECHSCAN, "technology_change", _changed(name, "adopted")


def _drop(rng: random.Random, _: Company, stack: set[str], __: str) -> Tale:
    # the data stack stays: who drops it would stop being a customer, which is another story
    name = rng.choice(sorted(stack.intersection(words.OTHER_STACK)) or ["php"])
    stack.discard(name)
    return TECHSCAN, "technology_change", _changed(name, "dropped")


def _rival_drop(rng: random.Random, _: Company, __: set[str], ___: str) -> Tale:
    data = {"technology": rng.choice(words.RIVALS), "change": "dropped", "category": "data observability"}
    return TECHSCAN, "technology_change", data


def _changed(name: str, change: str) -> dict[str, Any]:
    return {"technology": name, "change": change, "category": words.CATEGORIES[name]}


def _rival_review(rng: random.Random, _: Company, __: set[str], ___: str) -> Tale:
    rating = rng.choice((1, 1.5, 2, 2.5, 3, 4))
    sentiment = "negative" if rating < 2.5 else "neutral" if rating < 3.5 else "positive"
    data = {"competitor": rng.choice(words.RIVALS), "rating": rating, "sentiment": sentiment}
    return REVIEWS, "competitor_review", data


def _announcement(rng: random.Random, company: Company, _: set[str], mark: str) -> Tale:
    kind = rng.choice(words.ANNOUNCEMENTS)
    title = f"{company.name} announces a {kind.replace('_', ' ') if kind != 'other' else 'milestone'}"
    return NEWSWIRE, "announcement", {"kind": kind, "title": title, "url": f"https://newswire.example/{mark}"}


def _expansion(rng: random.Random, _: Company, __: set[str], ___: str) -> Tale:
    kind = rng.choice(("office", "market", "subsidiary"))
    return NEWSWIRE, "expansion", {"kind": kind, "place": rng.choice(words.CITIES)}


def _acquisition(rng: random.Random, _: Company, __: set[str], ___: str) -> Tale:
    return NEWSWIRE, "acquisition", {"role": "acquirer", "amount_usd": 1_000_000 * rng.randrange(5, 200)}


def _website(rng: random.Random, company: Company, _: set[str], __: str) -> Tale:
    kind = rng.choice(("redesign", "new_content"))
    return TECHSCAN, "website_change", {"kind": kind, "url": f"https://{company.domain}/"}


def _conference(rng: random.Random, _: Company, __: set[str], ___: str) -> Tale:
    role = rng.choices(("attendee", "speaker", "sponsor"), (0.8, 0.12, 0.08))[0]
    return EVENTS, "conference_attendance", {"event": rng.choice(words.EVENTS), "role": role}


def _layoff(rng: random.Random, company: Company, _: set[str], __: str) -> Tale:
    fraction = round(rng.uniform(0.03, 0.25), 2)
    return NEWSWIRE, "layoff", {"headcount": max(1, round(company.employees * fraction)), "fraction": fraction}


_TELLERS: Final[dict[str, Callable[[random.Random, Company, set[str], str], Tale]]] = {
    "page_view": _reading("page_view", 1.0),
    "pricing_view": _reading("pricing_view", 3.0),
    "download": _reading("download", 2.0),
    "webinar": _reading("webinar", 2.5),
    "search": _reading("search", 1.0),
    "review_view": _reading("review_view", 2.0),
    "email_click": _reading("email_click", 1.0),
    "surge": _surge,
    "data_job": _job(data_team=True),
    "other_job": _job(data_team=False),
    "data_hire": _person("executive_hire", data_team=True),
    "other_hire": _person("executive_hire", data_team=False),
    "departure": _person("executive_departure", data_team=None),
    "funding": _funding,
    "adopt": _adopt,
    "drop": _drop,
    "rival_drop": _rival_drop,
    "rival_review": _rival_review,
    "announcement": _announcement,
    "expansion": _expansion,
    "acquisition": _acquisition,
    "website": _website,
    "conference": _conference,
    "layoff": _layoff,
}
