"""Which profiles hold from which record time on, in one partition."""

from __future__ import annotations

from dataclasses import dataclass

from stream.scoring.profile import Profiles


@dataclass(frozen=True, slots=True)
class Activation:
    """Profiles in force from this record time on."""

    time: int
    profiles: Profiles


class Timeline:
    """The profile activations of a partition, by number; the account's ``epoch`` counts those it has been through."""

    __slots__ = ("_base", "activations", "first")

    def __init__(self, first: int = 0, base: Profiles | None = None) -> None:
        self.first = first
        """The number of the oldest activation still needed."""
        self._base = base or Profiles()
        self.activations: list[Activation] = []

    @property
    def epoch(self) -> int:
        """The number after the newest activation."""
        return self.first + len(self.activations)

    @property
    def profiles(self) -> Profiles:
        """What is in force now."""
        return self.at(self.epoch)

    def at(self, epoch: int) -> Profiles:
        """What is in force for an account of this epoch."""
        return self.activations[epoch - self.first - 1].profiles if epoch > self.first else self._base

    def after(self, epoch: int) -> list[Activation]:
        """The activations that an account of this epoch has not been through."""
        return self.activations[epoch - self.first :]

    def add(self, activation: Activation) -> None:
        """A profile version was activated or retired."""
        self.activations.append(activation)

    def trim(self, epoch: int) -> None:
        """Every account has been through ``epoch``: what lies before is needed no more."""
        self._base = self.at(epoch)
        del self.activations[: epoch - self.first]
        self.first = epoch
