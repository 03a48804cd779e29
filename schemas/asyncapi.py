"""The topics and what is on them as one AsyncAPI 3.0 document, made from schemas.topics and the models."""

from __future__ import annotations

import copy
from typing import Any

from schemas.topics import TOPICS, Topic

MESSAGES: dict[str, str] = {
    "signals": "signal",
    "signals.funding": "signal",
    "signals.people": "signal",
    "signals.jobs": "signal",
    "signals.content": "signal",
    "signals.company": "signal",
    "accounts": "signal",
    "tier-changes": "tier-change",
    "account-scores": "account-score",
    "rejected": "rejected",
}
"""Public topic → the contract of its records. `profiles` and `alerts` are shown without one."""
_RECEIVED = frozenset(name for name, contract in MESSAGES.items() if contract == "signal")


def document(contracts: dict[str, dict[str, Any]], version: str = "1") -> dict[str, Any]:
    """The AsyncAPI document; `contracts` are the published JSON Schemas by name."""
    public = [topic for topic in TOPICS.values() if not topic.internal]
    used = sorted({MESSAGES[topic.name] for topic in public if topic.name in MESSAGES})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tierline",
            "version": version,
            "description": "Signals in, tier changes out. Topic names take the installation's prefix.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in public},
        "operations": {
            ("send to " if topic.name in _RECEIVED else "read ") + topic.name: {
                # as AsyncAPI has it, from Tierline's side: it receives what others send
                "action": "receive" if topic.name in _RECEIVED else "send",
                "channel": {"$ref": f"#/channels/{topic.name}"},
            }
            for topic in public
            if topic.name in MESSAGES
        },
        "components": {
            "messages": {name: {"name": name, "payload": {"$ref": f"#/components/schemas/{name}"}} for name in used},
            "schemas": {name: _embedded(contracts[name], f"#/components/schemas/{name}/$defs/") for name in used},
        },
    }


def _channel(topic: Topic) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": topic.name,
        "description": f"{topic.purpose[0].upper()}{topic.purpose[1:]}. Key: {topic.key}.",
        "bindings": {
            "kafka": {
                "topicConfiguration": {
                    "cleanup.policy": ["compact" if topic.compacted else "delete"],
                    "retention.ms": -1 if topic.retention is None else topic.retention,
                }
            }
        },
    }
    if topic.name in MESSAGES:
        contract = MESSAGES[topic.name]
        channel["messages"] = {contract: {"$ref": f"#/components/messages/{contract}"}}
    return channel


def _embedded(schema: dict[str, Any], home: str) -> dict[str, Any]:
    """The schema as a part of a larger document: its references are from the document's root."""

    def moved(node: Any) -> Any:
        if isinstance(node, dict):
            return {
                key: home + value.removeprefix("#/$defs/") if key == "$ref" else moved(value)
                for key, value in node.items()
            }
        return [moved(value) for value in node] if isinstance(node, list) else node

    part: dict[str, Any] = moved(copy.deepcopy(schema))
    return {key: value for key, value in part.items() if key not in {"$schema", "$id"}}
