"""The Excel add-in: entry points by which PyXLL finds it in an installed package.

PyXLL calls both while Excel starts, so nothing heavy is imported here or in the module named by `modules`.
"""

from importlib.resources import files


def modules() -> list[str]:
    """Name the modules PyXLL imports to find worksheet functions."""
    return ["glmm_binomial.excel.functions"]


def ribbon() -> list[tuple[str | None, str]]:
    """Give PyXLL the ribbon as pairs of file name (none: it is no file) and XML text.

    ``disable_ribbon = 1`` in section ``[GLMM]`` of pyxll.cfg leaves the ribbon out.
    """
    # Only the functions module knows PyXLL; imported here, so that reading the entry points needs no PyXLL.
    from glmm_binomial.excel.functions import is_switched_on  # noqa: PLC0415

    if is_switched_on("disable_ribbon"):
        return []
    return [(None, files(__name__).joinpath("ribbon.xml").read_text("utf-8"))]
