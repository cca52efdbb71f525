"""The worksheet functions, as PyXLL registers them with Excel: the only file that imports pyxll.

A worksheet function holds no logic: it hands on what Excel hands over and turns the answer into cells. PyXLL imports
this module while Excel starts, so it imports nothing heavy.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from pyxll import Formatter, get_config, plot, schedule_call, xl_app, xl_arg, xl_func, xlAbort, xlcAlert

from glmm_binomial.excel.analysis import analyse_selection
from glmm_binomial.excel.edge import to_excel
from glmm_binomial.excel.example import write_example
from glmm_binomial.excel.table_format import apply_formats
from glmm_binomial.interruption import stopping_when
from glmm_binomial.worksheet.catalogue import FUNCTIONS
from glmm_binomial.worksheet.entries import WorksheetFunction
from glmm_binomial.worksheet.functions import answer
from glmm_binomial.worksheet.signatures import with_signature

__all__ = ["WORKSHEET_FUNCTIONS", "analyse_table", "insert_example", "is_switched_on", "setting"]

CATEGORY = "GLMM"

OUTSIDE_EXCEL = "outside of Excel"
"""In the exception that pyxll raises where there is no Excel, as when a workbook is calculated without it."""

TYPES: Final = {"range": "var[][]", "value": "var", "model": "var", "table": "var[][]"}
"""As PyXLL hands arguments over and takes answers. Ranges are never float[][], which would read a blank cell as 0 and
fail on text before the core can say which cell it is in. A model goes both ways as var: PyXLL keeps what is no cell
value as an object, and a message stays text."""

_NO: Final = frozenset({"0", "false", "no", "off"})

_logger = logging.getLogger(__name__)


def setting(option: str) -> str | None:
    """What section [GLMM] of pyxll.cfg says of an option; None where it says nothing, and outside of Excel."""
    try:
        config = get_config()
    except Exception as error:
        if OUTSIDE_EXCEL in str(error):
            return None
        raise
    return str(config.get("GLMM", option)) if config.has_option("GLMM", option) else None


def is_switched_on(option: str) -> bool:
    """Whether section [GLMM] of pyxll.cfg names an option and does not say no."""
    answer = setting(option)
    return answer is not None and answer.strip().lower() not in _NO


class _TableFormatter(Formatter):  # type: ignore[misc]
    """Formats what a function has spilled; PyXLL clears it again where the table becomes smaller."""

    def apply(self, cell: Any, value: object = None, *_: object, **__: object) -> None:
        """Format the cells that hold a value."""
        if isinstance(value, list):
            apply_formats(cell.to_range(), value)


def _formatter(function: WorksheetFunction) -> dict[str, Formatter]:
    """PyXLL's formatter, where pyxll.cfg asks for it: formatting makes Excel forget what could be undone."""
    is_wanted = function.answer == "table" and is_switched_on("format_tables")
    return {"formatter": _TableFormatter()} if is_wanted else {}


def _help_topic(function: WorksheetFunction) -> dict[str, str]:
    """The page that "Help on this function" opens, where pyxll.cfg has the address of the site."""
    address = (setting("help_address") or "").strip().rstrip("/")
    # Excel asks for a number after the address
    return {"help_topic": f"{address}/functions/{function.python_name}.html!0"} if address else {}


def _registered(function: WorksheetFunction) -> Callable[..., Any]:
    """A worksheet function, registered: its name, category and options, and the help in the function wizard."""
    written = with_signature(
        function.python_name,
        function.arguments,
        lambda given: _cells(function, given),
        doc=function.help,
        usage=function.usage,
    )
    for argument in function.arguments:
        # Excel cuts up to two characters off the help of the last argument
        padding = "  " if argument is function.arguments[-1] else ""
        written = xl_arg(argument.name, _label=argument.label, _description=argument.help + padding)(written)
    is_model = function.answer == "model"
    registered: Callable[..., Any] = xl_func(
        signature(function),
        name=function.name,
        category=CATEGORY,
        auto_resize=not is_model,
        # models are not saved with a workbook
        recalc_on_open=is_model,
        thread_safe=function.thread_safe,
        disable_function_wizard_calc=True,
        **_help_topic(function),
        **_formatter(function),
    )(written)
    return registered


def signature(function: WorksheetFunction) -> str:
    """PyXLL's signature, "type name, ...: type"."""
    arguments = ", ".join(f"{TYPES[argument.kind]} {argument.name}" for argument in function.arguments)
    return f"{arguments}: {'var' if function.answer == 'model' else TYPES['table']}"


def _cells(function: WorksheetFunction, given: Mapping[str, Any]) -> object:
    """What the cell gets, unless the user presses Esc while it is computed."""
    with stopping_when(_escape_pressed):
        answered = answer(function, given, show=_draw)
    return to_excel(answered, spills=function.answer == "table")


def _escape_pressed() -> bool:
    try:
        return bool(xlAbort())
    except Exception as error:
        if OUTSIDE_EXCEL in str(error):
            return False
        raise


def _draw(figure: Any, alternative_text: str) -> None:
    try:
        plot(figure, alt_text=alternative_text)
    except Exception as error:
        # the words of the cell are then all there is
        if OUTSIDE_EXCEL not in str(error):
            raise


WORKSHEET_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    function.name: _registered(function) for function in FUNCTIONS
}
"""The functions a formula can call, by the name it calls them by, exactly as Excel calls them."""


def insert_example(_control: object) -> None:
    """Write the worked example on a new sheet: the action of a button on the ribbon."""
    _once_excel_is_free(write_example, "The example could not be inserted")


def analyse_table(_control: object) -> None:
    """Ask for a model of the selected table and write its analysis on a new sheet: the action of the other button."""
    _once_excel_is_free(lambda app: analyse_selection(app, xlcAlert), "The table could not be analysed")


def _once_excel_is_free(work: Callable[[Any], None], failure: str) -> None:
    """Do something with Excel's COM object; Excel takes no orders while it handles a click."""

    def tried() -> None:
        try:
            work(xl_app())
        except Exception as error:
            _logger.exception(failure)
            xlcAlert(f"{failure}: {error}. PyXLL's log file has the details.")

    schedule_call(tried)
