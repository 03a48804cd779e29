"""The topics and what is on them as one AsyncAPI 3.0 document, made from schemas.topics and the models."""

from __future__ import annotations

import copy
from typing import Any

from schemas.topics import TOPICS, Topic

_SIGNAL = ("signal",)
MESSAGES: dict[str, tuple[str, ...]] = {
    "signals": _SIGNAL,
    "signals.funding": _SIGNAL,
    "signals.people": _SIGNAL,
    "signals.jobs": _SIGNAL,
    "signals.content": _SIGNAL,
    "signals.company": _SIGNAL,
    "accounts": _SIGNAL,
    "tier-changes": ("tier-change",),
    "account-scores": ("account-score",),
    "alerts": ("alert-decided", "alert-delivery"),
    "rejected": ("rejected",),
}
"""Public topic → the contracts of its records. `profiles` is shown without one."""
_RECEIVED = frozenset(name for name, contracts in MESSAGES.items() if contracts == _SIGNAL)


def document(contracts: dict[str, dict[str, Any]], version: str = "1") -> dict[str, Any]:
    """The AsyncAPI document; `contracts` are the published JSON Schemas by name."""
    public = [topic for topic in TOPICS.values() if not topic.internal]
    used = sorted({name for topic in public for name in MESSAGES.get(topic.name, ())})
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
        channel["messages"] = {one: {"$ref": f"#/components/messages/{one}"} for one in MESSAGES[topic.name]}
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
