"""One channel's messages: the team's templates, else the plain form. Never raises for what an alert holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

from stream.delivery.message import Alert, ChannelKind, Rendered
from stream.delivery.rendering import text
from stream.delivery.rendering.plain import plain_parts
from stream.delivery.rendering.sandbox import Sandbox, TemplateFault
from stream.delivery.rendering.view import View, view_of

SENT_PLAIN = ": sent in the plain form"
_HOME = {"inbox": "email"}
"""Kinds whose templates are another's."""

Part = Callable[[Mapping[str, Any]], str]
Parts = dict[str, str]


class Layout(Protocol):
    """How a format is put together from its parts."""

    kind: ChannelKind
    parts: tuple[str, ...]
    """The names of its templates; the first is the title, a line without markup."""

    def escape(self, part: str, value: str) -> str:
        """A value as it may stand in a part."""

    def link(self, part: str, url: str, words: str) -> str:
        """A link in a part; url and words are checked and cleaned already."""

    def assemble(self, parts: Parts, view: View, alert: Alert) -> Mapping[str, Any]:
        """The message, within the limits of the format. Raises TemplateFault where parts do not make one."""


class Renderer:
    """Renders alerts for one channel."""

    def __init__(
        self, layout: Layout, templates: Mapping[str, str] | None = None, links: Mapping[str, str] | None = None
    ) -> None:
        """``templates``: the team's own, by part, for messages of one change; digests keep the built-in form.

        Raises TemplateFault where one does not compile.
        """
        self._layout, self._links = layout, dict(links or {})
        templates = templates or {}
        unknown = sorted(set(templates) - set(layout.parts))
        if unknown:
            raise TemplateFault(f"{unknown[0]}: {layout.kind} has no such template; it has {', '.join(layout.parts)}")
        own = {part: self._compile(part, source) for part, source in templates.items()}
        self._several = {part: self._compile(part, built_in(layout.kind, part)) for part in layout.parts}
        self._single = self._several | own

    def render(self, alert: Alert) -> Rendered:
        """The message; in the plain form, with a note, where the templates cannot say it."""
        notes: list[str] = []
        try:
            view = view_of(alert, self._links)
        except Exception as error:  # a document of a shape nobody thought of is told all the same  # noqa: BLE001
            notes.append(f"the tier change could not be read ({type(error).__name__})")
            view = {"kind": alert.kind, "headline": "A tier change", "link": text.safe_url(alert.link), "changes": []}
        if not notes:
            templates = self._single if alert.kind == "single" else self._several
            try:
                return self._assembled({part: say(view) for part, say in templates.items()}, view, alert, notes)
            except TemplateFault as error:
                notes.append(f"template {error}")
        lines = plain_parts(view)
        return self._assembled({part: self._plain(part, lines) for part in self._layout.parts}, view, alert, notes)

    def check(self, samples: Mapping[str, Alert]) -> None:
        """Raise TemplateFault where the team's templates cannot say one of the samples."""
        for name, alert in samples.items():
            note = self.render(alert).note
            if note:
                told = note.removeprefix("template ").removesuffix(SENT_PLAIN)
                raise TemplateFault(f"{told} (with the sample of a {name})")

    def _assembled(self, parts: Parts, view: View, alert: Alert, notes: list[str]) -> Rendered:
        body = self._layout.assemble(parts, view, alert)
        note = f"{'; '.join(notes)}{SENT_PLAIN}" if notes else None
        lines = plain_parts(view)
        told = "\n".join(line for part in ("title", "body", "footer") for line in lines.get(part, ()))
        return Rendered(self._layout.kind, body, told, note)

    def _plain(self, part: str, lines: Mapping[str, list[str]]) -> str:
        """The plain form in the format of a part: cleaned and escaped as every value is."""
        said = lines.get("body" if part == "html" else part, ())
        return "\n".join(self._layout.escape(part, text.one_line(line, 1_000)) for line in said)

    def _compile(self, part: str, source: str) -> Part:
        layout = self._layout

        def link(url: object, words: object) -> str:
            line = layout.escape(part, text.one_line(words, 120))
            checked = text.safe_url(url)
            return layout.link(part, checked, line) if checked else line

        # what a template is handed is clean already; what it computes of it is cleaned again
        sandbox = Sandbox(lambda value: layout.escape(part, text.one_line(value)), link)
        return sandbox.compile(source, part)


@cache
def built_in(kind: ChannelKind, part: str) -> str:
    """The template that Tierline comes with."""
    return (files(__package__) / "templates" / _HOME.get(kind, kind) / f"{part}.j2").read_text("utf-8")
