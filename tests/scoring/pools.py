"""The small pools that the strategies draw members, conditions and facts from."""

from __future__ import annotations

from typing import Any

DATA: dict[str, dict[str, tuple[Any, ...]]] = {
    "content_consumption": {"topic": ("crm", "CRM", "ai"), "weight": (1, 2.5, 1, 2, None, "3", True, -1)},
    "funding_round": {"series": ("a", "b", "unknown"), "amount_usd": (None, 1_000_000, 5_000_000)},
    "executive_hire": {"title": ("CRO", "cro ", "VP Sales"), "person": (None, "Dana", "dana ", "")},
    "job_posting": {
        "posting_id": ("j1", "j2", "j3"),
        "state": ("opened", "opened", "closed"),
        "technologies": (None, [], ["Salesforce"], ["dbt", "Kafka"]),
    },
    "layoff": {"headcount": (None, 10, 200), "fraction": (None, 0.1)},
    "intent_surge": {"topic": ("crm",), "score": (40, 60, 80.5)},
}
"""type -> member -> values (None: left out)"""

WHERE: dict[str, tuple[dict[str, Any], ...]] = {
    "content_consumption": (
        {"topic": {"eq": "Crm"}},
        {"weight": {"gt": 1}},
        {"not": {"weight": {"exists": True}}},
        {"topic": {"ne": "ai"}, "weight": {"exists": True}},
    ),
    "funding_round": (
        {"series": {"in": ["A", "b"]}},
        {"amount_usd": {"gte": 5_000_000}},
        {"any": [{"amount_usd": {"lt": 2_000_000}}, {"series": {"eq": "b"}}]},
    ),
    "executive_hire": ({"title": {"matches": "(?i)cro"}}, {"title": {"matches": "CRO"}}),
    "job_posting": (
        {"technologies": {"has_any": ["salesforce", "kafka"]}},
        {"technologies": {"has_all": ["kafka", "DBT"]}},
        {"state": {"eq": "opened"}},
    ),
    "layoff": ({"headcount": {"between": [100, 200]}}, {"fraction": {"lte": 0.1}}),
    "intent_surge": ({"score": {"gte": 60}}, {"score": {"not_in": [60, 80.5]}}),
}

CONDITIONS: tuple[dict[str, Any], ...] = (
    {"employees": {"gt": 100}},
    {"employees": {"gte": 120, "lt": 500}},
    {"employees": {"between": [50, 120]}},
    {"employees": {"exists": False}},
    {"country": {"eq": "us"}},
    {"country": {"ne": "US"}},
    {"country": {"in": ["CA", "MX"]}},
    {"country": {"not_in": ["CA", "MX"]}},
    {"technologies": {"has": "salesforce"}},
    {"technologies": {"has_all": ["dbt", "kafka"]}},
    {"technologies": {"matches": "^s"}},
    {"custom.plan": {"eq": "pro"}},
    {"custom.paying": {"eq": True}},
    {"last_outcome": {"in": ["won", "lost"]}},
)

FACTS: dict[str, tuple[Any, ...]] = {
    "employees": (50, 120, 120.0, 500, "many", None),
    "country": ("US", "ca", "DE", None),
    "technologies": ([], ["Salesforce"], ["dbt", "Kafka", "salesforce"], "salesforce", None),
    "custom.plan": ("pro", "free", None),
    "custom.paying": (True, False, 1, None),
}
"""member -> values; None makes it unknown again"""

STAGES = ("open", "won", "lost", "churned")
