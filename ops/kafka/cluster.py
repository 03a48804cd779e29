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
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kafka import KafkaAdminClient  # type: ignore[import-untyped,unused-ignore]
from kafka.errors import KafkaError  # type: ignore[import-untyped,unused-ignore]

from .broker import Broker, Failed
from .certificates import Certificates
from .ports import HOST, Port
from .security import EVERY, NONE, SCRAM
from .settings import QUICK, shared

START_SECONDS = 60
OPEN = "open"  # the listener that demands nothing, for the brokers among themselves too
CONTROLLER = "CONTROLLER"


class Cluster:
    """One or three brokers that are controllers too (KRaft), on the loopback.

    Clients connect without TLS or passwords, and, for every name of `security` (of `ops.kafka.security.EVERY`), on a
    listener of its own that demands just that. `settings` are broker settings on top of ours. A folder that a cluster
    has used before goes on with its data. With `owner` the brokers live as long as that process instead of this one.
    `ports` are those of a cluster that runs already, or wanted ones; all of them, or those of the clients.
    """

    def __init__(
        self,
        folder: Path,
        brokers: int = 1,
        security: str | Sequence[str] = (),
        *,
        settings: Mapping[str, str] | None = None,
        owner: int | None = None,
        ports: tuple[int, ...] = (),
    ) -> None:
        self.folder = folder
        self.size = brokers
        self.brokers = [Broker(number, folder / f"broker-{number}") for number in range(1, brokers + 1)]
        self.certificates = Certificates(folder / "certificates")
        names = [security] if isinstance(security, str) else security
        self._listeners = {OPEN: NONE, **{name: EVERY[name] for name in names}}
        self._default = names[0] if names else OPEN
        self._settings = dict(settings or {})
        self._owner = owner
        self._kept = [Port() for _ in range(brokers * (1 + len(self._listeners)) - len(ports))]
        self.ports = (*ports, *(port.number for port in self._kept))
        groups = [self.ports[at : at + brokers] for at in range(0, len(self.ports), brokers)]
        self._ports = dict(zip([*self._listeners, CONTROLLER], groups, strict=True))

    @property
    def bootstrap(self) -> str:
        """Where clients connect: ``127.0.0.1:port``, of three brokers separated by commas."""
        return self.address()

    @property
    def url(self) -> str:
        """The same as TIERLINE_BROKER has it."""
        return f"kafka://{self.bootstrap}"

    def address(self, security: str | None = None) -> str:
        """Where clients connect that meet `security`; the first that the cluster was made with, unless told."""
        return ",".join(f"{HOST}:{port}" for port in self._ports[security or self._default])

    def environment(self, security: str | None = None) -> dict[str, str]:
        """The TIERLINE_ variables with which one gets in."""
        told = self._listeners[security or self._default].environment(self.certificates)
        return {"TIERLINE_BROKER": f"kafka://{self.address(security)}", **told}

    def client(self, security: str | None = None) -> dict[str, Any]:
        """The keyword arguments with which a client of kafka-python gets in."""
        told = self._listeners[security or self._default].client(self.certificates)
        return {"bootstrap_servers": self.address(security).split(","), **told}

    def start(self) -> Self:
        """Begin all brokers and wait until they answer. Raises `Failed` or `Missing`."""
        cluster = self._identity()
        users = [word for user in SCRAM for word in ("--add-scram", user)] if len(self._listeners) > 1 else []
        if any(security.tls for security in self._listeners.values()):
            self.certificates.make()
        for broker in self.brokers:
            broker.write(self._properties(broker.number))
            broker.format(cluster, users)
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

    def discard(self) -> None:
        """Kill all brokers and give the ports back: the quick end of a cluster whose data nobody will need."""
        for broker in self.brokers:
            broker.kill()
        self.close()

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
        at = {name: f"{HOST}:{ports[number - 1]}" for name, ports in self._ports.items()}
        voters = ",".join(f"{voter}@{HOST}:{port}" for voter, port in enumerate(self._ports[CONTROLLER], 1))
        protocols = {CONTROLLER: "PLAINTEXT", **{name: made.protocol for name, made in self._listeners.items()}}
        demands: dict[str, str] = {}
        for name, made in self._listeners.items():
            demands |= made.properties(name, self.certificates)
        return {
            "node.id": str(number),
            "process.roles": "broker,controller",
            "controller.quorum.voters": voters,
            "controller.listener.names": CONTROLLER,
            "inter.broker.listener.name": OPEN,
            "listeners": ",".join(f"{name}://{address}" for name, address in at.items()),
            "advertised.listeners": ",".join(f"{name}://{at[name]}" for name in self._listeners),
            "listener.security.protocol.map": ",".join(f"{name}:{word}" for name, word in protocols.items()),
            **demands,
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
            admin = KafkaAdminClient(bootstrap_servers=self.address(OPEN).split(","), bootstrap_timeout_ms=2000)
        except KafkaError:
            return set()
        try:
            return {broker["broker_id"] for broker in admin.describe_cluster()["brokers"]}
        except KafkaError:
            return set()
        finally:
            admin.close()
