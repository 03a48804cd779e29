"""Bytes of a YAML 1.2 or JSON file → plain values, and the line of each: pure.

Values are built here from ruamel's nodes rather than by a constructor, so that a repeated key, an alias bomb and a
tag of somebody's own are refused, a date stays text, and every value keeps the place it came from.
"""

from __future__ import annotations

import json
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from stream.profiles.errors import ProfileError, ProfileErrors

MOST_BYTES = 1_048_576
MOST_VALUES = 100_000  # after aliases are written out: a bomb is small as a file and huge as a document
DEEPEST = 100

Path = tuple[int | str, ...]
Place = tuple[int, int]

_TAG = "tag:yaml.org,2002:"
_TEXT = frozenset({"str", "timestamp"})  # JSON has no dates, and the document is carried as JSON
_KINDS: dict[type[Node], frozenset[str]] = {
    MappingNode: frozenset({"map"}),
    SequenceNode: frozenset({"seq"}),
    ScalarNode: _TEXT | {"int", "float", "bool", "null"},
}


class Document:
    """A mapping read from a file, with the place of everything in it."""

    __slots__ = ("_places", "value")

    def __init__(self, value: dict[str, Any], places: dict[Path, Place]) -> None:
        self.value, self._places = value, places

    def place(self, path: Path) -> Place:
        """(line, column), from 1, of what is at `path`, or of the nearest thing around it that is written."""
        while path and path not in self._places:
            path = path[:-1]
        return self._places.get(path, (0, 0))


def read_document(file: str, content: bytes) -> Document:
    """The document in `content`; raises ProfileErrors that name `file` and the line."""
    if len(content) > MOST_BYTES:
        raise _error(file, (0, 0), f"has {len(content)} bytes", f"a profile has at most {MOST_BYTES}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _error(file, (line, 1), "is not UTF-8", "save it as UTF-8") from None
    if file.endswith(".json"):
        return _read_json(file, text)
    value, places = _Builder(file).build(_compose(file, text))
    return _whole(file, value, places)


def _whole(file: str, value: Any, places: dict[Path, Place]) -> Document:
    if not isinstance(value, dict):
        raise _error(file, places.get((), (1, 1)), "is not a profile", "begin with profile: <name>")
    return Document(value, places)


def _compose(file: str, text: str) -> Node | None:
    try:
        node: Node | None = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        problem = " ".join(str(error.problem or error.context or "cannot be read").split())
        raise _error(file, place, f"is not YAML: {problem}", "check indentation, colons and quotes there") from None
    except (YAMLError, ValueError, OverflowError) as error:
        raise _error(file, (0, 0), f"is not YAML: {' '.join(str(error).split())}", "check it with an editor") from None
    except RecursionError:
        raise _error(file, (0, 0), f"is nested more than {DEEPEST} deep", "say it more flatly") from None
    return node


def _read_json(file: str, text: str) -> Document:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in items:
            if key in result:
                raise _error(file, (0, 0), f"{key}: is written twice in one object", "leave one out")
            result[key] = value
        return result

    try:
        value = json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        raise _error(
            file, (error.lineno, error.colno), f"is not JSON: {error.msg}", "check commas and quotes there"
        ) from None
    except (RecursionError, ValueError) as error:
        if isinstance(error, ProfileErrors):
            raise
        raise _error(file, (0, 0), "is nested too deep, or has a number too large", "say it more flatly") from None
    try:  # JSON is YAML but for corners (tabs): the lines are worth the second reading, where there is one
        _, places = _Builder(file).build(_compose(file, text))
    except ProfileErrors:
        places = {}
    return _whole(file, value, places)


def _error(file: str, place: Place, message: str, mend: str) -> ProfileErrors:
    return ProfileErrors([ProfileError(file, *place, message, mend)])


class _Builder:
    """Plain values from nodes, counting as it goes."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._left = MOST_VALUES
        self._places: dict[Path, Place] = {}
        self._scalars = YAML(typ="safe", pure=True).constructor

    def build(self, node: Node | None) -> tuple[Any, dict[Path, Place]]:
        if node is None:
            raise _error(self._file, (0, 0), "is empty", "begin with profile: <name>")
        return self._value(node, ()), self._places

    def _value(self, node: Node, path: Path) -> Any:
        place = _place(node)
        self._places.setdefault(path, place)
        self._left -= 1
        if self._left < 0:
            raise _error(
                self._file, place, f"has over {MOST_VALUES} values when aliases are written out", "use fewer *aliases"
            )
        if len(path) > DEEPEST:  # an alias to what it stands in ends here too
            raise _error(self._file, place, f"is nested more than {DEEPEST} deep", "say it more flatly")
        kind = str(node.tag).removeprefix(_TAG)
        if kind not in _KINDS[type(node)]:
            raise _error(self._file, place, f"has a tag, {str(node.tag)[:60]}", "leave it out, and write plain values")
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, kind, place)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = _place(key_node)
            if not isinstance(key_node, ScalarNode):
                raise _error(self._file, place, "has a key that is not text", "write one word before the colon")
            key = str(key_node.value)  # 5: and true: are the texts they are written as, as they would be in JSON
            if str(key_node.tag) == f"{_TAG}merge":
                raise _error(self._file, place, "<< (merge) is not read", "write the members out")
            self._sound(key, place)
            if key in result:
                first = self._places[(*path, key)][0]
                raise _error(self._file, place, f"{key}: is written twice (first on line {first})", "leave one out")
            self._places[(*path, key)] = place
            result[key] = self._value(value_node, (*path, key))
        return result

    def _scalar(self, node: Node, kind: str, place: Place) -> Any:
        if kind in _TEXT:
            self._sound(node.value, place)
            return node.value
        try:
            return self._scalars.construct_object(node)
        except (YAMLError, ValueError, OverflowError, KeyError, IndexError):
            raise _error(self._file, place, f"{node.value[:40]!r} is no {kind}", "put it in quotes") from None

    def _sound(self, text: str, place: Place) -> None:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _error(
                self._file, place, "has half a character (a lone surrogate)", "write the character itself"
            ) from None


def _place(node: Node) -> Place:
    mark = node.start_mark
    return (mark.line + 1, mark.column + 1)
