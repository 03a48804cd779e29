"""A simulated market for the demo: companies, a hidden buying process, and feeds with the faults of real ones.

Everything here is pure: the same arguments give the same market, and nothing reads a clock or the outside.
"""

from __future__ import annotations

from stream.sources.simulated.companies import Company
from stream.sources.simulated.delivery import Record
from stream.sources.simulated.market import START_MS, Market, simulate
from stream.sources.simulated.truth import Assessment, assess

__all__ = ["START_MS", "Assessment", "Company", "Market", "Record", "assess", "simulate"]
