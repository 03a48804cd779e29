"""Templates a team writes: escaped for their format, unable to run away, checked at the start, never in the way."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from stream.delivery.message import Alert
from stream.delivery.rendering.email import EmailLayout
from stream.delivery.rendering.inbox import InboxLayout
from stream.delivery.rendering.render import Layout, Renderer
from stream.delivery.rendering.sample import samples
from stream.delivery.rendering.sandbox import MOST_SOURCE, Sandbox, TemplateFault
from stream.delivery.rendering.slack import SlackLayout
from stream.delivery.rendering.teams import TeamsLayout
from stream.delivery.rendering.webhook import WebhookLayout

LAYOUTS: list[Layout] = [SlackLayout(), TeamsLayout(), EmailLayout(), InboxLayout(), WebhookLayout()]


def up(**data: Any) -> Alert:
    """The sample of an account that became hot, with other members."""
    change = dict(samples()["up"].changes[0])
    change["data"] = {**change["data"], **data}
    return replace(samples()["up"], changes=[change])


def inbox(text: str, alert: Alert | None = None) -> str:
    """The text of the inbox under a team's template."""
    rendered = Renderer(InboxLayout(), {"text": text}).render(alert or up())
    assert rendered.note is None, rendered.note
    return str(rendered.body["text"]).strip()


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.kind)
@pytest.mark.parametrize("name", samples())
def test_built_in_templates_say_every_sample(name: str, layout: Layout) -> None:
    """Every direction, a digest and an overflow, in every format, without falling back."""
    rendered = Renderer(layout).render(samples()[name])
    assert rendered.note is None
    assert rendered.text


def test_what_a_template_can_say() -> None:
    """Names, conditions, loops, filters and links."""
    told = inbox(
        "{{ name }}|{{ score }}|{{ to_tier | upper }}|{% if direction == 'up' %}up{% endif %}|"
        "{% for line in strongest %}{{ loop.index }}{{ line.words }};{% endfor %}|{{ link_to(link, 'here') }}"
    )
    assert told.startswith("Acme Logistics|60.4|HOT|up|1data leader;2size;3data stack;|here: https://tierline.example")


def test_values_are_escaped_and_the_team_is_not() -> None:
    """What the team writes is the format's own; what strangers wrote is text in it."""
    template = {"body": "*{{ why }}* <!here> {{ link_to(link, why) }}"}
    trigger = {"summary": "hired *<!channel> & co* | more", "type": "executive_hire"}
    body = Renderer(SlackLayout(), template).render(up(trigger=trigger)).body["blocks"][1]["text"]["text"]
    assert body == (
        "*Hired ∗&lt;!channel› &amp; co∗ | more* <!here> "
        "<https://tierline.example.com/accounts/acme.com|Hired ∗&lt;!channel› &amp; co∗ ¦ more>"
    )
    renderer = Renderer(EmailLayout(), {"html": "<i>{{ why }}</i>"})
    html = renderer.render(up(trigger={"summary": "<b> '\" &"})).body["html"]
    assert "<i>&lt;b&gt; &#39;&#34; &amp;</i>" in html


def test_a_template_in_a_value_stays_text() -> None:
    """What looks like a template in a name is not one."""
    assert "{{ 7 * 7 }}" in inbox("{{ why }}", up(trigger={"summary": "{{ 7 * 7 }} {% raw %}"}))


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}", "{{ link_to.__globals__ }}", "{{ self }}", "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% extends 'x' %}", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "{{ range(9) }}", "{{ lipsum() }}",
        "{{ cycler('a') }}", "{{ dict(a=1) }}", "{% set ns = namespace(a=1) %}", "{{ 'x' ~ 'y' }}", "{{ 9 ** 9 }}",
        "{% set a %}{{ name }}{% endset %}{{ a }}", "{{ [name, name] }}", "{{ {'a': name} }}", "{{ name.upper() }}",
        "{{ 'a' | replace('a', 'b') }}", "{{ name | safe }}", "{{ name | center(100000) }}", "{{ name | tojson }}",
        "{% for a in changes %}{% for b in changes %}{% for c in changes %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in changes recursive %}{{ loop(a) }}{% endfor %}", "{% filter upper %}x{% endfilter %}",
        "{% call link_to(1, 2) %}{% endcall %}", "{{ caller() }}", "{% if %}", "{{", "x" * (MOST_SOURCE + 1),
        "{% set x = x.y %}" + "(" * 500, "{{ " + "-" * 5_000 + "1 }}",
    ],
)  # fmt: skip
def test_what_a_template_cannot_be(source: str) -> None:
    """Nothing that calls, builds, reaches out or runs on is let in; the fault has the line or the name of the part."""
    with pytest.raises(TemplateFault, match=r"^text"):
        Renderer(InboxLayout(), {"text": source}).check(samples())


@pytest.mark.parametrize(
    "source",
    [
        "{{ name * 10000000000 }}", "{{ '%999999999d' % 1 }}", "{{ name + name }}", "{{ 1 / 0 }}", "{{ strongest }}",
        "{{ nobody }}", "{{ name.first.last }}", "{% for a in 7 %}{% endfor %}", "{{ link_to() }}",
        "{% set a = 99999999 %}" + "{% set a = a * a %}" * 40 + "{{ a }}",
    ],
)  # fmt: skip
def test_what_fails_while_it_runs(source: str) -> None:
    """Such a template is a fault at the start; a message it meets later goes out in the plain form, and says so."""
    began = time.monotonic()
    renderer = Renderer(InboxLayout(), {"text": source})
    with pytest.raises(TemplateFault, match=r"^text: "):
        renderer.check(samples())
    rendered = renderer.render(up())
    assert str(rendered.note).startswith("template text: ")
    assert str(rendered.note).endswith(": sent in the plain form")
    assert "Hired Piotr Iyer as VP Data" in rendered.body["text"]
    assert time.monotonic() - began < 2


def test_a_change_that_a_template_did_not_expect() -> None:
    """A template that was good for the samples and fails on a change: the change is told all the same, escaped."""
    renderer = Renderer(SlackLayout(), {"body": "{% if name == 'Odd' %}{{ oops }}{% endif %}{{ why }}"})
    renderer.check(samples())
    odd = replace(up(), facts={"acme.com": {"name": "Odd"}})
    rendered = renderer.render(odd)
    assert "'oops' is undefined" in str(rendered.note)
    assert rendered.body["blocks"][0]["text"]["text"] == "▲ Odd is hot now"
    assert "Hired Piotr Iyer as VP Data" in rendered.body["blocks"][1]["text"]["text"]


@pytest.mark.parametrize("data", [{}, None, [], 7, {"account": None}, {"contributions": "x", "gaps": 3, "trigger": []}])
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.kind)
def test_a_document_of_another_shape(layout: Layout, data: Any) -> None:
    """Whatever is in the log under that name, there is a message and no exception."""
    rendered = Renderer(layout).render(replace(up(), changes=[{"data": data}]))
    assert rendered.body


def test_output_is_bounded() -> None:
    """A template cannot write more than fits."""
    source = "{% for a in strongest %}{% for b in strongest %}" + "x" * 15_000 + "{% endfor %}{% endfor %}"
    with pytest.raises(TemplateFault, match="writes more than"):
        Renderer(InboxLayout(), {"text": source}).check(samples())


def test_the_longest_template_is_quick() -> None:
    """As many nested loops as fit in a template, over the longest values: still well below a second."""
    source = "{% for a in why %}{% for b in why %}{% if a == b %}{% endif %}{% endfor %}{% endfor %}" * 180
    renderer = Renderer(InboxLayout(), {"text": source})
    began = time.thread_time()
    assert renderer.render(up(trigger={"summary": "x y" * 200})).note is None
    assert time.thread_time() - began < 2


def test_nothing_is_shared_between_renderings() -> None:
    """A template cannot change what the next message sees."""
    sandbox = Sandbox(str, lambda url, words: f"{url}{words}")
    with pytest.raises(TemplateFault):
        sandbox.compile("{{ changes.append(1) }}", "text")
    view: dict[str, Any] = {"changes": [1]}
    render = sandbox.compile("{% set changes = 2 %}{{ changes }}", "text")
    assert render(view) == "2"
    assert view == {"changes": [1]}


def test_digests_keep_the_built_in_form() -> None:
    """A team's template is for messages of one change: it need not think of others."""
    renderer = Renderer(InboxLayout(), {"title": "{{ name }}", "text": "{{ why }}"})
    renderer.check(samples())
    assert "31 tier changes: held overnight" in renderer.render(samples()["digest"]).body["title"]
