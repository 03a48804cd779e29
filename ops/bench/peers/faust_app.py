"""Stock Faust, as its guide writes such an app: an agent, a table, topics out, raw bytes.

Defaults throughout: the memory store with its changelog, at-least-once, one record at a time. Its `exactly_once` is
left out, since its transactions commit with changelog records unsent.
"""

from __future__ import annotations

import sys

import faust
from job import Job, read_job
from scorer import Scorer

from stream.wire import Refusal


def create_app(job: Job) -> faust.App:
    """The app and its one agent."""
    app = faust.App(
        job.group,
        broker=";".join(f"aiokafka://{server}" for server in job.servers.split(",")),
        topic_partitions=job.partitions,
        datadir=job.folder,
        web_enabled=False,
        env={},
    )
    raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
    signals = app.topic(job.signals, **raw)
    changes = app.topic(job.changes, **raw)
    rejected = app.topic(job.rejected, **raw)
    accounts = app.Table("accounts", key_type=bytes, value_type=bytes)
    scorer = Scorer(job.documents)

    @app.agent(signals)
    async def score(events: faust.Stream[bytes]) -> None:
        async for event in events.events():
            message = event.message
            place = (message.topic, message.partition, message.offset)
            incoming = scorer.decode(event.value)
            if isinstance(incoming, Refusal):
                await rejected.send(key=event.key, value=scorer.rejection(incoming, event.value, event.key, place))
                continue
            account = event.key
            state = scorer.load(lambda name, account=account: accounts.get(account + b"/" + name.encode()))
            scored = scorer.score(state, incoming, round(message.timestamp * 1000))
            for change in scored.changes:
                await changes.send(key=account, value=change)
            if scored.refusal is not None:
                await rejected.send(key=account, value=scorer.rejection(scored.refusal, event.value, account, place))
            if scored.changed and scored.state is not None:
                for name, row in scorer.dump(scored.state):
                    accounts[account + b"/" + name.encode()] = row

    return app


if __name__ == "__main__":
    found = create_app(read_job())
    sys.argv[1:] = []
    faust.Worker(found, loglevel="WARNING", redirect_stdouts=False).execute_from_commandline()
