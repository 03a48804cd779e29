"""The channels of alerts as a contract: `validate_channels(document)` of the `channels` in a routes file.

No secret ever stands in the file: where one is needed, the file names an environment variable or another file.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationError, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from schemas.criteria import Description, Duration, Strict, members_meant
from schemas.faults import describe
from schemas.profiles import Fault, ProfileInvalid
from schemas.trouble import Troubles, only_one

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_WHERE = "name where it is: {env: VARIABLE} or {file: path}"


def _address(text: str) -> str:
    if _ADDRESS.fullmatch(text) is None:
        context = {"says": "is not an e-mail address", "mend": "write it without a name, as alerts@example.com"}
        raise PydanticCustomError("form", "form", context)
    return text


def _line(text: str) -> str:
    if any(not letter.isprintable() for letter in text):
        context = {"says": "has control characters in it", "mend": "write one line"}
        raise PydanticCustomError("form", "form", context)
    return text


def is_address(text: str) -> bool:
    """Whether the text is one e-mail address, and nothing besides."""
    return _ADDRESS.fullmatch(text) is not None


Address = Annotated[str, AfterValidator(_address), WithJsonSchema({"type": "string", "format": "email"})]
Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_line)]
Host = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.:_-]+$")]
Path = Annotated[str, Field(min_length=1, max_length=4_096)]


class Secret(Strict):
    """Where a secret is: exactly one of an environment variable and a file (read whole, line ends trimmed)."""

    env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        troubles = Troubles()
        if not isinstance(value, dict | Secret):
            troubles.add((), "must not stand in the file itself", _WHERE)  # and is not quoted
        elif isinstance(value, dict) and only_one(value, ("env", "file")) is None:
            troubles.add((), "is not exactly one of env and file", _WHERE)
        troubles.settle()
        return value


class Template(Strict):
    """A template in a file of its own, beside the routes file unless its path is absolute."""

    file: Path


_TEXT, _MEMBERS = "as text", "as members"


def _form(value: Any) -> str:
    return _TEXT if isinstance(value, str) else _MEMBERS


TemplateText = Annotated[
    Annotated[str, Field(max_length=16_384), Tag(_TEXT)] | Annotated[Template, Tag(_MEMBERS)], Discriminator(_form)
]
PlainUrl = Annotated[str, Field(max_length=2_000, pattern=r"^https?://\S+$"), Tag(_TEXT)]
Url = Annotated[PlainUrl | Annotated[Secret, Tag(_MEMBERS)], Discriminator(_form)]
Links = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=512)], Annotated[str, Field(pattern=r"^https?://\S+$")]],
    Field(max_length=100, description="evidence of a source → where a person sees it; {id} stands for the signal's id"),
]


class _Channel(Strict):
    """What every channel has."""

    description: Description | None = None
    timeout: Annotated[Duration, Field(description="a whole attempt takes no longer")] = "15s"
    links: Links | None = None


class _Post(Strict):
    """Title, body and footer can be a team's own."""

    title: TemplateText | None = None
    body: TemplateText | None = None
    footer: TemplateText | None = None


class _Mail(Strict):
    title: TemplateText | None = None
    text: TemplateText | None = None
    html: TemplateText | None = None


class _Note(Strict):
    title: TemplateText | None = None
    text: TemplateText | None = None


class Slack(_Channel):
    """An incoming webhook; or a bot's token, and the channel or user it posts to."""

    kind: Literal["slack"]
    webhook: Secret | None = None
    token: Secret | None = None
    to: Annotated[Line, Field(description="a channel's id, its name with #, or a user's id")] | None = None
    api: Annotated[str, Field(pattern=r"^https?://\S+/$", description="of a proxy of your own")] = (
        "https://slack.com/api/"
    )
    templates: _Post | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Slack:
        troubles = Troubles()
        if (self.webhook is None) == (self.token is None):
            troubles.add((), "has not exactly one of webhook and token", "write one of them")
        if self.webhook is not None and self.to is not None:
            troubles.add(("to",), "an incoming webhook has its channel already", "leave it out, or use a token")
        troubles.settle()
        return self


class Teams(_Channel):
    """A workflow's webhook ("When a Teams webhook request is received")."""

    kind: Literal["teams"]
    webhook: Secret
    templates: _Post | None = None


class Email(_Channel):
    """A mail server that takes messages."""

    kind: Literal["email"]
    host: Host
    port: Annotated[int, Field(ge=1, le=65_535, description="587 with starttls, 465 with tls, 25 in plain")] | None = (
        None
    )
    security: Literal["starttls", "tls", "plain"] = "starttls"
    user: Line | None = None
    password: Secret | None = None
    from_: Annotated[Address, Field(alias="from")]
    from_name: Line = "Tierline"
    to: Annotated[list[Address], Field(min_length=1, max_length=50)] | None = None
    templates: _Mail | None = None

    @model_validator(mode="after")
    def _login(self) -> Email:
        troubles = Troubles()
        if (self.user is None) != (self.password is None):
            troubles.add((), "has only one of user and password", "write both, or neither")
        if self.password is not None and self.security == "plain":
            troubles.add(("security",), "would send the password in the clear", "write starttls or tls")
        troubles.settle()
        return self


class Webhook(_Channel):
    """A program of yours, told as Standard Webhooks says."""

    kind: Literal["webhook"]
    url: Url
    keys: Annotated[
        list[Secret], Field(min_length=1, max_length=5, description="whsec_…; several while one replaces another")
    ]


class Inbox(_Channel):
    """A folder of this machine: what would have been sent, to look at."""

    kind: Literal["inbox"]
    folder: Path
    templates: _Note | None = None


ChannelConfig = Slack | Teams | Email | Webhook | Inbox
KINDS: dict[str, type[Slack | Teams | Email | Webhook | Inbox]] = {
    "slack": Slack, "teams": Teams, "email": Email, "webhook": Webhook, "inbox": Inbox,
}  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class ChannelsInvalid(ProfileInvalid):
    """Channels that cannot be used, with every fault found; paths begin below `channels`."""


def validate_channels(document: object) -> dict[str, ChannelConfig]:
    """Channel by name. Raises ChannelsInvalid. No message quotes what could be a secret."""
    if not isinstance(document, dict):
        raise ChannelsInvalid([Fault((), "is not an object", "write {<name>: {kind: …}}")])
    found: dict[str, ChannelConfig] = {}
    faults: list[Fault] = []
    for name, config in document.items():
        kind = config.get("kind") if isinstance(config, dict) else None
        model = KINDS.get(kind) if isinstance(kind, str) else None
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            faults.append(Fault((str(name),), "is not a name", "begin with a letter or digit; then also . _ -"))
        elif model is None:
            faults.append(Fault((name, "kind"), "is not a kind of channel", f"write one of {', '.join(KINDS)}"))
        else:
            try:
                found[name] = model.model_validate(config)
            except ValidationError as error:
                faults += [_fault(name, model, detail) for detail in error.errors(include_url=False)]
    if faults:
        raise ChannelsInvalid(list(dict.fromkeys(faults)))
    return found


def recipient_fault(config: ChannelConfig, recipient: str | None) -> tuple[str, str] | None:
    """What is wrong with sending to this recipient of the channel (None: its own), and the mend; None where nothing is.

    E-mail takes an address, a Slack bot the id or name of a channel or user; other channels lead to one place only.
    """
    if isinstance(config, Email):
        if recipient is None:
            return None if config.to else ("has nobody to send to", "write `to` in the channel, or a recipient here")
        return None if is_address(recipient) else ("is not an e-mail address", "write it without a name")
    if isinstance(config, Slack) and config.token is not None:
        missing = recipient is None and config.to is None
        return ("has nobody to post to", "write `to` in the channel, or a recipient here") if missing else None
    if recipient is not None:
        return "the channel leads to one place only", "leave the recipient out, or use email or a Slack bot"
    return None


def _fault(name: str, model: Any, detail: Any) -> Fault:
    path = tuple(part for part in detail["loc"] if part not in _FORMS)
    if detail["type"] == "extra_forbidden":
        parts = {"": (model,), "templates": (_Post, _Mail, _Note)}
        return Fault((name, *path), "is not known here", members_meant(parts, path))
    if detail["type"] != "literal_error":
        detail = {**detail, "input": _Hidden()}
    says, mend = describe(detail)
    return Fault((name, *path), says.replace(f"{_Hidden()!r} ", ""), mend)


_FORMS = frozenset({_TEXT, _MEMBERS})


class _Hidden:
    """What was written, not quoted: it may be a secret in the wrong place."""

    def __repr__(self) -> str:
        return "what is written"
