"""The page on alert channels shows what is sent, names what templates know, and its configuration is one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from schemas.channels import KINDS
from stream.delivery.channels import build_channels
from stream.delivery.rendering.sample import samples
from stream.delivery.rendering.sandbox import _FILTERS
from stream.delivery.rendering.view import view_of
from stream.profiles.document import read_document

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "alert-channels.md").read_text("utf-8")


def test_the_samples_are_what_is_sent() -> None:
    """Rendering the samples anew gives the page as it is."""
    command = [sys.executable, "ops/alert_samples.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_is_one(tmp_path: Path) -> None:
    """The example builds, with a channel of each kind, once its secrets are there."""
    text = re.search(r"```yaml\n(channels:.*?)```", PAGE, re.DOTALL)
    assert text is not None
    (tmp_path / "token").write_text("xoxb-1")
    config = text[1].replace("/run/secrets/slack-token", str(tmp_path / "token"))
    key, url = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "https://hooks.example.com/x"
    environment = {
        "SLACK_WEBHOOK_SALES": url, "TEAMS_WEBHOOK_EMEA": url, "SMTP_PASSWORD": "x", "HOOK_KEY_NEW": key,
        "HOOK_KEY_OLD": key,
    }  # fmt: skip
    built = build_channels(read_document("x.yaml", config.encode()).value["channels"], environment, folder=tmp_path)
    assert {channel.kind for channel in built.values()} == set(KINDS)


def test_every_name_is_told() -> None:
    """The table has each name that a template of one change knows; the filters are listed."""
    told = set(re.findall(r"`([a-z_]+)`", PAGE))
    hidden = {"kind", "count", "more", "changes"}  # of digests, whose templates are ours
    assert set(view_of(samples()["up"], {})) - hidden <= told
    assert f"`{' '.join(sorted(_FILTERS))}`" in PAGE.replace("\n", " ")
