"""Secrets: read from where the configuration says they are, and shown to nobody."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from schemas.channels import Secret

MOST_BYTES = 65_536


class Hidden:
    """A secret. Its text forms, in logs and tracebacks too, are where it comes from, never what it is."""

    __slots__ = ("_value", "origin")

    def __init__(self, value: str, origin: str) -> None:
        self._value, self.origin = value, origin

    def reveal(self) -> str:
        """The secret itself: to be used at once, not kept."""
        return self._value

    def __repr__(self) -> str:
        return f"<secret of {self.origin}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not to be written down")


class SecretMissing(ValueError):
    """A secret that is not where the configuration says; the message says where and what to do."""


def read_secret(secret: Secret, environment: Mapping[str, str], folder: Path) -> Hidden:
    """The secret; files are found from ``folder``. Raises SecretMissing."""
    if secret.env is not None:
        value = environment.get(secret.env, "").strip()
        if not value:
            raise SecretMissing(f"environment variable {secret.env} is not set; set it, or name another")
        return Hidden(value, f"variable {secret.env}")
    path = folder / str(secret.file)
    try:
        with path.open("rb") as opened:
            value = opened.read(MOST_BYTES).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise SecretMissing(f"file {path} cannot be read: {why}; check path and rights") from None
    if not value:
        raise SecretMissing(f"file {path} is empty; write the secret in it")
    return Hidden(value, f"file {path}")


class Redactor:
    """Takes secrets, and what gives them away, out of text that comes back from the far side."""

    def __init__(self, secrets: Iterable[str]) -> None:
        parts: set[str] = set()
        for secret in secrets:
            parts |= {secret, secret.removeprefix("whsec_")}
            parts.add(base64.b64encode(secret.encode()).decode())
            if "://" in secret:
                where = urlsplit(secret)
                parts |= {where.path, where.query, *where.path.split("/"), *where.query.split("&")}
                parts |= {pair.partition("=")[2] for pair in where.query.split("&")}
        self._parts = sorted((part for part in parts if len(part) >= 6), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without them."""
        for part in self._parts:
            text = text.replace(part, "…")
        return text
