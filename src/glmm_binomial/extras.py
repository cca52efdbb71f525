"""Packages that only some functions need: imported when such a function is called, with a remedy when missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class MissingPackageError(ImportError):
    """A package of an extra is not installed; the message says how to install it."""


def require(module: str, *, extra: str, purpose: str) -> Any:
    """Import a module of an extra.

    Parameters
    ----------
    module : str
        As in an import statement.
    extra : str
        The extra of glmm-binomial that installs it.
    purpose : str
        What it is needed for, as the beginning of a sentence.

    Raises
    ------
    MissingPackageError
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise MissingPackageError(
            f'{purpose} needs the package {package}. Please run: pip install "glmm-binomial[{extra}]"',
            name=error.name,
        ) from error
