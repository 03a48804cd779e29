"""What the demo runs on: a simulated market or a folder of real companies, fed into the log as an import."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import orjson

import stream
from schemas.times import parse_time
from schemas.topics import ACCOUNTS, SIGNALS
from stream.identity import Aliases, AliasLoop, Unidentifiable, canonical_account
from stream.importing import Import
from stream.settings import Settings
from stream.sources.formats import Format
from stream.sources.report import Report
from stream.sources.simulated import Market
from stream.transports.records import Append, partition_for
from stream.transports.seam import Log

CHUNK = 2_000
ALIAS = b'"tierline.signal.account_alias"'


def example_profiles(name: str) -> Path:
    """A directory of profiles that comes with Tierline."""
    package = Path(stream.__file__).parent
    for folder in (package / "examples", package.parent / "examples" / "profiles"):
        if (folder / name).is_dir():
            return folder / name
    raise FileNotFoundError(f"the example profiles {name} are not installed; give a directory with --profiles")


@dataclass(slots=True)
class Feed:
    """Records to import, and how far that has got."""

    records: Iterable[tuple[bytes | None, bytes]]
    total: int | None
    sent: int = 0
    last: int = 0
    """The greatest record time sent (ms)."""
    done: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None
    report: Report | None = None

    def start(self, settings: Settings, log: Log) -> threading.Thread:
        """Import everything in a thread of its own."""
        thread = threading.Thread(target=self._run, args=(settings, log), daemon=True)
        thread.start()
        return thread

    def _run(self, settings: Settings, log: Log) -> None:
        try:
            opened = Import(log, settings)
            try:
                records = iter(self.records)
                while chunk := list(islice(records, CHUNK)):
                    opened.append([_append(settings, key, value) for key, value in chunk])
                    self.sent += len(chunk)
            finally:
                opened.close()
        except BaseException as error:  # it is raised again in the thread that watches  # noqa: BLE001
            self.error = error
        finally:
            self.done.set()


def simulated(market: Market) -> Feed:
    """A simulated market as a feed: records as their vendors would produce them, faults and all."""
    feed = Feed(records=(), total=len(market))

    def records() -> Iterator[tuple[bytes | None, bytes]]:
        for moment, key, value in market.records:
            feed.last = moment
            yield key, value

    feed.records = records()
    return feed


def real(folder: Path, format_: Format) -> Feed:
    """A folder of public data as a feed, converted as it is read."""
    report = Report()
    feed = Feed(records=(), total=None, report=report)
    aliases = Aliases()

    def records() -> Iterator[tuple[bytes | None, bytes]]:
        for document in format_.convert(folder, report=report):
            feed.last = max(feed.last, parse_time(document.get("recordedtime") or document["time"]))
            try:
                account = canonical_account(document["subject"])
                if document["type"].endswith("account_alias"):
                    aliases.add(account, canonical_account(document["data"]["canonical"]))
                else:
                    document["subject"] = account = aliases.resolve(account)
            except (Unidentifiable, AliasLoop):
                account = ""  # the worker rejects it, and says why
            yield account.encode() or None, orjson.dumps(document)

    feed.records = records()
    return feed


def _append(settings: Settings, key: bytes | None, value: bytes) -> Append:
    if ALIAS in value[:400]:
        return Append(settings.topic(ACCOUNTS), 0, key, value)
    partition = zlib.crc32(value) % settings.partitions if key is None else partition_for(key, settings.partitions)
    return Append(settings.topic(SIGNALS), partition, key, value)
