"""Run by the system's Python: `python3 window.py JOB.json` types formulas into the window of LibreOffice.

The job names `soffice`, `folder` and `extension` as that of driver.py does, `rows` to stand in A1 and below, and
`entries`: the cells to select, what is typed there, and the key that ends it. Printed is what these cells then hold, as
JSON. A picture of the screen, in the format of X, is left in the folder as window.xwd.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from driver import Office, desktop, install

SCREEN = "1400x900x24"
PATIENCE_SECONDS = 60
STARTS = 5
ALL_OF_SIZE_AND_PLACE = 15  # com.sun.star.awt.PosSize.POSSIZE


def main(job):
    folder = Path(job["folder"])
    # Xvfb keeps its picture of the screen in a file
    with tempfile.TemporaryDirectory(dir=folder) as screen, Screen(screen):
        return typed_in(job | {"screen": screen}, folder)


def typed_in(job, folder):
    rows = job["rows"]
    with Office(job["soffice"], folder, visible=True) as context:
        install(context, job["extension"])
        document = desktop(context).loadComponentFromURL("private:factory/scalc", "_blank", 0, ())
        sheet = document.Sheets.getByIndex(0)
        sheet.getCellRangeByPosition(0, 0, len(rows[0]) - 1, len(rows) - 1).setDataArray(tuple(map(tuple, rows)))
        window = document.CurrentController.Frame.ContainerWindow
        window.setPosSize(0, 0, *map(int, SCREEN.split("x")[:2]), ALL_OF_SIZE_AND_PLACE)
        window.setFocus()
        found = [typed(document.CurrentController, sheet, *entry) for entry in job["entries"]]
        # for the last of it to be painted
        time.sleep(1)
        shutil.copy(next(Path(job["screen"]).iterdir()), folder / "window.xwd")
        document.close(True)
        return found


class Screen:
    """A screen of X that is nowhere but in memory, as the DISPLAY of what is started."""

    def __init__(self, folder):
        number = ""
        for _ in range(STARTS):
            # two that start at once may want the same number, and one of them ends
            self._process, number = started(folder)
            if number:
                break
            self._process.wait()
        else:
            raise RuntimeError("Xvfb does not start")
        os.environ["DISPLAY"] = f":{number}"
        os.environ.pop("SAL_USE_VCLPLUGIN", None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()


def started(folder):
    """Start a screen, and return its process and its number; none if it ends."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", SCREEN, "-fbdir", folder, "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as number:
        return process, number.readline().strip()


def typed(controller, sheet, cells, text, key):
    """Select cells, type, press the key, and return what they hold once they hold a formula."""
    area = sheet.getCellRangeByName(cells)
    controller.select(area)
    press("type", "--delay", "15", text)
    press("key", key)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not area.getFormulaArray()[0][0]:
        if time.monotonic() > deadline:
            raise RuntimeError(f"nothing stands in {cells} after {text!r} was typed there")
        time.sleep(0.1)
    return [list(row) for row in area.getDataArray()]


def press(*command):
    subprocess.run(["xdotool", *command], check=True)


if __name__ == "__main__":
    print(json.dumps(main(json.loads(Path(sys.argv[1]).read_text("utf-8")))))
