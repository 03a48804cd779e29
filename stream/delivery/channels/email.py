"""E-mail, by SMTP with STARTTLS or TLS and login, to a checked address."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import formatdate

import aiosmtplib
from aiosmtplib import errors

from schemas.channels import Email, is_address
from stream.delivery.channels.answers import Clock
from stream.delivery.channels.base import message_id
from stream.delivery.channels.network import connect
from stream.delivery.channels.secrets import Hidden, Redactor
from stream.delivery.message import Alert, ChannelKind, Delivered, Outcome, Refused, Rendered, TryAgain
from stream.delivery.rendering.render import Renderer
from stream.delivery.rendering.text import one_line
from stream.delivery.safety import Forbidden, Outbound

PORTS = {"starttls": 587, "tls": 465, "plain": 25}


class EmailChannel:
    """A mailbox, or several; one connection a message."""

    kind: ChannelKind = "email"

    def __init__(
        self,
        name: str,
        renderer: Renderer,
        config: Email,
        password: Hidden | None,
        outbound: Outbound,
        tls: ssl.SSLContext,
        clock: Clock,
    ) -> None:
        self.name, self._renderer, self._config, self._password = name, renderer, config, password
        self._outbound, self._tls, self._clock = outbound, tls, clock
        self._port = config.port or PORTS[config.security]
        self._redact = Redactor([password.reveal()] if password else [])

    def __repr__(self) -> str:
        return f"<email channel {self.name}>"

    def render(self, alert: Alert) -> Rendered:
        """As `Channel.render`."""
        return self._renderer.render(alert)

    async def close(self) -> None:
        """Nothing is kept open."""

    async def deliver(self, alert: Alert) -> Outcome:
        """As `Channel.deliver`."""
        recipients = [alert.recipient] if alert.recipient else list(self._config.to or ())
        if not recipients or not all(map(is_address, recipients)):
            return Refused("no e-mail address to send to (write `to` in the channel, or a recipient in the route)")
        rendered = self.render(alert)
        message = self._message(rendered, recipients, alert.key)
        where = f"{self._config.host}:{self._port}"
        try:
            async with asyncio.timeout(self._outbound.deadline_ms / 1000):
                return await self._send(message, recipients, rendered.note)
        except TimeoutError:
            return TryAgain(f"{where} did not answer in time")
        except Forbidden as error:
            return Refused(str(error))
        except errors.SMTPRecipientsRefused as error:
            told = "; ".join(f"{one.code} {self._say(one.message)}" for one in error.recipients[:3])
            permanent = all(one.code >= 500 for one in error.recipients)
            return Refused(f"no recipient was accepted: {told}") if permanent else TryAgain(f"{where}: {told}")
        except errors.SMTPAuthenticationError as error:
            return TryAgain(f"{where} refused the login: {error.code} (check user and password of the channel)")
        except errors.SMTPConnectResponseError as error:
            return TryAgain(f"{where} takes no mail now: {error.code} {self._say(error.message)}")
        except errors.SMTPResponseException as error:
            told = f"{where}: {error.code} {self._say(error.message)}"
            return Refused(told) if 500 <= error.code < 600 else TryAgain(told)
        except (errors.SMTPException, OSError, EOFError, ValueError) as error:
            return TryAgain(f"{where}: {_why(error)}")

    async def _send(self, message: EmailMessage, recipients: Sequence[str], note: str | None) -> Outcome:
        connected = await connect(self._config.host, self._port, self._outbound)
        client = aiosmtplib.SMTP(
            hostname=self._config.host,
            sock=connected,
            local_hostname=self._config.from_.rpartition("@")[2],
            timeout=self._outbound.deadline_ms / 1000,
            use_tls=self._config.security == "tls",
            start_tls=self._config.security == "starttls",  # demanded, not only taken where it is offered
            tls_context=self._tls if self._config.security != "plain" else None,
            username=self._config.user,
            password=self._password.reveal() if self._password else None,
        )
        try:
            await client.connect()
            refused, said = await client.send_message(message, sender=self._config.from_, recipients=list(recipients))
            with contextlib.suppress(errors.SMTPException, OSError, TimeoutError):
                await client.quit(timeout=1.0)  # good manners; it is delivered either way
        finally:
            client.close()
            connected.close()
        if refused:
            lost = ", ".join(f"{address} ({answer.code})" for address, answer in list(refused.items())[:3])
            note = "; ".join(filter(None, (note, f"not accepted for {lost}")))
        return Delivered(f"250 {self._say(said)}", note)

    def _message(self, rendered: Rendered, recipients: Sequence[str], key: str) -> EmailMessage:
        config = self._config
        domain = config.from_.rpartition("@")[2]
        message = EmailMessage(policy=WIRE)
        message["From"] = Address(config.from_name, addr_spec=config.from_)
        message["To"] = [Address(addr_spec=address) for address in recipients]
        message["Subject"] = one_line(rendered.body["subject"], 250)
        message["Date"] = formatdate(self._clock())
        # the same at every attempt: a mail server that has it already drops the repeat
        message["Message-ID"] = f"<{message_id(key)}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(rendered.body["text"], cte="base64")
        message.add_alternative(rendered.body["html"], subtype="html", cte="base64")
        return message

    def _say(self, text: str) -> str:
        return one_line(self._redact(text), 120)


def _why(error: BaseException) -> str:
    for cause in (error, error.__cause__, error.__context__):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not to be trusted ({cause.verify_message})"
    if type(error) is errors.SMTPException or isinstance(error, errors.SMTPNotSupported):
        # the library's own words: no STARTTLS, no login
        return f"{one_line(error, 120).rstrip('.')} (check security, port and user of the channel)"
    return f"broke off ({type(error).__name__})" if not isinstance(error, OSError) else one_line(error, 120)
