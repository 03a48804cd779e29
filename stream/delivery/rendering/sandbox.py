"""Jinja2 with nothing in it that could run away, reach out, or leave a value unescaped.

A template is a team's, so it is trusted to be tedious and not to be hostile; still it runs where alerts are sent.
Beyond Jinja's immutable sandbox only a few kinds of node are let in: no macros, no includes, no calls but our own,
no loops more than two deep, no way to build a value larger than what came in. That bounds time and size by the
template's own length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

MOST_SOURCE = 16_384
MOST_OUTPUT = 65_536
DEEPEST_LOOP = 2

_ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Const,
    nodes.Name,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Filter,
    nodes.Test,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.CondExpr,
    nodes.If,
    nodes.For,
    nodes.Assign,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.Mod,
    nodes.Neg,
    nodes.Pos,
    nodes.Slice,
    nodes.Call,
    nodes.Tuple,
    nodes.List,
)
_FILTERS = (
    "abs", "capitalize", "default", "first", "float", "int", "last", "length", "lower", "round", "title", "trim",
    "truncate", "upper",
)  # fmt: skip
_TESTS = (
    "defined", "undefined", "none", "number", "string", "true", "false", "odd", "even", "in", "eq", "ne", "lt", "le",
    "gt", "ge",
)  # fmt: skip

Escape = Callable[[str], str]
Link = Callable[[object, object], str]


class TemplateFault(ValueError):
    """A template that cannot be used, or not for this alert; the message says where and what to mend."""


class Ready(str):
    """Text in the channel's own format already, made by us; not escaped again."""

    __slots__ = ()


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "-", "*", "/", "%"})

    def call_binop(self, context: jinja2.runtime.Context, operator: str, left: Any, right: Any) -> Any:
        """Numbers only, as floats: neither text nor integers grow without end."""
        if not isinstance(left, int | float) or not isinstance(right, int | float):
            raise SecurityError(f"{operator} is for numbers (put texts side by side: {{{{ a }}}}{{{{ b }}}})")
        return super().call_binop(context, operator, float(left), float(right))


class Sandbox:
    """Templates whose every value passes ``escape``; ``link`` is what they write links with."""

    def __init__(self, escape: Escape, link: Link) -> None:
        def finalize(value: object) -> str:
            if isinstance(value, Ready):
                return str(value)
            if value is None or isinstance(value, jinja2.Undefined):
                return str(value or "")  # an undefined one raises here
            if isinstance(value, float) and value == int(value):
                value = int(value)
            if not isinstance(value, str | int | float):
                raise SecurityError("lists and objects are gone through with {% for %}, or one of their members named")
            return escape(str(value))

        self._environment = _Environment(
            undefined=jinja2.StrictUndefined, finalize=finalize, autoescape=False, trim_blocks=True, lstrip_blocks=True
        )  # fmt: skip
        self._environment.filters = {name: self._environment.filters[name] for name in _FILTERS}
        self._environment.tests = {name: self._environment.tests[name] for name in _TESTS}
        self._environment.globals = {"link_to": lambda url, words: Ready(link(url, words))}

    def compile(self, source: str, name: str) -> Callable[[Mapping[str, Any]], str]:
        """A template as a function of its names. Raises TemplateFault, which says line and mend.

        The function raises TemplateFault for what cannot be rendered.
        """
        if len(source) > MOST_SOURCE:
            raise TemplateFault(f"{name}: is longer than {MOST_SOURCE} characters; shorten it")
        try:
            tree = self._environment.parse(source)
            _check(tree, name)
            template = self._environment.from_string(tree)
        except jinja2.TemplateSyntaxError as error:
            raise TemplateFault(f"{name}:{error.lineno}: {error.message}") from None
        except RecursionError:
            raise TemplateFault(f"{name}: is nested too deeply; make it simpler") from None

        def render(names: Mapping[str, Any]) -> str:
            parts: list[str] = []
            size = 0
            try:
                for part in template.generate(**names):
                    size += len(part)
                    parts.append(part)
                    if size > MOST_OUTPUT:
                        break
            except Exception as error:  # whatever a team's template does is its fault, not ours  # noqa: BLE001
                text = " ".join(str(error).split())[:200]
                raise TemplateFault(f"{name}: {text or type(error).__name__}") from None
            if size > MOST_OUTPUT:
                raise TemplateFault(f"{name}: writes more than {MOST_OUTPUT} characters; list less")
            return "".join(parts).strip()

        return render


def _check(tree: nodes.Template, name: str) -> None:
    """Refuse what is not on the list."""
    waiting: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while waiting:
        node, loops = waiting.pop()
        line = getattr(node, "lineno", 0)
        if isinstance(node, nodes.For):
            loops += 1
            if node.recursive or loops > DEEPEST_LOOP:
                raise TemplateFault(f"{name}:{line}: loops are at most {DEEPEST_LOOP} deep; take one out")
        called = isinstance(node, nodes.Call) and getattr(node.node, "name", "") != "link_to"
        built = isinstance(node, nodes.List | nodes.Tuple) and not (
            all(isinstance(item, nodes.Const) for item in node.items) or getattr(node, "ctx", "") == "store"
        )
        if called or built or not isinstance(node, (*_ALLOWED, nodes.Keyword, nodes.EvalContextModifier)):
            word = "calls other than link_to" if called else f"{type(node).__name__.lower()}"
            raise TemplateFault(f"{name}:{line}: {word} cannot be used here; see the list in docs/alert-channels.md")
        waiting += [(child, loops) for child in node.iter_child_nodes()]
