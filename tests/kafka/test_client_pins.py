"""The inner workings of aiokafka that the transport leans on: an upgrade that changes one fails here, by name."""

from __future__ import annotations

import inspect
from collections import defaultdict
from importlib.metadata import entry_points, version
from typing import Any

import aiokafka.consumer.fetcher
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import Fetcher, PartitionRecords
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import Assignment, Subscription, SubscriptionState, TopicPartitionState
from aiokafka.producer import sender
from aiokafka.producer.message_accumulator import MessageAccumulator, MessageBatch
from aiokafka.producer.sender import AddPartitionsToTxnHandler, Sender, SendProduceReqHandler
from aiokafka.producer.transaction_manager import TransactionManager
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from faust.transport.drivers import by_url

from stream.transports.kafka_sending import Producer, Transactions
from stream.transports.kafka_transport import SCHEME


def test_versions() -> None:
    """What was read and measured is what runs; after reading a new release's source, raise these."""
    assert version("aiokafka") == "0.14.0"


def test_the_transport_is_found() -> None:
    """The entry point makes `kafkabatches://` a broker."""
    assert [e.value for e in entry_points(group="faust.transports") if e.name == SCHEME] == [
        "stream.transports.kafka_transport:KafkaTransport"
    ]
    assert by_url(f"{SCHEME}://x").__module__ == "stream.transports.kafka_transport"


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (AIOKafkaClient, "_bootstrap_servers cluster bootstrap close _wait_on_metadata"),
        (
            AIOKafkaProducer,
            (
                "client _sender _metadata _message_accumulator _txn_manager _closed create_batch send_batch"
                " begin_transaction commit_transaction abort_transaction send_offsets_to_transaction"
            ),
        ),
        (Sender, "client start sender_task _fail_all"),
        (MessageAccumulator, "_cluster _batches fail_all flush_for_commit add_batch"),
        (MessageBatch, "_drain_waiter _ttl failure"),
        (
            TransactionManager,
            (
                "_transaction_waiter _sequence_numbers _txn_partitions _txn_consumer_group _pending_txn_offsets"
                " is_fatal_error is_empty_transaction fatal_error error_transaction increment_sequence_number"
            ),
        ),
        (AIOKafkaConsumer, "_coordinator _subscription getmany seek commit highwater end_offsets beginning_offsets"),
        (
            GroupCoordinator,
            (
                "generation member_id group_id request_rejoin ensure_coordinator_known coordinator_dead"
                " _send_req _do_commit_offsets check_errors _coordination_task"
            ),
        ),
        (SubscriptionState, "subscription"),
        (Subscription, "assignment"),
        (Assignment, "state_value"),
        (TopicPartitionState, "_position has_valid_position"),
        (MemoryRecords, "size_in_bytes has_next next_batch"),
        (PartitionRecords, "_records_iterator _consumer_record __iter__ __next__ next_fetch_offset"),
        (_DefaultRecordBatchPy, "_buffer __iter__ __next__"),
    ],
)
def test_names(owner: type, names: str) -> None:
    """Everything overridden, called, read or set of a class is still there."""
    missing = [name for name in names.split() if not hasattr(owner, name)]
    source = inspect.getsource(owner) if missing else ""
    assert [name for name in missing if f"self.{name}" not in source] == []


async def test_a_producer_on_a_client_of_others() -> None:
    """There is no other place where a producer keeps its client, or what the client knows of the cluster."""
    client = AIOKafkaClient(bootstrap_servers=["127.0.0.1:1"])
    producer = Producer(client, "id")
    try:
        theirs = vars(AIOKafkaProducer(bootstrap_servers=["127.0.0.1:1"]))
        found = places_of(producer, (AIOKafkaClient, type(client.cluster)))
        assert found == {"client", "_sender.client", "_metadata", "_message_accumulator._cluster"}
        for place in found:
            value: Any = producer
            for name in place.split("."):
                value = getattr(value, name)
            assert value in (client, client.cluster)
        assert set(vars(producer)) - set(theirs) == {"_sending"}
        managers = places_of(producer, (TransactionManager,))
        assert managers == {"_txn_manager", "_sender._txn_manager", "_message_accumulator._txn_manager"}
        assert {type(producer._txn_manager), type(producer._sender._txn_manager)} == {Transactions}
        assert producer._message_accumulator._txn_manager is producer._sender._txn_manager is producer._txn_manager
        theirs["_sender"]._message_accumulator._closed = True
    finally:
        producer._closed = True
        await client.close()


def places_of(thing: Any, types: tuple[type, ...], *, deep: bool = True) -> set[str]:
    """Where `thing`, and what belongs to it, refers to instances of `types`."""
    found: set[str] = set()
    for name, value in vars(thing).items():
        if isinstance(value, types):
            found.add(name)
        elif deep and isinstance(value, Sender | MessageAccumulator):
            found |= {f"{name}.{inner}" for inner in places_of(value, types, deep=False)}
    return found


def test_sequence_numbers() -> None:
    """They are kept by partition, begin at 0, and go negative where the protocol begins at 0 again."""
    manager = TransactionManager.__new__(TransactionManager)
    manager._sequence_numbers = defaultdict(lambda: 0)
    place = TopicPartition("t", 0)
    manager.increment_sequence_number(place, 2**31 - 1)
    assert manager.sequence_number(place) == 2**31 - 1
    manager.increment_sequence_number(place, 2)
    assert manager.sequence_number(place) < 0
    assert manager.sequence_number(place) & (2**31 - 1) == 1
    drained = inspect.getsource(MessageAccumulator._pop_batch)
    assert "not_retry" in drained  # a batch that is tried again keeps its number
    assert "increment_sequence_number(batch.tp, batch.record_count)" in drained


def test_refusals_are_final() -> None:
    """A batch of an idempotent producer fails only where the brokers say that it is not, and will not be, stored."""
    can = inspect.getsource(SendProduceReqHandler._can_retry)
    assert "self._sender._txn_manager is None and batch.expired()" in can
    assert "return error.retriable" in can
    drained = inspect.getsource(MessageAccumulator.drain_by_nodes)
    assert drained.count("expired()") == 1  # of a batch of a partition that nobody leads: `_never_give_up`


def test_positions_pass_markers() -> None:
    """After a fetch the position is past markers and aborted records, also where nothing is handed over."""
    source = inspect.getsource(aiokafka.consumer.fetcher)
    assert "self.next_fetch_offset = next_batch.next_offset" in source
    for name in ("MemoryRecords(", "PartitionRecords("):  # those that kafka_parsing puts its own in for
        assert name in inspect.getsource(Fetcher)


def test_ends_are_last_stable_offsets() -> None:
    """A `read_committed` consumer asks for the end up to which everything is decided."""
    assert "self._isolation_level" in inspect.getsource(Fetcher._proc_offset_request)


def test_coordinators_wait_for_listeners() -> None:
    """Whoever rejoins calls the listener before and after, and waits for it."""
    for when, source in {
        "revoked": inspect.getsource(GroupCoordinator._on_join_prepare),
        "assigned": inspect.getsource(GroupCoordinator._on_join_complete),
    }.items():
        call = source.index(f"res = self._subscription.listener.on_partitions_{when}({when})")
        assert "await res" in source[call:]


def test_the_pause_between_two_transactions() -> None:
    """It is a constant of the module, read where the brokers answer that the markers are still on their way."""
    assert sender.BACKOFF_OVERRIDE == 0.004
    assert "return BACKOFF_OVERRIDE" in inspect.getsource(AddPartitionsToTxnHandler.handle_response)
