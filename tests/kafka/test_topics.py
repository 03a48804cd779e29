"""`tierline topics`: the topics are made as the registry says, and what somebody else has made is compared with it."""

from __future__ import annotations

from typing import Any

import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from schemas.topics import TOPICS
from stream.settings import Settings
from stream.topology import partitions_of
from stream.transports.errors import LogError
from stream.transports.kafka_admin import check_topics, create_topics
from tests.cli.running import Ran, tierline
from tests.kafka.cluster import Cluster
from tests.kafka.places import kafka_log, made, settings_on, until


@pytest.fixture
def settings(kafka_cluster: Cluster, topic_prefix: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Those of an installation without topics, in the environment, too."""
    for name, value in kafka_cluster.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TIERLINE_TOPIC_PREFIX", topic_prefix)
    monkeypatch.setenv("TIERLINE_PARTITIONS", "3")
    return settings_on(kafka_cluster, topic_prefix, partitions=3)


def alter(settings: Settings, topic: str, **configs: str) -> None:
    """As somebody else might; underscores stand for dots."""
    said = {key.replace("_", "."): value for key, value in configs.items()}
    name = settings.topic(topic)
    with kafka_log(settings) as log:
        admin = log.clients.admin()
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, said)], raise_on_unknown=False)

        def seen() -> bool:
            asked = [ConfigResource(ConfigResourceType.TOPIC, name)]
            told = admin.describe_configs(asked, config_filter="all")["topic"][name]
            return all(told[key]["value"] == value for key, value in said.items())

        until(seen)


def differences(ran: Ran) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["topic"], one["setting"]): one for one in ran.json["differences"]}


def test_topics_are_made_as_the_registry_says(settings: Settings) -> None:
    """Each with its partitions, compaction, retention, size and times by the broker; then nothing differs."""
    ran = tierline("topics", "create")
    assert ran.code == 0, ran.err
    assert ran.out.count("made ") == len(TOPICS)
    with kafka_log(settings) as log:
        asked = [ConfigResource(ConfigResourceType.TOPIC, settings.topic(name)) for name in TOPICS]
        told = log.clients.admin().describe_configs(asked, config_filter="all")["topic"]
        for name, topic in TOPICS.items():
            assert log.partitions(settings.topic(name)) == partitions_of(settings, name)
            configs = {key: told[settings.topic(name)][key]["value"] for key in topic.config}
            assert configs == topic.config
            assert configs["message.timestamp.type"] == "LogAppendTime"
    assert tierline("topics", "check", "--json").json == {"ok": True, "differences": []}
    assert "as they should be" in tierline("topics", "check").out


def test_creating_again_makes_only_what_is_missing(settings: Settings) -> None:
    """Topics that are there are not touched; those made are named."""
    assert tierline("topics", "create").code == 0
    with kafka_log(settings) as log:
        log.clients.admin().delete_topics([settings.topic("alerts")])
        until(lambda: settings.topic("alerts") not in log.topics())
    alter(settings, "rejected", retention_ms="3600000")
    ran = tierline("topics", "create", "--json")
    assert ran.code == 0
    assert ran.json["made"] == [settings.topic("alerts")]
    assert differences(ran)[settings.topic("rejected"), "retention.ms"]["found"] == "3600000"
    assert f"All {len(TOPICS)} topics were there." in tierline("topics", "create").out


def test_what_is_missing_is_told(settings: Settings) -> None:
    """Every topic that is not there, exit 1, and the command that makes it."""
    ran = tierline("topics", "check")
    assert ran.code == 1
    assert settings.topic("account-state") in ran.out
    assert "→ `tierline topics create` makes it" in ran.out
    assert f"{len(TOPICS)} differences, {len(TOPICS)} fatal." in ran.err


@pytest.mark.parametrize(
    ("topic", "configs", "setting", "fatal"),
    [
        ("signals", {"cleanup_policy": "compact"}, "cleanup.policy", True),
        ("account-state", {"cleanup_policy": "delete"}, "cleanup.policy", True),
        ("aliases", {"cleanup_policy": "compact,delete"}, "cleanup.policy", True),
        ("signals", {"retention_ms": "604800000"}, "retention.ms", False),
        ("tier-changes", {"retention_bytes": "1000000"}, "retention.bytes", False),
        ("signals", {"message_timestamp_type": "CreateTime"}, "message.timestamp.type", True),
        ("alerts", {"message_timestamp_type": "CreateTime"}, "message.timestamp.type", False),
        ("rejected", {"max_message_bytes": "1000012"}, "max.message.bytes", True),
        ("signals", {"min_insync_replicas": "2"}, "min.insync.replicas", True),
    ],
)
def test_what_differs_is_told(
    settings: Settings, topic: str, configs: dict[str, str], setting: str, *, fatal: bool
) -> None:
    """Each difference with what it leads to and the command that mends it; exit 1 where workers cannot run."""
    made(settings)
    alter(settings, topic, **configs)
    ran = tierline("topics", "check", "--json")
    assert ran.code == int(fatal)
    (found,) = ran.json["differences"]
    assert (found["topic"], found["setting"], found["fatal"]) == (settings.topic(topic), setting, fatal)
    assert f"--entity-name {settings.topic(topic)} --add-config {setting}=" in found["why"]
    assert ran.json["ok"] is not fatal
    shown = tierline("topics", "check")
    assert ("fatal" if fatal else "differs") in shown.out
    assert found["why"] in shown.out
    doctor = tierline("doctor", "--json")
    status = [one["status"] for one in doctor.json["checks"] if one["name"] == settings.topic(topic)]
    assert status == ["fail" if fatal else "warn"]


def test_more_than_is_asked_for_is_no_difference(settings: Settings) -> None:
    """Longer retention and larger records are fine."""
    made(settings)
    alter(settings, "rejected", retention_ms="-1", max_message_bytes="9000000")
    assert tierline("topics", "check", "--json").json["differences"] == []


def test_another_number_of_partitions(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few on one, or another number in the settings: fatal, with the number that is there."""
    made(settings)
    monkeypatch.setenv("TIERLINE_PARTITIONS", "5")
    ran = tierline("topics", "check", "--json")
    assert ran.code == 1
    found = differences(ran)
    assert {setting for _, setting in found} == {"partitions"}
    assert "TIERLINE_PARTITIONS=3" in found[settings.topic("signals"), "partitions"]["why"]
    assert (settings.topic("profiles"), "partitions") not in found
    sent = tierline("send", "/dev/null")
    assert sent.code == 1
    assert "has 3 partitions, not 5." in sent.err


def test_more_copies_than_brokers(settings: Settings) -> None:
    """It cannot be made, and the setting to change is named."""
    with (
        kafka_log(settings) as log,
        pytest.raises(LogError, match=r"cannot have 3 copies: .*TIERLINE_KAFKA_REPLICATION"),
    ):
        create_topics(log, settings.model_copy(update={"kafka_replication": 3}))


def test_a_file_has_its_topics() -> None:
    """On an embedded log the command says that it is none of its business."""
    ran = tierline("topics", "check", "--broker", "sqlite:///x.db")
    assert ran.code == 1
    assert "TIERLINE_BROKER=kafka://" in ran.err


@pytest.mark.slow
def test_three_copies_need_two_in_sync(three_brokers: Cluster, topic_prefix: str) -> None:
    """Asked for, or by the brokers' default: min.insync.replicas is 2; fewer copies, or one in sync, is told."""
    for number, copies in enumerate([3, None]):
        settings = made(settings_on(three_brokers, f"{topic_prefix}{number}.", kafka_replication=copies))
        with kafka_log(settings) as log:
            assert check_topics(log, settings) == []
            asked = [ConfigResource(ConfigResourceType.TOPIC, settings.topic("signals"))]
            told = log.clients.admin().describe_configs(asked, config_filter="all")["topic"]
            assert told[settings.topic("signals")]["min.insync.replicas"]["value"] == "2"
    alter(settings, "signals", min_insync_replicas="1")
    alter(settings, "alerts", min_insync_replicas="3")
    single = made(settings_on(three_brokers, f"{topic_prefix}single.", kafka_replication=1))
    with kafka_log(settings) as log:
        found = {
            (one.topic.removeprefix(settings.topic_prefix), one.setting, one.fatal)
            for one in check_topics(log, settings)
        }
        assert found == {("signals", "min.insync.replicas", False), ("alerts", "min.insync.replicas", False)}
        asked_more = check_topics(log, single.model_copy(update={"kafka_replication": None}))
        assert {(one.setting, one.found, one.fatal) for one in asked_more} >= {("replication", "1", False)}
