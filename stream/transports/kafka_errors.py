"""What an error of Kafka's means to a user: which LogError, in words, and what to do. No secret is ever in it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from kafka import errors as kafka

from stream.transports.errors import (
    Fenced,
    LogClosed,
    LogError,
    LogInsecure,
    LogRefused,
    LogUnavailable,
    LogUnreachable,
    RecordTooLarge,
    UnknownTopic,
)

WRONG_LOGIN = (kafka.SaslAuthenticationFailedError,)
WRONG_MECHANISM = (kafka.UnsupportedSaslMechanismError, kafka.IllegalSaslStateError)
FENCED = (
    kafka.ProducerFencedError,
    kafka.InvalidProducerEpochError,
    kafka.TransactionCoordinatorFencedError,
    kafka.InvalidProducerIdMappingError,
)

RIGHTS = {
    "TopicAuthorizationFailed": "a right on a topic (Describe, Read or Write; to make it, Create)",
    "GroupAuthorizationFailed": "a right on a consumer group (Describe or Read)",
    "TransactionalIdAuthorizationFailed": "Write on the transactional ids that begin with the group's name",
    "ClusterAuthorizationFailed": "Write on the topics (brokers before 2.8: IdempotentWrite on the cluster)",
}
"""What lacks, by the error's name: kafka-python hides some of them in the words of others."""


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Turns every error of kafka-python's inside into the LogError that explains it."""
    try:
        yield
    except (kafka.KafkaError, ssl.SSLError, OSError, UnicodeDecodeError) as error:
        raise explained(error, name) from error


def explained(error: BaseException, name: str) -> LogError:
    """The LogError that says what `error` means to a user of the cluster called `name`."""
    if type(error) is kafka.KafkaError:  # such as that a producer has failed before, with what it failed of
        error = next((cause for cause in error.args if isinstance(cause, kafka.KafkaError)), error)
    text = str(error)
    if isinstance(error, WRONG_LOGIN):
        return LogRefused(
            f"{name}: the login was refused. Look at TIERLINE_KAFKA_USER, TIERLINE_KAFKA_PASSWORD (or …_FILE) and"
            " TIERLINE_KAFKA_SASL, and whether the brokers know that user under that mechanism."
        )
    if isinstance(error, WRONG_MECHANISM):
        return LogRefused(
            f"{name}: the brokers do not take this way of logging in. Set TIERLINE_KAFKA_SASL to one that they have"
            " enabled."
        )
    if isinstance(error, kafka.AuthorizationError) or any(kind in text for kind in RIGHTS):
        return not_allowed(error, name)
    if isinstance(error, ssl.SSLError) or "SSL" in text or "TLS" in text or "ertificate" in text:
        return LogInsecure(f"{name}: TLS fails: {_tls(text)}")
    if isinstance(error, (kafka.MessageSizeTooLargeError, kafka.RecordListTooLargeError)):
        return RecordTooLarge(
            f"{name}: a record is larger than its topic takes. Raise max.message.bytes of the topic; `tierline topics"
            " check` says to what."
        )
    if isinstance(error, (kafka.NotEnoughReplicasError, kafka.NotEnoughReplicasAfterAppendError)):
        return LogUnavailable(
            f"{name}: fewer copies of the partition are up than min.insync.replicas asks for. Bring the missing brokers"
            " back, then try again."
        )
    if isinstance(error, kafka.UnknownTopicOrPartitionError):
        return UnknownTopic(f"{name}: no such topic or partition ({text}). `tierline topics check` says what is there.")
    if isinstance(error, (kafka.LeaderNotAvailableError, kafka.KafkaStorageError, kafka.CoordinatorNotAvailableError)):
        return LogUnavailable(
            f"{name}: a partition has no leader now ({type(error).__name__}). Look for brokers that are down."
        )
    if isinstance(error, kafka.InvalidRecordError):
        return LogError(f"{name}: Kafka refused a record: {text}. In a compacted topic each record needs a key.")
    if isinstance(error, FENCED):
        return Fenced(f"{name}: another process has taken this one's place; nothing of this was written.")
    if isinstance(error, kafka.IllegalStateError) and "closed" in text:
        return LogClosed(f"{name}: the log was closed.")
    if isinstance(error, kafka.UnsupportedCodecError):
        return LogError(f"{name}: a record is compressed in a way that cannot be read here: {text}.")
    if isinstance(error, kafka.KafkaProtocolError):
        return LogUnreachable(unreachable(name, f"what answers speaks another protocol: {text}"))
    if isinstance(error, (kafka.RetriableError, OSError)):
        return LogUnreachable(unreachable(name, text))
    return LogError(f"{name}: {type(error).__name__}: {text}.")


def not_allowed(error: BaseException, name: str) -> LogRefused:
    """What to say where the brokers do not allow something: of kafka-python's errors, and of aiokafka's."""
    told = f"{type(error).__name__}: {error}"
    lacks = next((what for kind, what in RIGHTS.items() if kind in told), "a right")
    return LogRefused(
        f"{name}: this user may not do that: it lacks {lacks} ({told[:300]}). Allow it: docs/kafka.md has the table of"
        " all that is needed."
    )


def unreachable(name: str, why: str = "") -> str:
    """What to say where no broker answers."""
    told = f" ({why.rstrip('.')})" if why else ""
    return (
        f"{name}: no broker answers{told}. Look whether one runs there, whether TIERLINE_BROKER has its address and"
        " port, and whether it asks for TLS or a login (TIERLINE_KAFKA_TLS, TIERLINE_KAFKA_SASL)."
    )


def _tls(text: str) -> str:
    if "self-signed" in text or "self signed" in text or "unable to get local issuer" in text:
        what = "the broker's certificate is signed by nobody we trust"
        return f"{what}. Set TIERLINE_KAFKA_TLS_CA to the certificate of the authority that signed it."
    if "ostname mismatch" in text or "IP address mismatch" in text or "not valid for" in text:
        what = "the broker's certificate is for another name"
        return f"{what}. Put a name into TIERLINE_BROKER that is in the certificate."
    if "certificate required" in text or "bad certificate" in text or "alert" in text:
        what = f"the broker refused our certificate, or the lack of one ({_short(text)})"
        return f"{what}. Set TIERLINE_KAFKA_TLS_CERT and TIERLINE_KAFKA_TLS_KEY to one that it trusts."
    if "expired" in text:
        return f"a certificate has expired ({_short(text)}). Renew it."
    return f"{_short(text)}. Look at TIERLINE_KAFKA_TLS and TIERLINE_KAFKA_TLS_CA, and whether this port speaks TLS."


def _short(text: str) -> str:
    return text.removeprefix("KafkaConnectionError: ").removeprefix("Handshake failed: ").rstrip(".")[:200]
