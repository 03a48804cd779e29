"""Certificates for tests of TLS: an authority, a broker, a client, and a client whom nobody knows. PEM, by openssl."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from .jars import Missing

DAYS = "3650"
KEY_PASSWORD = "opens the key"  # noqa: S105  of a key that lives as long as a test
NAMES = "subjectAltName=IP:127.0.0.1,DNS:localhost"
AUTHORITY = "basicConstraints=critical,CA:TRUE"
CONFIG = "[req]\ndistinguished_name=subject\n[subject]\n"  # ours: what the machine's openssl.cnf adds, differs


class Certificates:
    """The files in a folder; made by `make`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = folder / "authority.pem"
        self.broker = folder / "broker.pem"  # key and certificate in one, as Kafka has it
        self.client = folder / "client.pem"
        self.client_key = folder / "client.key"
        self.locked_key = folder / "client-locked.key"  # the same key, under KEY_PASSWORD
        self.stranger = folder / "stranger.pem"  # signed by an authority of its own
        self.stranger_key = folder / "stranger.key"

    def make(self) -> None:
        """All of them, unless they are there. Raises `Missing` without openssl."""
        if self.broker.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "openssl.cnf").write_text(CONFIG)
        self._sign("authority", AUTHORITY)
        self._sign("server", NAMES, by="authority")
        self._sign("client", by="authority")
        self._sign("stranger")
        lock = ["-topk8", "-in", str(self.client_key), "-out", str(self.locked_key), "-passout", f"pass:{KEY_PASSWORD}"]
        _openssl("pkcs8", *lock)
        self.broker.touch(mode=0o600)
        self.broker.write_text((self.folder / "server.key").read_text() + (self.folder / "server.pem").read_text())

    def _sign(self, name: str, *extensions: str, by: str | None = None) -> None:
        key, certificate = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        signer = ["-CA", str(self.folder / f"{by}.pem"), "-CAkey", str(self.folder / f"{by}.key")] if by else []
        added = [word for extension in extensions for word in ("-addext", extension)]
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        files = ["-config", str(self.folder / "openssl.cnf"), "-keyout", str(key), "-out", str(certificate)]
        _openssl("req", "-x509", *curve, *files, *signer, *added, "-days", DAYS, "-subj", f"/CN={name}")


def _openssl(*arguments: str) -> None:
    path = shutil.which("openssl")
    if path is None:
        raise Missing("certificates are made with openssl, 3.0 or newer: apt-get install openssl (none is on PATH)")
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise Missing(f"openssl {arguments[0]} failed; 3.0 or newer is needed:\n{done.stderr.strip()[-2000:]}")
