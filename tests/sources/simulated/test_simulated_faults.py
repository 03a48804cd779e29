"""Every fault of real feeds really occurs, at about its rate, and the rest of the records is sound."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from schemas.faults import BadMember
from schemas.signals import SIGNAL_TYPES
from schemas.validation import validate_data
from stream.identity.canonical import Unidentifiable, canonical_account
from stream.sources.simulated import rates
from stream.sources.simulated.feeds import reformatted, rewrite_time
from stream.sources.simulated.rates import DAY

if TYPE_CHECKING:
    from stream.sources.simulated import Market

    from .conftest import Read


def occurred(one: Read) -> int:
    """When the record says it happened, in epoch milliseconds."""
    return int(datetime.fromisoformat(one.event["time"]).timestamp() * 1000)


def trouble(one: Read) -> str | None:
    """What an intake would reject the record for."""
    try:
        canonical_account(one.event["subject"])
    except Unidentifiable:
        return "unidentifiable"
    if one.type not in SIGNAL_TYPES:
        return "unknown_type"
    if occurred(one) > one.recorded + 600_000:
        return "in_future"
    data = dict(one.event["data"])
    if one.type == "account_update":  # custom facts are anything
        data["facts"] = {name: fact for name, fact in data["facts"].items() if not name.startswith("custom.")}
    try:
        validate_data(one.type, 1, data)
    except BadMember:
        return "bad_member"
    return None


def test_exactly_the_malformed_are_malformed(market: Market, read: list[Read]) -> None:
    """Each kind of malformed record occurs as often as the market counted; all others satisfy the contract."""
    found = Counter(filter(None, map(trouble, read)))
    counted = market.faults
    assert found == {
        "unidentifiable": counted["free_mail"],
        "unknown_type": counted["unknown_type"],
        "in_future": counted["future"],
        "bad_member": counted["bad_member"],
    }
    assert len(market) - len(read) == counted["not_json"] > 0
    assert all(count > 50 for count in found.values())


def test_deliveries_repeat_byte_for_byte(market: Market) -> None:
    """Some records come twice, the same bytes later."""
    seen: set[bytes] = set()
    again = 0
    for _, _, value in market.records:
        if value.endswith(b"}"):  # two that are cut off early can be equal by chance
            again += value in seen
            seen.add(value)
    assert again == market.faults["repeat"]
    assert 0.5 < again / len(market) / rates.REPEAT < 1.5


def test_an_id_is_never_used_for_two_things(read: list[Read]) -> None:
    """(source, id) is an identity: whatever comes under it twice is the same."""
    contents = defaultdict(set)
    for one in read:
        contents[one.event["source"], one.event["id"]].add(repr(one.event))
    assert all(len(forms) == 1 for forms in contents.values())


def test_two_sources_tell_the_same_event(market: Market, read: list[Read]) -> None:
    """Funding, hires and postings come from two sources with differing ids, sometimes days apart."""
    rounds = [one for one in read if one.type == "funding_round"]
    by_round = defaultdict(list)
    for one in rounds:
        by_round[canonical_account(one.event["subject"]), one.event["data"]["series"]].append(one)
    pairs = [
        abs(occurred(a) - occurred(b))
        for told in by_round.values()
        for a in told
        for b in told
        if a.event["source"] == "simulated/crunchfeed" and b.event["source"] == "simulated/newswire"
    ]
    assert sum(apart <= rates.TWIN_DAYS * DAY for apart in pairs) > 0.3 * len(rounds) / 2
    assert any(apart > 3 * DAY for apart in pairs)
    assert market.faults["twin"] > 1000


def test_some_signals_come_days_late(market: Market, read: list[Read]) -> None:
    """Most signals come within two and a half days, some a week or more after they happened."""
    ages = [one.recorded - occurred(one) for one in read if one.type == "content_consumption"]
    assert sum(age < 2.5 * DAY for age in ages) > 0.9 * len(ages)
    assert 0.005 < sum(age > 7 * DAY for age in ages) / len(ages) < 0.05
    assert market.faults["late"] > 500


def test_retractions_come_after_and_before_what_they_take_back(read: list[Read]) -> None:
    """A retraction names a signal by source, id and time; some arrive first."""
    first: dict[tuple[str, str], int] = {}
    times: dict[tuple[str, str], Any] = {}
    for one in read:
        first.setdefault((one.event["source"], one.event["id"]), one.recorded)
        times[one.event["source"], one.event["id"]] = one.event["time"]
    order: Counter[str] = Counter()
    for one in read:
        if one.type == "retracted":
            data = one.event["data"]
            target = (data["signal_source"], data["signal_id"])
            if target in first:
                assert data["signal_time"] == times[target]
                order["before" if one.recorded < first[target] else "after"] += 1
    assert order["before"] > 50
    assert order["after"] > order["before"]


def test_some_keys_are_missing_or_wrong(market: Market, read: list[Read]) -> None:
    """A few records have no key, or not their account's; nearly all have the right one."""
    sound = [one for one in read if one.type != "account_alias" and trouble(one) is None]
    aliases = {company.alias: company.domain for company in market.companies}
    kinds: Counter[str] = Counter()
    for one in sound:
        account = canonical_account(one.event["subject"])
        right = aliases.get(account, account).encode()
        kinds["none" if one.key is None else "right" if one.key == right else "wrong"] += 1
    assert kinds["none"] > 500
    assert kinds["wrong"] > 250
    assert kinds["right"] > 0.95 * len(sound)


def test_subjects_come_in_many_forms(read: list[Read]) -> None:
    """The same account is written as a domain, a URL, an e-mail address, with www and in capitals."""
    subjects = [one.event["subject"] for one in read if trouble(one) is None]
    assert any(subject.startswith("https://") for subject in subjects)
    assert any(subject.startswith("www.") for subject in subjects)
    assert any("@" in subject for subject in subjects)
    assert any(subject.isupper() for subject in subjects)


def test_a_second_domain_is_joined_by_an_alias(read: list[Read]) -> None:
    """A few companies are told of under a second domain, after a record that says whose it is."""
    joined = {one.event["subject"]: one.recorded for one in read if one.type == "account_alias"}
    used = [
        one
        for one in read
        if one.type != "account_alias" and trouble(one) is None and canonical_account(one.event["subject"]) in joined
    ]
    assert joined
    assert used
    assert all(one.recorded >= joined[canonical_account(one.event["subject"])] for one in used)


def test_a_vendor_rewrites_thousands_of_rows_in_a_day_and_says_nothing_new(market: Market, read: list[Read]) -> None:
    """On one day thousands of facts come again in another format, equal without case; a name alone gets a suffix."""
    rewrite = rewrite_time(market.start_ms, market.end_ms)
    aliases = {company.alias: company.domain for company in market.companies}
    told: dict[str, dict[str, Any]] = defaultdict(dict)
    rows = 0
    for one in sorted((one for one in read if one.type == "account_update"), key=occurred):
        account = canonical_account(one.event["subject"])
        facts = told[aliases.get(account, account)]
        new = one.event["data"]["facts"]
        if rewrite <= occurred(one) < rewrite + DAY and facts:
            rows += 1
            for name, value in new.items():
                assert plain(name, value) == plain(name, facts[name])
        facts.update(new)
    assert rows > 2000


def plain(name: str, value: object) -> object:
    """A fact as a condition sees it: without case, a list without order; a name without its legal form."""
    if isinstance(value, list):
        return sorted(str(element).casefold() for element in value)
    text = value.casefold() if isinstance(value, str) else value
    return text.removesuffix(" inc.") if name == "name" and isinstance(text, str) else text


def test_a_rewrite_changes_the_spelling() -> None:
    """The reformatted row differs in bytes from the one before."""
    row = {"name": "A", "country": "US", "industry": "media", "stage": "seed", "region": "emea"}
    row_of_technologies = {**row, "technologies": ["kafka"]}
    again = reformatted(row_of_technologies)
    assert again["name"] == "A Inc."
    assert (again["country"], again["technologies"]) == ("us", ["Kafka"])
    assert row["country"] == "US"
