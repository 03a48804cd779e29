"""The profile and the account facts that measurements of a single account stand on."""

from __future__ import annotations

from typing import Any

PROFILE: dict[str, Any] = {
    "profile": "typical",
    "version": 1,
    "groups": [
        {
            "name": "firmographic",
            "criteria": [
                {"id": "size", "when": {"employees": {"between": [50, 5000]}}, "points": 15},
                {"id": "industry", "when": {"industry": {"in": ["technology", "manufacturing"]}}, "points": 10},
                {"id": "stack", "when": {"technologies": {"has_any": ["salesforce", "snowflake"]}}, "points": 10},
            ],
        },
        {
            "name": "behavioral",
            "criteria": [
                {"id": "hire", "signal": "executive_hire", "points": 20, "decay": {"half_life": "90d"}},
                {"id": "round", "signal": "funding_round", "points": 20, "decay": {"half_life": "120d"}},
                {"id": "cuts", "signal": "layoff", "points": -15, "decay": {"linear": "90d"}},
            ],
        },
        {
            "name": "intent",
            "cap": 30,
            "criteria": [
                {
                    "id": "reading",
                    "signal": "content_consumption",
                    "where": {"topic": {"in": ["crm", "data"]}},
                    "points": 2,
                    "cap": 25,
                    "decay": {"half_life": "14d"},
                },
                {"id": "surge", "signal": "intent_surge", "points": 15, "decay": {"window": "21d"}},
            ],
        },
    ],
    "tiers": [{"name": "hot", "enter": 60, "leave": 55}, {"name": "warm", "enter": 30, "leave": 27}, {"name": "cold"}],
}

FACTS: dict[str, Any] = {
    "name": "Acme Incorporated",
    "industry": "manufacturing",
    "sub_industry": "industrial machinery",
    "employees": 1200,
    "annual_revenue_usd": 310_000_000,
    "country": "US",
    "region": "North America",
    "stage": "growth",
    "technologies": ["salesforce", "snowflake", "kafka", "workday"],
    "owner": "dana.roe@example.com",
    "custom": {"plan": "enterprise"},
}
