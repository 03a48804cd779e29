"""The page on alerts is complete, and what it shows can be used."""

from __future__ import annotations

import re
from pathlib import Path

from click import Group

from schemas.alerts import DELIVERIES, REASONS
from schemas.routes import Defaults, Recipient, Route
from stream.cli.alerts import command
from stream.delivery.loading import load_routes
from stream.settings import load_settings

PAGE = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text("utf-8")


def table(head: str) -> list[list[str]]:
    """The rows of the table with that head, cell by cell."""
    _, _, rest = PAGE.partition(head)
    rows = rest.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def names(head: str) -> list[str]:
    return [row[0].strip("`") for row in table(head)]


def test_every_member_of_a_routes_file_is_told() -> None:
    """The tables have each member once, in the order of the contract."""
    assert names("| member of a route |") == list(Route.model_fields)
    assert names("| member of a recipient |") == list(Recipient.model_fields)
    assert names("| member of `defaults` |") == list(Defaults.model_fields)


def test_the_defaults_are_those_of_the_contract() -> None:
    """What the page calls the default is."""
    told = {row[0].strip("`"): row[1].strip("`") for row in table("| member of `defaults` |")}
    assert told == {name: str(field.default or "") for name, field in Defaults.model_fields.items()}


def test_every_reason_is_told() -> None:
    """The table of reasons is the closed list, in its order, and the states of a delivery are all named."""
    assert names("| reason |") == list(REASONS)
    assert all(f"`{state}`" in PAGE for state in DELIVERIES)


def test_every_command_is_told() -> None:
    """Each command of `tierline alerts` is on the page, and no other."""
    assert isinstance(command, Group)
    assert set(re.findall(r"tierline alerts ([a-z]+)", PAGE)) == set(command.commands)


def test_the_first_routes_file_can_be_used(tmp_path: Path) -> None:
    """What a newcomer copies first loads as it stands."""
    block = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    (tmp_path / "alerts.yaml").write_text(block[1])
    assert load_routes(tmp_path / "alerts.yaml", load_settings({}), {}).channels.keys() == {"sales"}
