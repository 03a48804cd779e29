"""The ways a broker can demand to be spoken to, and how one speaks to it then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .certificates import KEY_PASSWORD, Certificates

USER = "tester"
PASSWORD = "a secret of the tests"  # noqa: S105  of a broker that lives as long as a test
MODULE = "org.apache.kafka.common.security"


@dataclass(frozen=True)
class Security:
    """What a listener demands. `sasl`: ``plain``, ``scram-sha-256``, ``scram-sha-512``, or empty."""

    tls: bool = False
    client_certificate: bool = False
    sasl: str = ""

    @property
    def protocol(self) -> str:
        """As Kafka calls it."""
        return ("SASL_" if self.sasl else "") + ("SSL" if self.tls else "PLAINTEXT")

    @property
    def mechanism(self) -> str:
        """As Kafka calls it; empty without SASL."""
        return self.sasl.upper()

    def properties(self, listener: str, certificates: Certificates) -> dict[str, str]:
        """The broker's settings of the listener of that name."""
        made: dict[str, str] = {}
        if self.tls:
            made |= {
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(certificates.broker),
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": str(certificates.authority),
                "ssl.client.auth": "required" if self.client_certificate else "none",
            }
        if self.sasl == "plain":
            login = f'{MODULE}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        else:
            login = f"{MODULE}.scram.ScramLoginModule required;"
        if self.sasl:
            made |= {"sasl.enabled.mechanisms": self.mechanism, f"{self.sasl}.sasl.jaas.config": login}
        return {f"listener.name.{listener.lower()}.{name}": value for name, value in made.items()}

    def client(self, certificates: Certificates) -> dict[str, Any]:
        """The keyword arguments with which a client of kafka-python gets in."""
        made: dict[str, Any] = {"security_protocol": self.protocol}
        if self.tls:
            made["ssl_cafile"] = str(certificates.authority)
        if self.client_certificate:
            made |= {"ssl_certfile": str(certificates.client), "ssl_keyfile": str(certificates.locked_key)}
            made["ssl_password"] = KEY_PASSWORD
        if self.sasl:
            made |= {"sasl_mechanism": self.mechanism, "sasl_plain_username": USER, "sasl_plain_password": PASSWORD}
        return made

    def environment(self, certificates: Certificates) -> dict[str, str]:
        """The TIERLINE_ variables with which one gets in."""
        made: dict[str, str] = {}
        if self.tls:
            made |= {"TIERLINE_KAFKA_TLS": "true", "TIERLINE_KAFKA_TLS_CA": str(certificates.authority)}
        if self.client_certificate:
            made["TIERLINE_KAFKA_TLS_CERT"] = str(certificates.client)
            made["TIERLINE_KAFKA_TLS_KEY"] = str(certificates.locked_key)
            made["TIERLINE_KAFKA_TLS_KEY_PASSWORD"] = KEY_PASSWORD
        if self.sasl:
            made["TIERLINE_KAFKA_SASL"] = self.sasl
            made |= {"TIERLINE_KAFKA_USER": USER, "TIERLINE_KAFKA_PASSWORD": PASSWORD}
        return made


NONE = Security()
EVERY = {
    "tls": Security(tls=True),
    "mutual-tls": Security(tls=True, client_certificate=True),
    "plain": Security(sasl="plain"),
    "scram-sha-256": Security(sasl="scram-sha-256"),
    "scram-sha-512": Security(sasl="scram-sha-512"),
    "tls-plain": Security(tls=True, sasl="plain"),
    "tls-scram-sha-256": Security(tls=True, sasl="scram-sha-256"),
    "tls-scram-sha-512": Security(tls=True, sasl="scram-sha-512"),
}
# What makes the users known when the data is formatted.
SCRAM = [f"SCRAM-SHA-{bits}=[name={USER},password={PASSWORD}]" for bits in (256, 512)]
