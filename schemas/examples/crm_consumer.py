"""Keep the latest score of every account and each tier change once in a database of your own, as a CRM would.

    python crm_consumer.py host:9092 crm.db

It needs kafka-python and nothing of Tierline's. Positions are kept in the same database, in the same transaction as
what was read: however it is killed, it goes on with the record after the last one that it has. A change that comes
twice has the same id, and is dropped; what was imported is history and no news. Only committed records are read.

With brokers that ask for TLS or a login, pass what KafkaConsumer takes to ``follow``.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from typing import Any

from kafka import KafkaConsumer, TopicPartition

SCORES, CHANGES = "account-scores", "tier-changes"

TABLES = """
CREATE TABLE IF NOT EXISTS scores (
  account TEXT, profile TEXT, score REAL, tier TEXT, cools_at TEXT, cools_to TEXT, as_of TEXT,
  PRIMARY KEY (account, profile));
CREATE TABLE IF NOT EXISTS changes (
  id TEXT PRIMARY KEY, account TEXT, profile TEXT, from_tier TEXT, to_tier TEXT, effective_at TEXT, summary TEXT);
CREATE TABLE IF NOT EXISTS positions (topic TEXT, partition INTEGER, next INTEGER, PRIMARY KEY (topic, partition));
"""


def follow(database: str, servers: str, *, prefix: str = "", once: bool = False, **connection: Any) -> None:
    """Take in all there is, then wait for more; ``once``: end when there is no more.

    ``prefix``: TIERLINE_TOPIC_PREFIX of the installation.
    """
    db = sqlite3.connect(database)
    db.executescript(TABLES)
    consumer = KafkaConsumer(
        bootstrap_servers=servers.split(","),
        isolation_level="read_committed",  # else a change could be seen that was taken back
        auto_offset_reset="earliest",
        enable_auto_commit=False,  # the positions are ours to keep
        allow_auto_create_topics=False,
        **connection,
    )
    topics = (prefix + SCORES, prefix + CHANGES)
    places = [TopicPartition(topic, number) for topic in topics for number in consumer.partitions_for_topic(topic)]
    consumer.assign(places)
    for place in places:
        row = db.execute("SELECT next FROM positions WHERE topic = ? AND partition = ?", place).fetchone()
        if row is None:
            consumer.seek_to_beginning(place)
        else:
            consumer.seek(place, row[0])
    while True:
        found = consumer.poll(timeout_ms=500)
        with db:  # all of it, or nothing
            for records in found.values():
                for record in records:
                    take = _score if record.topic == topics[0] else _change
                    take(db, record.key.decode(), record.value)
            # markers of transactions have offsets, too: so ask where to go on instead of counting
            positions = [(*place, consumer.position(place)) for place in places]
            db.executemany("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", positions)
        if once and not found:
            ends = consumer.end_offsets(places)
            if all(at >= ends[place] for place, at in zip(places, (at for *_, at in positions), strict=True)):
                break
    consumer.close()
    db.close()


def _score(db: sqlite3.Connection, account: str, value: bytes | None) -> None:
    """The newest replaces the one before; without a value the account is gone: merged into another, or erased."""
    db.execute("DELETE FROM scores WHERE account = ?", (account,))
    if value is None:
        return
    data = json.loads(value)["data"]
    for profile, now in data["profiles"].items():
        row = (account, profile, now["score"], now["tier"], now["next_transition_at"], now["next_tier"], data["as_of"])
        db.execute("INSERT INTO scores VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def _change(db: sqlite3.Connection, account: str, value: bytes | None) -> None:
    if value is None:  # erased
        db.execute("DELETE FROM changes WHERE account = ?", (account,))
        return
    event = json.loads(value)
    data = event["data"]
    row = (event["id"], account, data["profile"], data["from_tier"], data["to_tier"], data["effective_at"])
    new = db.execute("INSERT OR IGNORE INTO changes VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, data["summary"])).rowcount
    if new and not data["import"]:
        sys.stdout.write(f"{account} {data['to_tier']}: {data['summary']}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="Follow an installation's scores and tier changes.")
    options.add_argument("servers", help="host:9092, several with commas")
    options.add_argument("database", help="an SQLite file, made where there is none")
    options.add_argument("--prefix", default="", help="TIERLINE_TOPIC_PREFIX of the installation")
    options.add_argument("--once", action="store_true", help="end once everything has been read")
    said = options.parse_args()
    follow(said.database, said.servers, prefix=said.prefix, once=said.once)
