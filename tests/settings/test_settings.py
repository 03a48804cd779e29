"""Settings: read from the environment in one place, and clear about what cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream.settings import SettingsError, load_settings

DAY = 86_400_000


def test_defaults_just_work() -> None:
    """Without any variable there is a log in the folder one is in."""
    settings = load_settings({})
    assert (settings.path, settings.partitions, settings.horizon) == (Path("tierline.db"), 4, 180 * DAY)
    assert settings.topic("signals") == "signals"


def test_variables_are_read_and_arguments_win() -> None:
    """A variable beats the default, an option of the command line beats the variable, and one not given does not."""
    environment = {"TIERLINE_HORIZON": "90d", "TIERLINE_TOPIC_PREFIX": "eu.", "TIERLINE_PARTITIONS": "8", "HOME": "/"}
    settings = load_settings(environment, partitions=2, source=None)
    assert (settings.horizon, settings.topic("rejected"), settings.partitions) == (90 * DAY, "eu.rejected", 2)
    assert settings.source == "tierline"


@pytest.mark.parametrize(
    ("broker", "path"),
    [
        ("sqlite:///tierline.db", "tierline.db"),
        ("sqlite:////var/lib/t.db", "/var/lib/t.db"),
        ("sqlite:///a b/c.db", "a b/c.db"),
    ],
)
def test_the_broker_names_a_file(broker: str, path: str) -> None:
    """Three slashes are relative, four absolute; spaces are no trouble."""
    assert load_settings({"TIERLINE_BROKER": broker}).path == Path(path)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("TIERLINE_BROKER", "postgres://x", "write sqlite:///"),
        ("TIERLINE_BROKER", "sqlite://", "write sqlite:///"),
        ("TIERLINE_HORIZON", "soon", "30d"),
        ("TIERLINE_PARTITIONS", "0", "greater than or equal to 1"),
        ("TIERLINE_PARTITIONS", "many", "integer"),
        ("TIERLINE_TOPIC_PREFIX", "a b", "not allowed"),
        ("TIERLINE_REMEMBER", "some", "'read' or 'all'"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_mend(variable: str, value: str, says: str) -> None:
    """The error names the variable and what to write."""
    with pytest.raises(SettingsError) as error:
        load_settings({variable: value})
    assert variable in str(error.value)
    assert value in str(error.value)
    assert says in str(error.value)
