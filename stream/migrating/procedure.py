"""A migration from one log to another, step by step. Killed at any of them, it goes on where it stopped.

Called again at any later time it says that all is there, as long as the source has what it had.

1. Both sides are quiet, and nobody else migrates into the target.
2. What the target has is the beginning of what the source has, or nothing.
3. The rest is copied, partition by partition, with its own times; then the target is read again and compared.
4. The groups' positions are set to the same records. A mark says that all is there, and what that is.
5. The target's topics get the settings that workers need, which let old records go; so only now.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol

from schemas.topics import SIGNALS, TOPICS
from stream.importing import IMPORT
from stream.migrating.mark import Mark, Marked, Step, content
from stream.migrating.partition import PartitionCopy
from stream.migrating.sides import KafkaSide, Side, missing, side_of
from stream.settings import Settings
from stream.topology import group_of, partitions_of
from stream.transports.errors import Held, LogError, TopicMismatch, UnknownTopic
from stream.transports.seam import Hold

Groups = dict[str, dict[tuple[str, int], int]]
"""Positions by group, topic and partition."""


class Watch(Protocol):
    """Whoever wants to see how far it is."""

    def begin(self, what: str, total: int) -> None:
        """A step begins; `total`: of records, about."""

    def further(self, records: int) -> None:
        """So many more records are done."""


@dataclass(slots=True)
class Moved:
    """What a migration did."""

    source: str
    target: str
    records: int = 0
    found: int = 0
    """Of the records, those that an interrupted migration had brought there before."""
    seconds: float = 0.0
    partitions: list[PartitionCopy] = field(default_factory=list)
    positions: dict[str, dict[tuple[str, int], int]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    """Topics of the source that are none of this release's."""
    before: bool = False
    """Whether an earlier call had copied and verified everything: then the counts are not known."""
    kept: list[str] = field(default_factory=list)
    """Topics of the target whose retention is off: the brokers would drop what the workers have still to read."""


def migrate(source: Settings, target: Settings, watch: Watch) -> Moved:
    """Moves an installation. Raises LogError; the source is left as it was, and the same call goes on.

    `source`, `target`: settings that name the logs and prefixes; the number of partitions is the source's.
    """
    same_file = source.embedded and target.embedded and source.path.absolute() == target.path.absolute()
    if same_file or (source.where, source.topic_prefix) == (target.where, target.topic_prefix):
        raise LogError(f"{source.where}: both logs are the same. Name another one with --to.")
    began = time.monotonic()
    with ExitStack() as stack:
        here = side_of(source, create=False)
        stack.enter_context(here.log)
        stack.enter_context(here.quiet())
        _measure(here)
        there = side_of(target.model_copy(update={"partitions": here.settings.partitions}), create=True)
        stack.enter_context(there.log)
        stack.enter_context(there.quiet())
        moved = _Migration(here, there, watch).run()
    moved.seconds = time.monotonic() - began
    return moved


def _measure(here: Side) -> None:
    """The number of partitions is what the source has. Raises LogError where it is no installation, or in use."""
    lacking = missing(here, TOPICS)
    if SIGNALS in lacking:
        raise UnknownTopic(
            f"{here.log.name}: there is no topic {here.settings.topic(SIGNALS)!r}, so nothing to move. Look at"
            " TIERLINE_BROKER and TIERLINE_TOPIC_PREFIX."
        )
    count = here.log.partitions(here.settings.topic(SIGNALS))
    here.settings = here.settings.model_copy(update={"partitions": count})
    importing = here.log.holder(IMPORT)
    if importing is not None and importing.alive:
        raise Held(f"{here.log.name}: an import is running: {importing}. Wait for it to end, then migrate.")


class _Migration:
    def __init__(self, here: Side, there: Side, watch: Watch) -> None:
        self._here, self._there, self._watch = here, there, watch
        self._moved = Moved(here.log.name, there.log.name)
        self._names = [name for name in TOPICS if name not in missing(here, TOPICS)]
        self._mark = Marked(there)
        self._touched = False
        """Whether the target is something between what it was and what it is to be."""

    def run(self) -> Moved:
        ends = self._ends()
        groups = self._here.groups()
        self._there.make_topics()
        self._check_counts()
        hold = self._there.hold()
        try:
            self._move(hold, groups, ends)
        except BaseException:
            if self._touched:
                hold.abandon()  # a worker that starts there is told that the log is not whole
            else:
                hold.release([])
            raise
        hold.release([])
        return self._moved

    def _move(self, hold: Hold, groups: Groups, ends: dict[tuple[str, int], int]) -> None:
        mark, now = self._mark.read(), content(self._here.log, ends)
        ended = mark is not None and mark.step is Step.ENDED
        if ended and mark != Mark(Step.ENDED, now):
            raise LogError(
                f"{self._there.log.name}: something was moved there before, whole, and it is not what"
                f" {self._here.log.name} has now: another installation, or more has come in since. Name a log whose"
                " topics are empty, or topics of another prefix (--to-prefix)."
            )
        self._moved.before = ended or mark == Mark(Step.ALL_THERE, now)
        if ended:
            self._moved.kept = self._there.kept()
            return
        self._touched = mark is not None
        if not self._moved.before:
            copies = self._compared(groups, sum(ends.values()))
            self._touched = True
            self._mark.set(Mark(Step.BEGUN))
            self._there.begin()
            for copy in self._each("copying", copies, ends):
                copy.go_on(hold, self._watch.further)
            self._check_quiet(ends)
            for copy in self._each("verifying", copies, ends):
                copy.verify(self._watch.further)
            self._position(copies, groups)
            self._mark.set(Mark(Step.ALL_THERE, now))
            self._count(copies)
        self._touched = True
        self._moved.kept = self._there.finish()
        self._mark.set(Mark(Step.ENDED, now))

    def _ends(self) -> dict[tuple[str, int], int]:
        settings = self._here.settings
        names = {settings.topic(name) for name in self._names}
        if settings.embedded:
            others = set(self._here.log.topics()) - names
            self._moved.left_out = sorted(topic for topic in others if topic.startswith(settings.topic_prefix))
        return self._here.log.ends(names)

    def _check_counts(self) -> None:
        for name in self._names:
            counts = {}
            for side in (self._here, self._there):
                topic = side.settings.topic(name)
                counts[side.log.name] = found = side.log.partitions(topic)
                if found != (wanted := partitions_of(self._here.settings, name)):
                    raise TopicMismatch(
                        f"{side.log.name}: topic {topic!r} has {found} partitions, not {wanted} as the other topics of"
                        f" {self._here.log.name}. The number says where each account lives: it cannot change on the"
                        " way. Delete that topic while it is empty, or move to topics of another prefix (--to-prefix)."
                    )

    def _compared(self, groups: Groups, total: int) -> list[PartitionCopy]:
        copies = []
        for name in self._names:
            topics = (self._here.settings.topic(name), self._there.settings.topic(name))
            for partition in range(partitions_of(self._here.settings, name)):
                wanted = [at for one in groups.values() if (at := one.get((topics[0], partition))) is not None]
                copies.append(PartitionCopy(self._here.log, self._there.log, name, topics, partition, wanted))
        self._watch.begin("looking at what is there", total)
        for copy in copies:
            copy.compare(self._watch.further)
        return copies

    def _each(
        self, what: str, copies: Iterable[PartitionCopy], ends: dict[tuple[str, int], int]
    ) -> Iterable[PartitionCopy]:
        self._watch.begin(what, sum(ends.values()))
        for copy in copies:
            if what == "copying":
                self._watch.further(copy.found)
            yield copy

    def _check_quiet(self, ends: dict[tuple[str, int], int]) -> None:
        """Raises LogError where the source was written to meanwhile, or a worker has started."""
        for side in (self._here, self._there):
            if isinstance(side, KafkaSide):
                side.look()
        now = self._ends()
        moved = sum(now[place] - end for place, end in ends.items())
        if moved:
            raise LogError(
                f"{self._here.log.name}: {moved:,} record{'' if moved == 1 else 's'} came in while it was copied. Stop"
                " whatever sends there, then migrate again: it goes on where it stopped."
            )

    def _position(self, copies: list[PartitionCopy], groups: Groups) -> None:
        """Every group goes on at the record at which it would have gone on."""
        by_place = {(self._here.settings.topic(copy.topic), copy.partition): copy for copy in copies}
        for group, positions in groups.items():
            found: dict[tuple[str, int], int] = {}
            for place, at in positions.items():
                copy = by_place.get(place)
                if copy is not None:
                    found[copy.name, copy.partition] = copy.places[at]
            if found:
                named = self._renamed(group)
                self._there.commit(named, found)
                self._moved.positions[named] = found

    def _renamed(self, group: str) -> str:
        """The workers' group, and those that are named after it, have the prefix of their topics on Kafka."""
        ours, theirs = group_of(self._here.settings), group_of(self._there.settings)
        return theirs + group[len(ours) :] if group == ours or group.startswith(f"{ours}-") else group

    def _count(self, copies: list[PartitionCopy]) -> None:
        self._moved.partitions = copies
        self._moved.records = sum(copy.records for copy in copies)
        self._moved.found = sum(copy.found for copy in copies)
