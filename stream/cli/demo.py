"""``tierline demo``: a market through the whole system, in under a minute."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console

from schemas.times import format_time
from schemas.topics import ACCOUNT_SCORES, REJECTED, SIGNALS, TIER_CHANGES
from stream.demo.feed import Feed, example_profiles, real, simulated
from stream.demo.inbox import Inbox, fill_inbox
from stream.demo.screen import Screen, plain
from stream.demo.summary import Ledger, judge, tell
from stream.demo.worker import WorkerFailed, check, free_port, lag, running
from stream.holding import worker_of
from stream.profiles import load_profiles
from stream.reading import scored
from stream.scoring.explain import day
from stream.scoring.values import DISQUALIFIED
from stream.settings import Settings, load_settings
from stream.sources.formats import FORMATS, detect
from stream.sources.simulated import Market, simulate
from stream.topology import group_of, open_log
from stream.transports.seam import Log

DAY = 86_400_000
QUIET = 6
"""Looks at the log in a row, a tenth of a second apart, in which nothing moved any more."""


@click.command("demo")
@click.option(
    "--accounts", default=2_000, show_default=True, type=click.IntRange(1, 200_000), help="Simulated companies."
)
@click.option(
    "--days", default=180, show_default=True, type=click.IntRange(1, 3_650), help="Simulated days, up to today."
)
@click.option("--seed", default=7, show_default=True, help="Another seed is another market.")
@click.option(
    "--data", type=click.Path(exists=True, path_type=Path), help="Real companies instead: a folder of public data."
)
@click.option(
    "--profiles", type=click.Path(exists=True, path_type=Path), help="Profiles to run (default: the demo's own)."
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("tierline-demo"),
    show_default=True,
    help="Where the log goes; an earlier demo's is replaced.",
)
def command(accounts: int, days: int, seed: int, data: Path | None, profiles: Path | None, folder: Path) -> None:
    """Run a simulated market, or real companies, through the whole system and watch tiers change.

    It is the real worker on a fresh log. Exit codes: 0 it ran through, 1 it could not.
    """
    console = Console() if sys.stdout.isatty() else Console(width=120)
    market = None
    if data is None:
        start = time.time_ns() // 1_000_000 // DAY * DAY - days * DAY
        market = simulate(accounts, days, seed, start)
        feed = simulated(market)
        profiles = profiles or example_profiles("demo")
        console.print(f"A simulated market: {accounts:,} invented companies, {days} days up to today, seed {seed}.")
    else:
        format_ = detect(data)
        if format_ is None:
            raise click.UsageError(f"{data} is in none of the formats known: {', '.join(FORMATS)}")
        feed = real(data, format_)
        profiles = profiles or example_profiles("yc")
        console.print(f"Real companies: {data} ({format_.reads}).")
    settings = _fresh(folder, profiles)
    try:
        _run(console, settings, feed, market, folder)
    except WorkerFailed as error:
        console.print(str(error), markup=False)
        sys.exit(1)


def _fresh(folder: Path, profiles: Path) -> Settings:
    marker = folder / ".tierline-demo"
    if folder.exists() and any(folder.iterdir()):
        if not marker.exists():
            raise click.UsageError(f"{folder} is not empty and not an earlier demo's; choose another --dir")
        holder = worker_of(folder / "tierline.db")
        if holder is not None:
            raise click.UsageError(f"a worker runs on {folder} ({holder}); stop it first, or choose another --dir")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    marker.touch()
    broker = f"sqlite:///{(folder / 'tierline.db').absolute()}"
    return load_settings({}, broker=broker, profiles=profiles.absolute(), web_port=free_port())


def _run(console: Console, settings: Settings, feed: Feed, market: Market | None, folder: Path) -> None:
    loaded = load_profiles(settings.profiles)
    ladder = [str(tier["name"]) for tier in loaded[0].document["tiers"]]
    output = folder / "worker.log"
    with open_log(settings) as log, open_log(settings) as feeding:
        with running(settings, output) as process:
            while log.position(group_of(settings), settings.topic(SIGNALS), 0) is None and process.poll() is None:
                time.sleep(0.05)  # the profile's activation is the first record: then it is up
            began = time.perf_counter()
            feed.start(settings, feeding)
            changes, drained = _watch(console, settings, feed, log, lambda: check(process, output))
        ledger = Ledger(first=ladder[0], until=max(feed.last, market.end_ms if market else 0))
        for change in sorted(changes, key=lambda change: (change["effective_at"], change["sequence"])):
            if change["profile"] == loaded[0].name:
                ledger.take(change)
        tiers = Counter(_tier(data, loaded[0].name) for data in scored(log, settings))
        rejected = _rejected(log, settings)
        inbox = fill_inbox(log, settings, loaded, folder, ledger.until)
    by_tier = [(tier, tiers[tier]) for tier in (*ladder, DISQUALIFIED)]
    tell(console, ledger, signals=feed.sent, rejected=rejected, tiers=by_tier, seconds=drained - began)
    if market is not None:
        judge(console, ledger, market)
    if feed.report is not None:
        (folder / "conversion.txt").write_text("\n".join(feed.report.lines()) + "\n", "utf-8")
        then = f"on {day(ledger.until)}, {ledger.count(ladder[0]):,} were {ladder[0]}; nothing was heard since."
        console.print(f"\nWhen the data ended, {then}", highlight=False)
        console.print(f"What became of every row that was read: {folder / 'conversion.txt'}", highlight=False)
    _alerts(console, inbox)
    _next(console, settings, ledger)


def _alerts(console: Console, inbox: Inbox) -> None:
    console.print("\n[bold]The alerts it would have sent[/], had it run all the while with examples/alerts/demo.yaml:")
    for sentence in inbox.sentences() or ["nobody would have been told of anything"]:
        console.print(f"  {sentence}", markup=False, highlight=False)
    if inbox.last:
        console.print(f"The last of them, of {len(inbox.rehearsal.messages):,} in {inbox.text}:\n", markup=False)
        for line in inbox.last.splitlines():
            console.print("    ", plain(line), sep="", soft_wrap=True)


def _watch(
    console: Console, settings: Settings, feed: Feed, log: Log, check_worker: Callable[[], None]
) -> tuple[list[dict[str, Any]], float]:
    """Show the work until all of it is done; the tier changes, and when the last signal was processed."""
    tail = Tail(log, settings.topic(TIER_CHANGES), settings.partitions)
    seen: list[dict[str, Any]] = []
    published, quiet, drained = -1, 0, 0.0
    with Screen(console, feed.total) as screen:
        while quiet < QUIET:
            time.sleep(0.1)
            check_worker()
            if feed.error is not None:
                raise feed.error
            done, waiting = feed.done.is_set(), lag(log, settings)
            fresh = list(tail.read())
            seen += fresh
            # what time alone does between the end of the data and today comes last; it is no news
            news = [change for change in fresh if change["effective_at"] <= format_time(feed.last)]
            screen.show(max(0, feed.sent - waiting), news)
            before, published = published, _scores(log, settings)
            still = done and waiting == 0 and not fresh
            drained = drained or (time.perf_counter() if still else 0.0)
            quiet = quiet + 1 if still and published == before else 0
    return seen, drained


def _tier(data: dict[str, Any], profile: str) -> str:
    tier: str = data["profiles"][profile]["tier"]
    return tier


def _scores(log: Log, settings: Settings) -> int:
    topic = settings.topic(ACCOUNT_SCORES)
    return sum(log.end(topic, partition) for partition in range(settings.partitions))


def _rejected(log: Log, settings: Settings) -> Counter[str]:
    topic = settings.topic(REJECTED)
    tail = Tail(log, topic, settings.partitions, whole=True)
    return Counter(document["reason"] for document in tail.read())


def _next(console: Console, settings: Settings, ledger: Ledger) -> None:
    hottest = next((account for account, tier in ledger.tiers.items() if tier == ledger.first), None)
    hottest = hottest or next(iter(ledger.tiers), "acme.com")
    path = Path(settings.broker.removeprefix("sqlite:///"))
    try:
        broker = f"sqlite:///{path.relative_to(Path.cwd())}"
    except ValueError:
        broker = settings.broker
    console.print("\nThe log is kept. Three things to try on it:")
    own = Path(sys.argv[0]).absolute().parent
    found = shutil.which("tierline") is not None or not (own / "tierline").exists()  # `make demo` does not set PATH
    for line in (
        *([] if found else [f'export PATH={shlex.quote(str(own))}:"$PATH"']),
        f"export TIERLINE_BROKER={shlex.quote(broker)}",
        "tierline accounts --sort score",
        f"tierline explain {hottest}",
        f"TIERLINE_PROFILES={shlex.quote(str(settings.profiles))} tierline run",
    ):
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


class Tail:
    """Follows a topic of JSON documents; for events, their ``data``."""

    def __init__(self, log: Log, topic: str, partitions: int, *, whole: bool = False) -> None:
        self._log, self._topic, self._whole = log, topic, whole
        self._offsets = dict.fromkeys(range(partitions), 0)

    def read(self) -> Iterator[dict[str, Any]]:
        """What came since the last call."""
        for partition, offset in self._offsets.items():
            while records := self._log.read(self._topic, partition, offset, 4_096):
                offset = records[-1].offset + 1  # noqa: PLW2901  (the loop's own cursor)
                self._offsets[partition] = offset
                for record in records:
                    document = orjson.loads(record.value or b"{}")
                    yield document if self._whole else document["data"]
