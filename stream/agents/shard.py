"""One partition of ``signals`` that this worker owns: records in, appends out. No Faust, no awaiting, no decisions.

A batch becomes one ``Work``: everything that has to be durable before the batch may be called done, in the order in
which it must be written. What cannot be processed for a reason of ours is parked whole, with its traceback: the batch
is then worked through again from the stored state, without it.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.topics import ACCOUNT_STATE, REJECTED, TIER_CHANGES
from stream.agents.faults import NOT_CAUGHT_UP, NOT_PUBLISHED, TICK_PAUSE, Faults, HalfDone
from stream.agents.fitting import last_straw
from stream.agents.memory import Counted, read_shard
from stream.agents.refusals import RefusalWatch, ahead, read_record, rejection, sender_of, unexpected
from stream.agents.renaming import alias_of, forward, joined, resolved
from stream.agents.scores import Scores
from stream.agents.skipped import fresh
from stream.agents.table import AccountTable
from stream.agents.whole import Whole
from stream.agents.work import Work
from stream.metrics import Metrics
from stream.rejecting import kept_key
from stream.scoring.engine import Engine, Limits
from stream.scoring.partition import Partition
from stream.scoring.profile import compile_profile
from stream.scoring.values import Signal, TierChange
from stream.settings import Settings
from stream.transports.records import Append, Record, partition_for
from stream.transports.rows import Rows
from stream.wire import Incoming, Mark, Refusal, encode_change


class Shard:
    """The scoring of one partition."""

    def __init__(
        self, number: int, stored: Rows, settings: Settings, metrics: Metrics,
        watch: RefusalWatch | None = None, incarnation: str = "",
    ) -> None:  # fmt: skip
        """``incarnation``: what tells the topic ``signals`` from one that had its name before."""
        self.number = number
        self._incarnation = incarnation
        self._stored = stored
        self._settings = settings
        # names of topics are put together: once, not for every signal
        self._changes, self._rejected = settings.topic(TIER_CHANGES), settings.topic(REJECTED)
        self._state = settings.topic(ACCOUNT_STATE)
        self._watch = watch or RefusalWatch(metrics)
        limits = Limits(horizon=settings.horizon, remembered=settings.remembered, whole=settings.remember == "all")
        self._engine = Engine(limits)
        self._counted = Counted(metrics)
        self.tick_sent = False
        """Whether a tick is on its way through the log."""
        self._no_tick_before = 0
        self._closed_at = 0
        """When something was last to be written (ms)."""
        self._unpublished, self._not_caught_up = Faults(number, NOT_PUBLISHED), Faults(number, NOT_CAUGHT_UP)
        self.applied = 0
        self._load()

    def process(self, records: Sequence[Record], now: int, *, waiting: int = 0) -> Work:
        """Apply a batch. ``now``: wall clock, for ``detected_at`` alone; ``waiting``: records that come after it.

        What was applied before is left out: its effects were made durable together with the state.
        """
        records = fresh(records, self.applied, self.number)
        # each by itself, and all before the first is applied: what is done again at once is done in half the time
        found = [read_record(record) for record in records]
        poisoned: dict[int, Refusal] = {}
        self.scores.press(waiting)
        while True:
            work = Work()
            for record, told in zip(records, found, strict=True):
                if record.offset in poisoned:
                    self._refuse(poisoned[record.offset], record, now, work)
                    continue
                try:
                    self._record(record, told, now, work)
                except HalfDone:
                    break
                except Exception:  # whatever it is, it must neither stop the others nor be lost  # noqa: BLE001
                    poisoned[record.offset] = unexpected()
                    if isinstance(told, Mark) and told.kind == "tick":
                        self._no_tick_before = now + TICK_PAUSE
                    break
            else:
                if records:
                    self.applied = records[-1].offset + 1
                work = self._closed(work, now)
                straw = last_straw(work.appends, records, poisoned)
                if straw is None:
                    return work
                poisoned[straw[0].offset] = straw[1]
            self._load()  # StateTooNew, if that was it, comes again here and stops the worker

    def flush(
        self, now: int, *, leaving: bool = False, unless_since: int | None = None, waiting: int | None = None
    ) -> Work | None:
        """Scores that are due to be published, whatever the reason; ``None`` when there are none.

        ``leaving``: the worker stops, so what is owed is due now. ``unless_since``: not where something was written
        after that moment, as the next batch then brings them, or the next call. ``waiting``: records that wait.
        """
        if waiting is not None:
            self.scores.press(waiting)
        if leaving:
            self.scores.hurry()
        elif unless_since is not None and unless_since < self._closed_at <= now:
            return None
        return self._closed(Work(), now) if self.scores.due(now) else None

    def rescore(self, budget: int, now: int) -> Work | None:
        """Take some accounts through an outstanding profile activation."""
        if not self.partition.behind:
            return None
        work = Work()
        try:
            self._emit(self.partition.rescore(budget), self.partition.importing, None, now, work)
        except HalfDone:
            self._load()
            return self.rescore(budget, now)
        for account in self.table.dirty.values():  # what is published of it is of the version before
            self.scores.touch(account, now, changed=False)
        return self._closed(work, now)

    def committed(self, work: Work, now: int, end: int | None = None) -> None:
        """The appends of a work are durable, and the changelog reaches to ``end``: take it into the local rows.

        Raises LogFull where they are on a disk that is full: then nothing has changed, and it may be called again.
        """
        sizes = self._stored.size
        before = {key: sizes(key) for key in work.stored}
        self._stored.write(work.stored, end)
        for key, value in work.stored.items():
            self._counted.stored(key, before[key], value)
        self.table.stored()
        self._counted.work(work, now)

    def current(self, rows: Rows) -> bool:
        """Whether the shard still is what these rows say: nobody else has been there since it took them up."""
        return self._stored is rows and self._version == rows.version

    def wants_tick(self, now: int) -> bool:
        """Whether something may be due: by the wall clock, or by the log's, should the wall clock have jumped back."""
        if self.partition.importing or self.tick_sent or now < self._no_tick_before:
            return False
        due = self.partition.next_due
        return due is not None and due <= max(now, self.partition.clock)

    def close(self) -> None:
        """The partition is no longer ours: its accounts are no longer counted here."""
        self._counted.clear()

    def _load(self) -> None:
        """Take up the stored state: after recovery, or after a record that could not be processed."""
        self._counted.clear()
        memory = read_shard(self._stored, self.number)
        self._version = self._stored.version
        self.table = AccountTable(self._stored, memory.names, memory.timeline, self._not_caught_up)
        partition = self.partition = Partition(self._engine, self.table, memory.timeline)
        partition.clock, partition.outside, partition.importing = memory.clock, memory.outside, memory.importing
        partition.restore(memory.dues, memory.behind, self._not_caught_up.left_out)
        self.scores = Scores(self.number, self.table, self.partition, self._settings, memory, self._unpublished)
        self._counted.load(memory)
        self._renamed = memory.renamed
        self.applied = memory.applied if memory.log == self._incarnation else 0
        self._whole = Whole(self.number, self._incarnation, memory.timeline, memory.renamed)

    def _record(self, record: Record, told: Mark | Incoming | Refusal, now: int, work: Work) -> None:
        if isinstance(told, Mark):
            self._mark(told, record, now, work)
            return
        if isinstance(told, Refusal):
            self._refuse(told, record, now, work)
            return
        incoming, signal = told, resolved(told.signal, names) if (names := self._renamed.names) else told.signal
        key = signal.account.encode()
        if record.key != key or signal.type == "account_alias" or not self._ours(signal.account):
            self._forward(signal, record, now, work)
            return
        time, importing = record.timestamp_ms, self.partition.importing
        if importing:
            time = signal.time if incoming.recorded is None else incoming.recorded
            if time > record.timestamp_ms + self._engine.limits.ahead:
                self._refuse(ahead(signal, time), record, now, work)
                return
        effects = self.partition.signal(signal, time)
        if effects.changes:
            self._emit(effects.changes, importing, record.timestamp_ms, now, work)
        if effects.refused is not None:
            refusal = Refusal(effects.refused.reason, effects.refused.message, sender_of(signal))
            self._refuse(refusal, record, now, work)
            return
        self._watch.saw(signal.source, refused=False)
        outcome = (signal.type, effects.outcome or "")
        work.outcomes[outcome] = work.outcomes.get(outcome, 0) + 1
        account = self.table.dirty.get(signal.account)
        if account is not None and effects.outcome != "duplicate":
            self.scores.touch(account, now, changed=bool(effects.changes) and not importing)

    def _ours(self, account: str) -> bool:
        """Whether an account belongs to this partition: a producer may have another idea of where a key goes."""
        return account in self.table or partition_for(account.encode(), self._settings.partitions) == self.number

    def _mark(self, mark: Mark, record: Record, now: int, work: Work) -> None:
        time, importing = record.timestamp_ms, self.partition.importing
        moment = self.partition.clock if importing else time
        match mark.kind:
            case "tick":
                self.tick_sent = False
                self._emit(self.partition.tick(time), importing, None, now, work)
            case "alias":
                self._rename(mark, record, now, work)
            case "joined":
                self._join(mark, record, now, work)
            case "profile_activated":
                self.partition.activate(compile_profile(mark.data["profile"]), moment)
            case "profile_retired":
                self.partition.retire(mark.data["profile"], moment)
            case "import_opened":
                self._emit(self.partition.open_import(time), importing, None, now, work)
            case "import_closed":
                self._emit(self.partition.close_import(time), importing, None, now, work)
            case _:
                told = f"{mark.kind!r} is no mark that this release knows; upgrade, or send tierline.signal.<type>"
                self._refuse(Refusal("unknown_type", told), record, now, work)

    def _rename(self, mark: Mark, record: Record, now: int, work: Work) -> None:
        """A name stands for another account from here on: what is known of it goes there."""
        alias, history = alias_of(mark.data, {}), mark.data.get("import") or self.partition.importing
        old = alias.account
        if (account := self.table.account(old)) is not None:
            remains, changes = self.partition.end(alias, record.timestamp_ms)
            self._counted.ended(account)
            self._emit(changes, history, record.timestamp_ms, now, work)
            work.appends += [self.scores.ended(old), *joined(alias, remains, self._settings, now, history=history)]
        self._renamed.rename(old, alias.data["canonical"], account.state.joined if account else ())

    def _join(self, mark: Mark, record: Record, now: int, work: Work) -> None:
        """What was known of another name of an account is the account's from here on."""
        data, alias = mark.data, alias_of(mark.data, self._renamed.names)
        remains, was, name = data["remains"], data["canonical"], alias.data["canonical"]
        history = data["import"] or self.partition.importing
        if was != name and not self._renamed.sends_on(was, remains["id"]):
            return
        if record.key != name.encode() or not self._ours(name):
            work.appends += joined(alias, remains, self._settings, now, history=history)
            return
        changes = self.partition.join(alias, remains, record.timestamp_ms)
        self._emit(changes, history, record.timestamp_ms, now, work)
        self.scores.touch(self.table.dirty[name], now, changed=bool(changes) and not history)

    def _emit(
        self, changes: Sequence[TierChange], importing: bool,  # noqa: FBT001  (a value of the record, not a switch)
        appended: int | None, now: int, work: Work,
    ) -> None:  # fmt: skip
        for change in changes:
            try:
                value = encode_change(change, source=self._settings.source, importing=importing, detected_at=now)
            except Exception as error:  # whatever it is, the others do not wait for it
                if appended is not None:
                    raise  # the record that brought it about is parked
                self.table.failed(change.account, error)
                continue
            work.appends.append(Append(self._changes, self.number, change.account.encode(), value))
            work.changes.append((change, importing, appended))
            if (account := self.table.dirty.get(change.account)) is not None:
                self.scores.touch(account, now, changed=not importing)
        if self.table.half_done:
            raise HalfDone

    def _refuse(self, refusal: Refusal, record: Record, now: int, work: Work) -> None:
        self._watch.refused(refusal)
        work.appends.append(Append(self._rejected, self.number, kept_key(record.key), rejection(refusal, record, now)))
        work.refused[refusal.reason] = work.refused.get(refusal.reason, 0) + 1

    def _forward(self, signal: Signal, record: Record, now: int, work: Work) -> None:
        """Not keyed by its canonical account, or not for this topic: append it where it belongs."""
        found = forward(signal, record, self._settings)
        if isinstance(found, Refusal):
            self._refuse(found, record, now, work)
        else:
            work.appends.append(found)
            work.forwards += 1

    def _closed(self, work: Work, now: int) -> Work:
        """Add the published scores and the changed states, in the order in which they are to be written."""
        self._closed_at = now
        self._not_caught_up.left_out.clear()
        scored = self.scores.publish(now)
        work.scores = len(scored)
        work.appends += scored
        for account in self.table.dirty.values():
            self._counted.moved(account)
        for key, value in (*self.table.writes(), *self._whole.writes(self.partition, self.applied)):
            work.appends.append(Append(self._state, self.number, key, value))
            work.stored[key] = value
        return work
