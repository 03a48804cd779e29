"""The inner workings of Faust that the transports lean on: an upgrade that changes one fails here, by name."""

from __future__ import annotations

import inspect
from importlib.metadata import entry_points, version

import faust
import pytest
from faust.app.base import App
from faust.assignor.client_assignment import ClientAssignment
from faust.assignor.partition_assignor import PartitionAssignor
from faust.events import Event
from faust.streams import _CStreamIterator
from faust.tables.base import Collection
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.base import Transport
from faust.transport.conductor import Conductor, ConductorHandler
from faust.transport.consumer import Consumer, Fetcher
from faust.transport.drivers import by_url
from faust.transport.producer import Producer, ProducerBuffer
from faust.types.tuples import ConsumerMessage

from stream.transports.batching import Batch
from tests.transports.rig import Rig, batch_app, new_app


def test_versions() -> None:
    """What was read and measured is what runs; after reading a new release's source, raise these."""
    assert version("faust-streaming") == "0.15.3"
    assert version("mode-streaming") == "0.7.1"


def test_the_transport_is_found(rig: Rig) -> None:
    """The entry point makes `sqlite://` a broker."""
    assert [e.value for e in entry_points(group="faust.transports") if e.name == "sqlite"] == [
        "stream.transports.embedded:Transport"
    ]
    assert by_url("sqlite:///x").__module__ == "stream.transports.embedded"
    assert type(new_app(rig).transport).__module__.startswith("stream.transports.")


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (
            Consumer,
            (
                "_drain_messages _getmany _to_message _new_offset _commit _seek _unacked_messages perform_seek"
                " wait_empty _wait_for_ack _clean_unacked_messages commit_and_end_transactions on_partitions_revoked"
                " on_partitions_assigned on_buffer_drop resume_flow resume_partitions stop_flow _get_active_partitions"
                " _is_changelog_tp consumer_stopped_errors _acked _acked_index _committed_offset _read_offset"
                " _new_topicpartition seek_to_committed _n_acked"
            ),
        ),
        (Fetcher, "_fetcher"),
        (Conductor, "add acks_enabled_for on_message _update_indices"),
        (Producer, "send send_and_wait flush key_partition create_topic supports_headers on_stop"),
        (ProducerBuffer, "_send_pending flush size _handle_pending app"),
        (Transport, "Consumer Producer Conductor"),
        (PartitionAssignor, "_assignment _active_tps assigned_actives"),
        (
            Recovery,
            (
                "completed signal_recovery_start _restart_recovery _slurp_changelogs _publish_stats"
                " _set_recovery_started _wait on_recovery_completed active_tps standby_tps tp_to_table _generation_id"
                " flush_buffers"
            ),
        ),
        (Collection, "apply_changelog_batch on_changelog_event persisted_offset changelog_topic data"),
        (TableManager, "changelog_topics recovery _recovery _changelogs"),
        (App, "consumer_generation_id on_rebalance_start flow_control sensors monitor crash"),
        (faust.Topic, "_compile_decode declare"),
        (Event, "ack"),
    ],
)
def test_names(owner: type, names: str) -> None:
    """Everything overridden or read of a Faust class is still there."""
    annotated = {name for base in owner.__mro__ for name in getattr(base, "__annotations__", {})}
    missing = [n for n in names.split() if not hasattr(owner, n) and n not in annotated]
    source = "".join(inspect.getsource(base) for base in owner.__mro__ if base.__module__.startswith(("faust", "mode")))
    assert [n for n in missing if f"self.{n}" not in source] == []


@pytest.mark.asyncio
async def test_instance_attributes(rig: Rig) -> None:
    """The state that is changed from outside has the types it is changed as."""

    async def nothing(_app: faust.App, _batch: Batch) -> None:
        raise AssertionError

    app = batch_app(rig, nothing)
    consumer = app.consumer
    for name in ("_acked", "_acked_index", "_read_offset", "_committed_offset"):
        assert isinstance(getattr(consumer, name), dict), name
    assert consumer._waiting_for_ack is None
    assert isinstance(consumer._active_partitions, set)
    assert isinstance(consumer._paused_partitions, set)
    assert isinstance(app.assignor._assignment, ClientAssignment)
    assert app.producer.buffer.pending.empty()
    assert callable(consumer._on_message_in)
    app.transport.close()


def test_messages_count_references() -> None:
    """A message with one reference more than channels is not acknowledged by its streams."""
    message = ConsumerMessage("t", 0, 1, 0.0, 0, None, None, b"", None)
    assert (message.refcount, message.acked, message.tracked) == (0, False, False)
    message.refcount = 1
    message.incref(1)

    class Refuses:
        def ack(self, _message: ConsumerMessage) -> bool:
            raise AssertionError("the stream's acknowledgement was the last")

    message.ack(Refuses())
    assert message.refcount == 1


def test_the_compiled_loops_are_in_use() -> None:
    """The Python iterators acknowledge events of an old generation; ours relies on the compiled ones."""
    assert _CStreamIterator is not None
    assert ConductorHandler is not None


def test_loops_over_private_names_read_as_they_did() -> None:
    """Two bodies of Faust that ours replace or rely on line by line."""
    drain = inspect.getsource(Consumer._drain_messages)
    for used in ("acks_enabled_for", "suspend_flow.wait()", "consumer_stopped_errors", "_read_offset"):
        assert used in drain
    waits = inspect.getsource(Recovery._wait)
    assert "RebalanceAgain" in waits
    assert "signal_recovery_start" in waits
    assert "perform_seek" in inspect.getsource(Recovery.on_recovery_completed)
