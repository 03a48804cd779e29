"""What a change of a published contract breaks: pure, two JSON Schemas in, sentences out.

For an *input* (others write it, we read it) a change breaks where something that was accepted no longer is: less is
allowed, or more is asked for. For an *output* (we write it, others read it) it breaks where something may now come
that never came: a member gone or no longer certain, a type or a list of words made wider. Adding a member breaks
neither. A change that breaks needs a new type version (SPEC 7).
"""

from __future__ import annotations

from typing import Any, Literal

Side = Literal["input", "output"]
Schema = dict[str, Any]

_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_EXACT = ("pattern", "format", "const", "contentEncoding")
_BRANCHES = ("anyOf", "oneOf")


def breaking_changes(old: Schema, new: Schema, side: Side) -> list[str]:
    """Every breaking change from `old` to `new`, each beginning with the place; empty when there is none."""
    return sorted(set(_Comparison(old, new, side).run()))


class _Comparison:
    def __init__(self, old: Schema, new: Schema, side: Side) -> None:
        self._roots = (old, new)
        self._side = side
        self._found: list[str] = []
        self._seen: set[tuple[str, str]] = set()  # pairs of definitions, for those that refer to themselves

    def run(self) -> list[str]:
        self._compare(*self._roots, "")
        return self._found

    def _say(self, path: str, what: str) -> None:
        self._found.append(f"{path or '(root)'}: {what}")

    def _compare(self, old: Schema, new: Schema, path: str) -> None:
        pair = (str(old.get("$ref", "")), str(new.get("$ref", "")))
        if all(pair):
            if pair in self._seen:
                return
            self._seen.add(pair)
        old, new = self._resolve(old, 0), self._resolve(new, 1)
        self._types(old, new, path)
        self._words(old, new, path)
        self._bounds(old, new, path)
        self._members(old, new, path)
        self._parts(old, new, path)

    def _resolve(self, schema: Schema, which: int) -> Schema:
        while "$ref" in schema:
            name = str(schema["$ref"]).removeprefix("#/$defs/")
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**self._roots[which]["$defs"][name], **rest}
        return schema

    def _types(self, old: Schema, new: Schema, path: str) -> None:
        before, after = self._type_set(old, 0), self._type_set(new, 1)
        # an empty set is "anything": narrower than nothing said, wider than anything said
        lost = (before - after) if before and after else (after if not before else set())
        gained = (after - before) if before and after else (before if not after else set())
        if before == after:
            return
        if self._side == "input" and (lost if before else after):
            self._say(path, f"no longer takes {_list(lost)}" if before else f"takes {_list(after)} alone")
        if self._side == "output" and (gained if after else before):
            self._say(path, f"may now be {_list(gained)}" if after else "may now be anything")

    def _type_set(self, schema: Schema, which: int) -> set[str]:
        told = schema.get("type")
        types = {told} if isinstance(told, str) else set(told or ())
        if not types:
            for branches in (schema.get(key, []) for key in _BRANCHES):
                for branch in branches:
                    types |= self._type_set(self._resolve(branch, which), which)
            if not types and "const" in schema:
                types = {_type_of(schema["const"])}
            elif not types and "enum" in schema:
                types = {_type_of(value) for value in schema["enum"]}
        return types | {"integer"} if "number" in types else types

    def _words(self, old: Schema, new: Schema, path: str) -> None:
        before, after = _enum(old), _enum(new)
        if self._side == "input" and after is not None:
            if before is None:
                self._say(path, f"takes {_list(after)} alone")
            elif before - after:
                self._say(path, f"no longer takes {_list(before - after)}")
        if self._side == "output" and before is not None:
            if after is None:
                self._say(path, f"may now be other than {_list(before)}")
            elif after - before:
                self._say(path, f"may now be {_list(after - before)}")

    def _bounds(self, old: Schema, new: Schema, path: str) -> None:
        for keys, sign in ((_LOWER, 1), (_UPPER, -1)):
            for key in keys:
                before, after = old.get(key), new.get(key)
                if before == after:
                    continue
                tighter = before is None or (after is not None and sign * (after - before) > 0)
                if self._side == "input" and tighter:
                    self._say(path, f"{key} is now {after}, was {before}")
                if self._side == "output" and not tighter:
                    self._say(path, f"{key} is now {after}, was {before}")
        for key in _EXACT:
            gone = key not in new
            if old.get(key) == new.get(key) or (gone if self._side == "input" else key not in old):
                continue
            self._say(path, f"{key} is now {new.get(key)!r}, was {old.get(key)!r}")

    def _members(self, old: Schema, new: Schema, path: str) -> None:
        before, after = old.get("properties", {}), new.get("properties", {})
        asked_before, asked_after = set(old.get("required", [])), set(new.get("required", []))
        for name in sorted(before.keys() | after.keys()):
            place = f"{path}.{name}" if path else name
            if name not in after:
                self._say(place, "is gone")
            elif name in before:
                self._compare(before[name], after[name], place)
            if self._side == "input" and name in asked_after - asked_before:
                self._say(place, "is now required")
            if self._side == "output" and name in (asked_before - asked_after) & after.keys():
                self._say(place, "is no longer always there")
        open_before, open_after = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if self._side == "input" and open_before is not False and open_after is False:
            self._say(path, "no longer takes members it does not know")
        if isinstance(open_before, dict) and isinstance(open_after, dict):
            self._compare(open_before, open_after, f"{path}.*")
        elif self._side == "input" and open_before is True and isinstance(open_after, dict):
            self._say(path, "asks something of members it does not know")

    def _parts(self, old: Schema, new: Schema, path: str) -> None:
        if isinstance(old.get("items"), dict) and isinstance(new.get("items"), dict):
            self._compare(old["items"], new["items"], f"{path}[]")
        elif isinstance(new.get("items"), dict) and "items" not in old and self._side == "input":
            self._say(path, "asks something of its entries")
        for key in _BRANCHES:
            self._branches(old.get(key, []), new.get(key, []), path, key)
        self._all_of(old.get("allOf", []), new.get("allOf", []), path)

    def _branches(self, before: list[Schema], after: list[Schema], path: str, key: str) -> None:
        """Branches are paired by kind, so that reordering or adding one is not taken for a change of the others."""
        pairs = {self._kind(branch, 1): branch for branch in after}
        for branch in before:
            kind = self._kind(branch, 0)
            if kind in pairs:
                self._compare(branch, pairs[kind], path)
            elif self._side == "input" and kind:
                self._say(path, f"{key} no longer has the branch {kind}")
        known = {self._kind(branch, 0) for branch in before}
        if self._side == "output" and before:
            for kind in sorted(pairs.keys() - known):
                self._say(path, f"{key} has a new branch {kind}")

    def _kind(self, branch: Schema, which: int) -> str:
        if "$ref" in branch:
            return str(branch["$ref"])
        if "enum" in branch or "pattern" in branch:
            return "enum" if "enum" in branch else "pattern"
        if "required" in branch:
            return "required " + ",".join(branch["required"])
        return ",".join(sorted(self._type_set(branch, which)))

    def _all_of(self, before: list[Schema], after: list[Schema], path: str) -> None:
        """Rules of the form if/then, paired by their condition."""
        olds = {str(rule.get("if", rule)): rule for rule in before}
        for rule in after:
            old = olds.pop(str(rule.get("if", rule)), None)
            if old is None:
                if self._side == "input" and "if" not in rule:
                    self._say(path, "has a new rule that must hold")
            elif "then" in rule and "then" in old:
                self._compare(old["then"], rule["then"], path)
        if olds and self._side == "output":
            self._say(path, "has lost a rule that used to hold")


def _enum(schema: Schema) -> set[str] | None:
    if "enum" not in schema:
        return None
    return {repr(value) for value in schema["enum"]}


def _type_of(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null", list: "array"}
    return names.get(type(value), "object")


def _list(values: set[str]) -> str:
    return ", ".join(sorted(values)) or "nothing"
