"""The alerts that the demo would have sent: its whole history through example routes, into a folder as an inbox."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

import stream
from stream.delivery.channels import build_channels
from stream.delivery.documents import alert_of
from stream.delivery.loading import LoadedRoutes, labels_of, load_routes
from stream.delivery.reading import facts_of, history
from stream.delivery.rehearse import Rehearsal, rehearse
from stream.profiles import LoadedProfile
from stream.settings import Settings
from stream.transports.seam import Log

DAY = 86_400_000


def example_routes(name: str) -> Path:
    """A routes file that comes with Tierline."""
    package = Path(stream.__file__).parent
    for folder in (package / "example_alerts", package.parent / "examples" / "alerts"):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"the example routes {name} are not installed")


@dataclass(frozen=True, slots=True)
class Inbox:
    """What was written, and where."""

    rehearsal: Rehearsal
    text: Path
    last: str
    """The newest message on one account, as a person reads it; empty where there was none."""

    def sentences(self) -> list[str]:
        """How much each recipient would have got."""
        told = []
        for target in self.rehearsal.targets():
            count = sum(1 for _, message in self.rehearsal.messages if message.target.id == target)
            told.append(f"{target}: {count:,} messages, at most {self.rehearsal.most_in(target, DAY)} in 24 hours")
        return told


def fill_inbox(log: Log, settings: Settings, profiles: list[LoadedProfile], folder: Path, until: int) -> Inbox:
    """Play every tier change up to `until` (ms) as if it had been live, and write what was to be sent."""
    routes, highest = folder / "alerts.yaml", str(profiles[0].document["tiers"][0]["name"])
    routes.write_text(example_routes("demo.yaml").read_text("utf-8").replace("[hot]", f"[{highest}]"), "utf-8")
    loaded = load_routes(routes, settings, {})
    past = [(one.effective_at, replace(one, importing=False)) for _, one in history(log, settings, 0)]
    past = sorted((pair for pair in past if pair[0] <= until), key=lambda pair: (pair[0], pair[1].sequence))
    facts = facts_of(log, settings, {change.account for _, change in past})
    found = rehearse([(at, change, facts.get(change.account, {})) for at, change in past], loaded.routes)
    last = asyncio.run(_write(found, loaded, labels_of(profiles)))
    return Inbox(found, folder / "inbox" / "alerts.txt", last)


async def _write(found: Rehearsal, loaded: LoadedRoutes, labels: dict[str, str]) -> str:
    now, last = 0, ""
    channels = build_channels(loaded.document["channels"], {}, folder=loaded.path.parent, clock=lambda: now / 1000)
    for at, message in found.messages:
        now = at
        alert = alert_of(message, loaded.routes, labels)
        await channels[message.channel].deliver(alert)
        if message.kind == "single" and message.told[0].change["data"]["direction"] in {"up", "enter"}:
            last = channels[message.channel].render(alert).text
    return last
