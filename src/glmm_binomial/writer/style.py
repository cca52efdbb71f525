"""How the workbooks look: colours, cell formats, number formats."""

from dataclasses import dataclass, fields

from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook

from glmm_binomial.excel.table_format import ESTIMATE, P_VALUE, VERY_SMALL

INK = "#1F3864"
MUTED = "#595959"
HEADER_FILL = "#DCE6F1"
WARNING_FILL = "#FFF2CC"
INPUT_FILL = "#E2EFDA"
RULE = "#8EA9DB"
OBSERVED, FITTED, AVERAGED = "#A6A6A6", "#1F4E79", "#9DC3E6"
INTERVAL, STRESSED = "#F4B183", "#C55A11"

# as journals print it
SHORT_P_VALUE = '[<0.001]"< .001";.000'
ODDS_RATIO = "[>=100]#,##0;[>=10]0.0;0.000"
COUNT = "#,##0"

_HEADER = {"bold": True, "bg_color": HEADER_FILL, "font_color": INK, "bottom": 1, "bottom_color": RULE}
_INPUT = {"bg_color": INPUT_FILL, "border": 1, "border_color": RULE}
_WRAPPED = {"text_wrap": True, "valign": "top"}


@dataclass(frozen=True, slots=True)
class Formats:
    """The cell formats of one workbook."""

    title: Format
    subtitle: Format
    heading: Format
    paragraph: Format
    label: Format
    link: Format
    code: Format
    code_right: Format
    header: Format
    number_header: Format
    text: Format
    left: Format
    small_integer: Format
    count: Format
    estimate: Format
    muted: Format
    published: Format
    p_value: Format
    short_p_value: Format
    odds_ratio: Format
    one_decimal: Format
    two_decimals: Format
    input: Format
    input_cell: Format
    input_number: Format
    data_header: Format
    data_number_header: Format
    data_number: Format
    # the columns of a table of a worksheet function, and what they get where its rows say so
    spill_name: Format
    spill_estimate: Format
    spill_p_value: Format
    spill_other: Format
    spill_truth: Format
    spill_header: Format
    spill_number_header: Format
    spill_code_header: Format
    spill_code: Format
    spill_text: Format
    spill_sentence: Format
    spill_sentence_header: Format
    spill_hidden_header: Format
    spill_sentence_elsewhere: Format
    spill_wrapped: Format
    spill_row_count: Format
    spill_count: Format
    spill_very_small: Format
    spill_warning: Format
    spill_warning_text: Format


_PROPERTIES: dict[str, dict[str, object]] = {
    "title": {"bold": True, "font_size": 16, "font_color": INK},
    "subtitle": {"font_size": 11, "font_color": MUTED},
    "heading": {"bold": True, "font_size": 13, "font_color": INK},
    "paragraph": _WRAPPED,
    "label": {"bold": True, "font_color": INK, "valign": "top"},
    "link": {"font_color": "#0563C1", "underline": 1, "valign": "top"},
    "code": {**_WRAPPED, "font_name": "Consolas", "font_size": 10},
    "code_right": {"font_name": "Consolas", "font_size": 10, "align": "right", "valign": "top"},
    "header": {**_HEADER, "text_wrap": True, "valign": "vcenter"},
    "number_header": {**_HEADER, "text_wrap": True, "valign": "vcenter", "align": "right"},
    "text": {},
    "left": {"align": "left"},
    "small_integer": {"num_format": "0"},
    "count": {"num_format": COUNT},
    "estimate": {"num_format": ESTIMATE},
    # as many digits as were published
    "published": {"align": "right"},
    "muted": {"font_color": MUTED},
    "p_value": {"num_format": P_VALUE},
    "short_p_value": {"num_format": SHORT_P_VALUE, "align": "right"},
    "odds_ratio": {"num_format": ODDS_RATIO, "align": "right"},
    "one_decimal": {"num_format": "#,##0.0", "align": "right"},
    "two_decimals": {"num_format": "0.00", "align": "right"},
    # to be typed over
    "input": {**_WRAPPED, **_INPUT},
    "input_number": {**_INPUT, "num_format": "0.00"},
    "input_cell": {**_INPUT, "align": "right"},
    "data_header": _HEADER,
    "data_number_header": {**_HEADER, "align": "center"},
    "data_number": {"num_format": "0", "align": "center"},
    "spill_name": {"num_format": ESTIMATE, "align": "left"},
    "spill_estimate": {"num_format": ESTIMATE, "align": "right"},
    "spill_p_value": {"num_format": P_VALUE, "align": "right"},
    "spill_other": {"align": "right"},
    # Excel shows truth values as words by itself, LibreOffice not always
    "spill_truth": {"align": "right", "num_format": '"TRUE";"TRUE";"FALSE"'},
    "spill_header": _HEADER,
    "spill_number_header": {**_HEADER, "align": "right", "valign": "vcenter"},
    "spill_code_header": {**_HEADER, "align": "center", "valign": "vcenter"},
    "spill_code": {"num_format": "0", "align": "center"},
    "spill_text": {"align": "center"},
    # beside a column of numbers, which end at the right
    "spill_sentence": {"align": "left", "indent": 1},
    "spill_sentence_header": {**_HEADER, "align": "left", "indent": 1},
    # a note in the place of a header: it stands above the table in full
    "spill_hidden_header": {**_HEADER, "num_format": ";;;"},
    "spill_sentence_elsewhere": {"font_color": MUTED, "num_format": ';;;"see above"'},
    "spill_wrapped": {**_WRAPPED, "align": "left", "indent": 1},
    "spill_row_count": {"num_format": COUNT, "align": "right"},
    "spill_count": {"num_format": COUNT},
    "spill_very_small": {"num_format": VERY_SMALL},
    "spill_warning": {"bg_color": WARNING_FILL},
    # the whole text stands above the table; in the narrow cell it would be cut
    "spill_warning_text": {"bg_color": WARNING_FILL, "num_format": ';;;"see above"'},
}


def add_formats(workbook: Workbook) -> Formats:
    """Add the formats to a workbook."""
    return Formats(**{field.name: workbook.add_format(_PROPERTIES[field.name]) for field in fields(Formats)})
