"""A Kafka cluster of this machine's own: started, killed and restarted at will.

    with Cluster(folder, brokers=3) as cluster:
        settings = cluster.environment()      # TIERLINE_BROKER=kafka://127.0.0.1:…
        cluster.kill(2)                       # kill -9 of the second broker
        cluster.restart(2)                    # on the same ports and data

Whatever it has started ends with this process, even if that is killed.
"""

from __future__ import annotations

import base64
import json
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kafka import KafkaAdminClient  # type: ignore[import-untyped,unused-ignore]
from kafka.errors import KafkaError  # type: ignore[import-untyped,unused-ignore]

from .broker import Broker, Failed
from .ports import HOST, Port
from .settings import QUICK, shared

START_SECONDS = 60


class Cluster:
    """One or three brokers that are controllers too (KRaft), on the loopback.

    `settings` are broker settings on top of ours. A folder that a cluster has used before goes on with its data.
    With `owner` the brokers live as long as that process instead of this one, and `stop` is for whoever wants to.
    """

    def __init__(
        self,
        folder: Path,
        brokers: int = 1,
        *,
        settings: Mapping[str, str] | None = None,
        owner: int | None = None,
        ports: tuple[int, ...] = (),
    ) -> None:
        self.folder = folder
        self.size = brokers
        self.brokers = [Broker(number, folder / f"broker-{number}") for number in range(1, brokers + 1)]
        self._settings = dict(settings or {})
        self._owner = owner
        self._kept = [Port() for _ in range(3 * brokers - len(ports))]
        self.ports = (*ports, *(port.number for port in self._kept))
        self._clients = self.ports[:brokers]
        self._inner = self.ports[brokers : 2 * brokers]
        self._controllers = self.ports[2 * brokers :]

    @property
    def bootstrap(self) -> str:
        """Where clients connect: ``127.0.0.1:port``, of three brokers separated by commas."""
        return _addresses(self._clients)

    @property
    def inside(self) -> str:
        """A second listener without TLS or passwords, for the brokers among themselves and for looking behind."""
        return _addresses(self._inner)

    @property
    def url(self) -> str:
        """The same as TIERLINE_BROKER has it."""
        return f"kafka://{self.bootstrap}"

    def environment(self) -> dict[str, str]:
        """The TIERLINE_ variables with which one gets in."""
        return {"TIERLINE_BROKER": self.url}

    def client(self) -> dict[str, Any]:
        """The keyword arguments with which a client of kafka-python gets in."""
        return {"bootstrap_servers": self.bootstrap.split(",")}

    def start(self) -> Self:
        """Begin all brokers and wait until they answer. Raises `Failed` or `Missing`."""
        cluster = self._identity()
        for broker in self.brokers:
            broker.write(self._properties(broker.number))
            broker.format(cluster)
        for broker in self.brokers:
            broker.start(self._owner)
        try:
            self._answers(*range(1, self.size + 1))
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End all brokers in order. The data stays; `start` goes on with it."""
        for broker in self.brokers:
            broker.end()
        for broker in self.brokers:
            broker.gone()

    def close(self) -> None:
        """Stop, and give the ports back."""
        self.stop()
        for port in self._kept:
            port.close()

    def kill(self, number: int = 1) -> None:
        """`kill -9` of broker `number`, counted from 1."""
        self.brokers[number - 1].kill()

    def restart(self, number: int = 1) -> None:
        """Start broker `number` again, on its ports and data, after `kill`; stops it first if it runs."""
        broker = self.brokers[number - 1]
        broker.stop()
        broker.start(self._owner)
        self._answers(number)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _identity(self) -> str:
        """Of the cluster: made at the first start, then kept."""
        path = self.folder / "cluster.json"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            made = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            path.write_text(json.dumps({"cluster": made.replace("-", "A")}))  # an option must not begin with a dash
        identity: str = json.loads(path.read_text())["cluster"]
        return identity

    def _properties(self, number: int) -> dict[str, str]:
        clients, inner, controller = (
            f"{HOST}:{ports[number - 1]}" for ports in (self._clients, self._inner, self._controllers)
        )
        voters = ",".join(f"{at}@{HOST}:{port}" for at, port in enumerate(self._controllers, 1))
        return {
            "node.id": str(number),
            "process.roles": "broker,controller",
            "controller.quorum.voters": voters,
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "INSIDE",
            "listeners": f"CLIENTS://{clients},INSIDE://{inner},CONTROLLER://{controller}",
            "advertised.listeners": f"CLIENTS://{clients},INSIDE://{inner}",
            "listener.security.protocol.map": "CLIENTS:PLAINTEXT,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT",
            **shared(self.size),
            **QUICK,
            **self._settings,
        }

    def _answers(self, *numbers: int) -> None:
        """Until these brokers have started and are told to clients. Raises `Failed`."""
        deadline = time.monotonic() + START_SECONDS
        for number in numbers:
            self.brokers[number - 1].wait(deadline)
        told: set[int] = set()
        while not told.issuperset(numbers):
            if time.monotonic() > deadline:
                raise Failed(f"clients are told of brokers {sorted(told)} only, not of {sorted(numbers)}")
            told = self.living()

    def living(self) -> set[int]:
        """The numbers of the brokers that clients are told of just now."""
        try:
            admin = KafkaAdminClient(bootstrap_servers=self.inside.split(","), bootstrap_timeout_ms=2000)
        except KafkaError:
            return set()
        try:
            return {broker["broker_id"] for broker in admin.describe_cluster()["brokers"]}
        except KafkaError:
            return set()
        finally:
            admin.close()


def _addresses(ports: Sequence[int]) -> str:
    return ",".join(f"{HOST}:{port}" for port in ports)


def run_owner() -> int:
    """The process that a cluster shared by all workers of a test run belongs to: their common parent."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
