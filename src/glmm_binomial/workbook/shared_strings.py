"""The texts that the cells of a workbook refer to by number."""

from collections.abc import Callable

from lxml import etree

from glmm_binomial.workbook.package import Package, WorkbookError, parse_xml, plain_text


def shared_text(package: Package, part: str | None) -> Callable[[int], str]:
    """Return a function that looks a text up; the part is read when the first one is asked for."""
    texts: list[str] | None = None

    def look_up(number: int) -> str:
        nonlocal texts
        if texts is None:
            texts = [] if part is None else _texts(package, part)
        if not 0 <= number < len(texts):
            raise WorkbookError(
                f"the workbook is damaged: a cell refers to the text number {number}, which is missing."
            )
        return texts[number]

    return look_up


def _texts(package: Package, part: str) -> list[str]:
    root = parse_xml(package.read(part), part, may_be_huge=True)
    return [_text(item) for item in root.iterfind("{*}si")]


def _text(item: etree._Element) -> str:
    """Return a text without its formats and without the reading aid of Japanese (`rPh`)."""
    runs = [*item.iterfind("{*}t"), *item.iterfind("{*}r/{*}t")]
    return plain_text("".join(run.text or "" for run in runs))
