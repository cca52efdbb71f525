"""What is told to a person in place of an answer; the message is the text a cell shows."""

from __future__ import annotations


class InvalidInputError(ValueError):
    """What the user handed over cannot be used; the message says what is wrong, where, and what to do."""


class FitError(RuntimeError):
    """No estimate can be given; the message says why and what to do."""
