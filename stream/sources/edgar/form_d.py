"""Reading a Form D (notice of an exempt offering) in XML: how much was sold, and whether by a fund."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stream.sources.edgar.filings import ACCESSION

if TYPE_CHECKING:
    from pathlib import Path

    from stream.sources.report import Report

MAX_BYTES = 8 * 1024 * 1024
_FUND = re.compile(r"pooled investment fund|REITS", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Offering:
    """`sold_usd`: total amount sold so far, None where not stated. `accession`: from the file's name, or empty."""

    accession: str
    ciks: tuple[int, ...]
    name: str
    sold_usd: int | None
    fund: bool
    amendment: bool
    first_sale: str


def read_offerings(folder: Path, report: Report) -> list[Offering]:
    """Every readable Form D under `form_d_xml/`; the others are reported."""
    found = []
    for path in sorted(folder.glob("form_d_xml/*.xml")):
        try:
            found.append(parse_offering(path.read_bytes(), path.name))
        except (ValueError, OSError, ET.ParseError) as error:
            report.bad_line(path.name, 0, f"not a Form D: {error}")
    return found


def parse_offering(raw: bytes, name: str = "") -> Offering:
    """Reads one document. Raises ValueError or ParseError with what is wrong."""
    if len(raw) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES:,} bytes")
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
        raise ValueError("it declares entities, which no Form D does")
    # entities are refused above; some files start with a blank line, which XML does not allow
    root = ET.fromstring(raw.lstrip())  # noqa: S314
    told = ((node.text or "").strip() for node in root.iter("cik"))
    ciks = tuple(int(cik) for cik in told if cik.isascii() and cik.isdigit())
    if root.tag != "edgarSubmission" or not ciks:
        raise ValueError("no edgarSubmission with a cik")

    def text(path: str) -> str:
        return (root.findtext(path) or "").strip()

    sold = text(".//totalAmountSold")
    match = ACCESSION.search(name)
    return Offering(
        accession=match[0] if match else "",
        ciks=ciks,
        name=text("primaryIssuer/entityName"),
        sold_usd=int(sold) if sold.isascii() and sold.isdigit() else None,
        fund=bool(_FUND.search(text(".//industryGroupType"))),
        amendment=text(".//isAmendment") == "true" or text("submissionType").endswith("/A"),
        first_sale=text(".//dateOfFirstSale/value"),
    )
