"""How to connect to Kafka: addresses, TLS and login, as each of the two clients wants to be told."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from stream.settings import Settings
from stream.transports.errors import LogInsecure


@dataclass(frozen=True, slots=True)
class Connection:
    """An immutable description of a connection. Its text shows no secret."""

    servers: tuple[str, ...]
    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    key_password: str | None = field(default=None, repr=False)
    sasl: str = "none"
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The connection that the settings describe."""
        key_password, password = settings.kafka_tls_key_password, settings.kafka_password
        return cls(
            servers=tuple(settings.servers),
            tls=settings.kafka_tls,
            ca=settings.kafka_tls_ca,
            certificate=settings.kafka_tls_cert,
            key=settings.kafka_tls_key,
            key_password=None if key_password is None else key_password.get_secret_value(),
            sasl=settings.kafka_sasl,
            user=settings.kafka_user,
            password=None if password is None else password.get_secret_value(),
        )

    @property
    def protocol(self) -> str:
        """Kafka's name for it: ``PLAINTEXT``, ``SSL``, ``SASL_PLAINTEXT`` or ``SASL_SSL``."""
        secure = "SSL" if self.tls else "PLAINTEXT"
        return secure if self.sasl == "none" else f"SASL_{secure}"

    def context(self) -> ssl.SSLContext | None:
        """The TLS context, ``None`` without TLS. Raises LogInsecure where a file cannot be used."""
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=None if self.ca is None else str(self.ca))
        except (OSError, ssl.SSLError) as error:
            raise LogInsecure(
                f"{self.ca}: no certificates can be read from it ({_reason(error)}). Set TIERLINE_KAFKA_TLS_CA to a PEM"
                " file with the authority that signed the brokers' certificates."
            ) from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate is not None:
            # A function, and never None: else OpenSSL would ask for the password on the terminal.
            password = self.key_password or ""
            try:
                context.load_cert_chain(self.certificate, self.key, password=lambda: password)
            except (OSError, ssl.SSLError, ValueError) as error:
                raise LogInsecure(
                    f"{self.certificate}: this certificate and its key cannot be used ({_reason(error)}). Look at"
                    " TIERLINE_KAFKA_TLS_CERT, TIERLINE_KAFKA_TLS_KEY and TIERLINE_KAFKA_TLS_KEY_PASSWORD."
                ) from None
        return context

    def aiokafka(self) -> dict[str, Any]:
        """Keyword arguments for aiokafka's clients. Raises LogInsecure."""
        return self._arguments()

    def kafka_python(self) -> dict[str, Any]:
        """Keyword arguments for kafka-python's clients. Raises LogInsecure."""
        return self._arguments()

    def _arguments(self) -> dict[str, Any]:
        said: dict[str, Any] = {"bootstrap_servers": list(self.servers), "security_protocol": self.protocol}
        if self.tls:
            said["ssl_context"] = self.context()
        if self.sasl != "none":
            said |= {
                "sasl_mechanism": self.sasl.upper(),
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return said


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
