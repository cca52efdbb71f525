"""The data of the examples, from the certified data of the package; where they come from stands beside them."""

import csv
from importlib.resources import files


def read(name: str) -> list[dict[str, str]]:
    """Read the rows of a data set by the names in its header."""
    text = files("glmm_binomial.certified").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
