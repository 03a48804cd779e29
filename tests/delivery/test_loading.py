"""A routes file that cannot be used is told of with line and mend; one that can be is what it says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stream.delivery.loading import RoutesErrors, RoutesFile, labels_of, load_routes, load_to_try
from stream.profiles import load_profiles
from stream.settings import load_settings

SETTINGS = load_settings({})
EXAMPLES = Path(__file__).parents[2] / "examples"
GOOD = """
channels:
  sales: {kind: inbox, folder: in}
  mail: {kind: email, host: smtp.example.com, from: t@example.com}
routes:
  - route: hot
    to: [sales]
"""

FAULTS = {
    "not there": (None, "cannot be read: No such file or directory; check path and rights (TIERLINE_ROUTES, --routes)"),
    "not YAML": ("routes: [", "alerts.yaml:1: is not YAML"),
    "no mapping": ("- a", "alerts.yaml:1: is not a routes file; begin with channels:"),
    "empty": ("", "is empty; begin with channels:"),
    "no routes": ("channels: {a: {kind: inbox, folder: x}}", "routes: is missing; it is required"),
    "unknown member": (
        GOOD + "    tier: [hot]\n",
        "alerts.yaml:8: routes.0.tier: is not known here; check the spelling: did you mean tiers? (route hot)",
    ),
    "unknown channel": (
        GOOD.replace("[sales]", "[slaes]"),
        "alerts.yaml:7: routes.0.to.0: slaes is not a channel; write one of mail, sales, or add it under",
    ),
    "same name twice": (
        GOOD + "  - {route: hot, to: [sales]}\n",
        "alerts.yaml:8: routes.1.route: hot is the name of another route; rename one",
    ),
    "same recipient twice": (GOOD.replace("[sales]", "[sales, sales]"), "routes.0.to.1: is told of already"),
    "a time zone that is none": (
        GOOD + "defaults: {timezone: Berlin}\n",
        "alerts.yaml:8: defaults.timezone: 'Berlin' is not a time zone; write a name of the IANA list",
    ),
    "quiet hours that are none": (
        GOOD + "defaults: {quiet_hours: {from: '8', until: '20:00'}}\n",
        "alerts.yaml:8: defaults.quiet_hours.from: '8' is not a time of day; write hh:mm, as '08:30'",
    ),
    "quiet all day": (
        GOOD + "defaults: {quiet_hours: {from: '08:00', until: '07:30'}}\n",
        "defaults.quiet_hours.until: leaves less than an hour of the day; write shorter quiet hours",
    ),
    "a cooldown without a unit": (GOOD + "    cooldown: '7'\n", "routes.0.cooldown: '7' is not a duration"),
    "a ceiling of nothing": (GOOD + "defaults: {ceiling: 0}\n", "defaults.ceiling: 0"),
    "a condition that is none": (
        GOOD + "    when: {employees: {atleast: 5}}\n",
        "alerts.yaml:8: routes.0.when.employees.atleast: is not an operator; write one of",
    ),
    "a pattern that is none": (
        GOOD + "    when: {country: {matches: '(DE'}}\n",
        "alerts.yaml:8: routes.0.when.country.matches: '(DE' is not a pattern RE2 can run: missing ): (DE; close the",
    ),
    "mail to nobody": (
        GOOD.replace("[sales]", "[mail]"),
        "alerts.yaml:7: routes.0.to.0: has no recipient, and neither has its channel; write {channel: …, recipient: …}",
    ),
    "mail to what is no address": (
        GOOD.replace("[sales]", "[{channel: mail, recipient: Ann}]"),
        "alerts.yaml:7: routes.0.to.0.recipient: is not an e-mail address; write it without a name, as ann@example.com",
    ),
    "a secret in the file": (
        GOOD.replace("from: t@example.com", "from: t@example.com, user: me, password: hunter2"),
        "alerts.yaml:4: channels.mail.password: must not stand in the file itself; name where it is",
    ),
    "a secret that is not there": (
        GOOD.replace("from: t@example.com", "from: t@example.com, user: me, password: {env: NOT_SET}"),
        "alerts.yaml:4: channels.mail.password: environment variable NOT_SET is not set; set it, or name another",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_with_line_and_mend(name: str, tmp_path: Path) -> None:
    """Whatever is wrong with the file, the message says where it is and what to write instead, and no secret."""
    text, expected = FAULTS[name]
    path = tmp_path / "alerts.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(RoutesErrors) as refused:
        load_routes(path, SETTINGS, {})
    assert expected in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    """Whoever mends a file need not start it once for each fault."""
    path = tmp_path / "alerts.yaml"
    path.write_text(GOOD.replace("folder: in", "fodler: in") + "    cooldown: x\n    tier: [a]\n")
    with pytest.raises(RoutesErrors) as refused:
        load_routes(path, SETTINGS, {})
    assert len(refused.value.errors) == 4


def test_the_examples_can_be_used(tmp_path: Path) -> None:
    """What a newcomer copies loads as it stands, once its secrets are there."""
    (tmp_path / "secret").write_text("s")
    text = (EXAMPLES / "alerts" / "alerts.yaml").read_text().replace("/run/secrets/smtp", str(tmp_path / "secret"))
    (tmp_path / "alerts.yaml").write_text(text)
    loaded = load_routes(tmp_path / "alerts.yaml", SETTINGS, {"SLACK_WEBHOOK_URL": "https://hooks.slack.com/x/y"})
    assert [route.name for route in loaded.routes.routes] == ["hot", "hot-emea", "cooled", "customers"]
    assert load_routes(EXAMPLES / "alerts" / "demo.yaml", SETTINGS, {}).channels.keys() == {"sales", "managers"}


def test_routes_can_be_tried_without_secrets() -> None:
    """A preview needs none of the secrets that the file names."""
    loaded = load_to_try(EXAMPLES / "alerts" / "alerts.yaml", SETTINGS)
    assert loaded.channels.keys() == {"outbound", "mail"}


def test_defaults_hold_where_nothing_else_is_said() -> None:
    """A recipient's own time zone wins, its quiet hours are the file's."""
    routes = load_to_try(EXAMPLES / "alerts" / "alerts.yaml", SETTINGS).routes
    emea = routes.routes[1].destinations[0]
    assert (str(emea.hours.zone), emea.hours.quiet, emea.digest_at) == ("Europe/Berlin", (1_080, 480), 540)
    assert routes.ceilings["mail/emea-sales@example.com"] == 10
    assert [route.cooldown // 86_400_000 for route in routes.routes] == [7, 7, 30, 7]


def test_a_later_broken_edit_leaves_the_good_one_in_force(tmp_path: Path) -> None:
    """A file that is broken while it is in force is told of once, and taken up when it is mended."""
    path = tmp_path / "alerts.yaml"
    path.write_text(GOOD)
    file = RoutesFile(path, SETTINGS)
    assert file.reload() is None
    for step, text in enumerate((GOOD + "    nonsense: 1\n", GOOD.replace("hot", "warm"))):
        path.write_text(text)
        os.utime(path, ns=(step, step))
        told = file.reload()
        assert told is not None
        assert file.broken == (step == 0)
        assert file.loaded.routes.routes[0].name == ("hot" if step == 0 else "warm")
        assert ("alerts.yaml:8" in told) == (step == 0)
        assert file.reload() is None
    path.unlink()
    assert "cannot be read" in str(file.reload())
    assert file.loaded.routes.routes[0].name == "warm"


def test_people_read_names_of_profiles_and_descriptions_of_criteria() -> None:
    """What a message calls a criterion is its description, where it has one."""
    labels = labels_of(load_profiles(EXAMPLES / "profiles" / "demo"))
    assert labels["demo"] == "Data pipeline monitoring"
