"""Reading the text of an 8-K for item 5.02: who came, who went, as what.

Item 5.02 covers directors, officers and their pay; the number alone does not say which. Only a sentence that names a
person, a verb of coming or going, and an officer's title becomes a hire or a departure. Whatever else speaks of coming
or going is `unclear`; what does not is about pay.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from stream.sources.edgar.filings import ACCESSION

if TYPE_CHECKING:
    from pathlib import Path

    from stream.sources.report import Report

MAX_BYTES = 8 * 1024 * 1024
_PERSON = r"(?:(?:Mr|Ms|Mrs|Dr)\.\s+)?([A-Z][\w'-]+(?:\s+(?:[A-Z]\.|[A-Z][\w'-]+|de|van|von)){1,3})"
_TITLE = (
    r"((?:(?:Interim|Acting|Global|Executive|Senior)\s+)*(?:Chief\s+(?:[A-Z][a-z]+\s+(?:and\s+)?){1,3}Officer|President"
    r"(?:\s+and\s+Chief\s+Executive\s+Officer)?|General\s+Counsel|Vice\s+President(?:\s+of\s+[A-Z][a-z]+)?))"
)
_OF = (
    r"(?:\s+(?:as|to|to\s+serve\s+as|the|its|our|new|from|role|position|office|of|Company's|his|her))*"
    r"\s+"
)
_ASIDE = r"(?:,[^,.;]{1,40},)?"
_COMES = [
    re.compile(
        rf"{_PERSON}{_ASIDE}\s+(?:was|has\s+been|will\s+be|is)\s+(?:appointed|named|promoted|hired){_OF}{_TITLE}"
    ),
    re.compile(rf"{_PERSON}{_ASIDE}\s+became{_OF}{_TITLE}"),
    re.compile(rf"(?:appointed|named|promoted|hired|appointment\s+of)\s+{_PERSON}{_ASIDE}{_OF}{_TITLE}"),
]
_GOES = [
    re.compile(
        rf"{_PERSON}{_ASIDE}\s+(?:has\s+|will\s+)?(?:resign(?:ed)?|retired?|step(?:ped)?\s+down|transitioned){_OF}{_TITLE}"
    ),
    re.compile(rf"(?:resignation|retirement|departure)\s+of\s+{_PERSON}{_ASIDE}{_OF}{_TITLE}"),
]
_STIRS = re.compile(
    r"\b(?:appoint|elected|resign|retire[ds]?\b|retirement\s+of|depart(?:ed|ure\s+of)|step(?:ped)?\s+down|terminat|"
    r"successor|promoted|became|hired|named\s+as)",
    re.IGNORECASE,
)
_ITEM = re.compile(r"Item\s*5\.02\b", re.IGNORECASE)
_HEADING = re.compile(r"Certain\s+Officers\s*[.;]?\s*", re.IGNORECASE)
_END = re.compile(r"Item\s*\d\.\d\d\b|SIGNATURES?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Move:
    """One officer coming (`hired`) or going."""

    hired: bool
    person: str
    title: str


@dataclass(frozen=True, slots=True)
class Document:
    """A read 8-K. `report_date` is ISO or empty. `unclear`: it speaks of coming or going, but no sentence was read.

    `accepted` (RFC 3339) and `company` are known of full submissions only: those are filings by themselves.
    """

    file: str
    accession: str
    cik: int
    report_date: str
    accepted: str
    company: str
    moves: tuple[Move, ...]
    unclear: bool


def read_documents(folder: Path, report: Report) -> list[Document]:
    """Every 8-K under `form_8k/` that has an item 5.02."""
    found = []
    for path in sorted(folder.glob("form_8k/*")):
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_BYTES)  # the item is at the start of a filing
            document = parse_document(raw.decode("utf-8", "replace"), path.name)
        except (ValueError, OSError) as error:
            report.bad_line(path.name, 0, f"8-K not read: {error}")
            continue
        report.saw("8-K documents")
        if document is not None:
            found.append(document)
    return found


def parse_document(raw: str, name: str = "") -> Document | None:
    """Reads one document; None where it has no item 5.02. Raises ValueError where it does not say whose it is."""
    text = plain(raw)
    start = _ITEM.search(text)
    if start is None:
        return None
    cik = re.search(r"CENTRAL INDEX KEY:\s*(\d+)", raw) or re.search(r'"dei:EntityCentralIndexKey"[^>]*>\s*(\d+)', raw)
    if cik is None:
        raise ValueError("no company (CIK) in it")
    accession = re.search(r"ACCESSION NUMBER:\s*(" + ACCESSION.pattern + ")", raw) or ACCESSION.search(name)
    body = text[start.end() :]
    end = _END.search(body)
    body = body[: end.start()] if end else body
    headings = list(_HEADING.finditer(body[:400]))
    body = body[headings[-1].end() :] if headings else body
    moves = read_moves(body)
    return Document(
        file=name,
        accession=accession[accession.lastindex or 0] if accession else "",
        cik=int(cik[1]),
        report_date=_report_date(raw),
        accepted=_accepted(raw),
        company=_header(raw, r"COMPANY CONFORMED NAME:[ \t]*([^\r\n]{1,300})"),
        moves=moves,
        unclear=not moves and bool(_STIRS.search(body)),
    )


def plain(raw: str) -> str:
    """The words of a document: no markup, entities resolved, one space between words."""
    raw = re.sub(r"<(script|style|ix:header)\b.*?</\1\s*>", " ", raw[:MAX_BYTES], flags=re.IGNORECASE | re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", raw)).replace("\u2019", "'")).strip()


def read_moves(text: str) -> tuple[Move, ...]:
    """The comings and goings stated in a text, in its order, each once."""
    found: dict[Move, int] = {}
    for hired, patterns in ((True, _COMES), (False, _GOES)):
        for pattern in patterns:
            for match in pattern.finditer(text[:100_000]):
                found.setdefault(Move(hired, match[1].strip(), match[2].strip()), match.start())
    return tuple(sorted(found, key=lambda move: (found[move], move.person)))


def _header(raw: str, pattern: str) -> str:
    found = re.search(pattern, raw[:20_000])
    return found[1].strip() if found else ""


def _accepted(raw: str) -> str:
    stamp = _header(raw, r"<ACCEPTANCE-DATETIME>(\d{14})")
    if not stamp:
        return ""
    try:  # the header's clock is Washington's
        return datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=ZoneInfo("America/New_York")).isoformat()
    except ValueError:
        return ""


def _report_date(raw: str) -> str:
    told = re.search(r'"dei:DocumentPeriodEndDate"[^>]*>\s*([A-Z][a-z]+(?:\s|&#160;)+\d{1,2},\s+\d{4})', raw)
    if told:
        words = re.sub(r"\s+", " ", told[1].replace("&#160;", " "))
        try:
            return datetime.strptime(words + " +0000", "%B %d, %Y %z").date().isoformat()
        except ValueError:
            return ""
    period = re.search(r"CONFORMED PERIOD OF REPORT:\s*(\d{4})(\d\d)(\d\d)", raw)
    return "-".join(period.groups()) if period else ""
