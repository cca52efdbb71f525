"""The house: imports go one way, statsmodels and pyxll stand in one file each, and importing the package is quick."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import glmm_binomial

SOURCE = Path(glmm_binomial.__file__).parent
PACKAGE = "glmm_binomial"

FOLDERS = ("observations", "formula", "model", "estimation", "answers", "certified", "worksheet", "excel")
"""From cells to the table and back to cells: a folder imports only from those before it."""

SERVE_ALL = ("interruption", "extras", "frozen", "errors")
"""They import nothing of the project."""

AROUND_THE_CORE = ("excel", "libreoffice", "workbook", "writer", "command_line", "__main__")
"""They use the core through the package's public names."""

PUBLIC_ROOMS = {"worksheet", "interruption", "certified", "answers"}
"""What the add-in and the command line ask."""

HEAVY = ("numpy", "numba", "scipy", "statsmodels", "pandas", "pyxll", "formualizer", "lxml", "xlsxwriter", "matplotlib")


def module_of(path):
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {module_of(path): path for path in sorted(SOURCE.rglob("*.py"))}
CORE = {
    name: path for name, path in MODULES.items() if name != "__init__" and name.split(".")[0] not in AROUND_THE_CORE
}


def for_types_only(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def imported_names(path, *, types_too):
    """Return every imported module, in full, functions' own imports included."""
    skipped = set()
    tree = ast.parse(path.read_text("utf-8"))
    if not types_too:
        skipped = {inner for node in ast.walk(tree) if for_types_only(node) for inner in ast.walk(node)}
    names = set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def core_imports(path, *, types_too=True):
    inside = {name.removeprefix(f"{PACKAGE}.") for name in imported_names(path, types_too=types_too)}
    return inside & CORE.keys()


def roots(path):
    return {name.split(".")[0] for name in imported_names(path, types_too=True)}


def in_fresh_interpreter(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def folder_of(name):
    return name.split(".")[0]


@pytest.mark.parametrize("name", sorted(CORE))
def test_a_module_imports_only_from_its_own_folder_and_those_before_it(name):
    folder = folder_of(name)
    before = () if folder in SERVE_ALL else FOLDERS[: FOLDERS.index(folder) + 1]
    assert {folder_of(other) for other in core_imports(CORE[name])} <= {*before, *SERVE_ALL, folder}


def test_every_folder_of_the_house_is_there_and_no_other_module_stands_beside_them():
    assert {folder_of(name) for name in CORE} == {*FOLDERS, *SERVE_ALL} - set(AROUND_THE_CORE)


def test_imports_never_go_in_a_circle():
    graph = {name: core_imports(path, types_too=False) - {name} for name, path in CORE.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(CORE)


def test_only_one_file_imports_statsmodels():
    assert [name for name, path in MODULES.items() if "statsmodels" in roots(path)] == ["estimation.variational"]


def test_only_one_file_imports_pyxll():
    assert [name for name, path in MODULES.items() if "pyxll" in roots(path)] == ["excel.functions"]


def test_only_the_writer_imports_xlsxwriter():
    assert {folder_of(name) for name, path in MODULES.items() if "xlsxwriter" in roots(path)} == {"writer"}


def test_numba_is_imported_where_loops_are_compiled_and_nowhere_else():
    compiled = [
        f"estimation.{name}" for name in ("compiled_integrals", "compiled_modes", "compiled_points", "compiling")
    ]
    assert [name for name, path in MODULES.items() if "numba" in roots(path)] == compiled
    imported = {name for name, path in MODULES.items() if core_imports(path, types_too=False) & set(compiled)}
    assert imported <= set(compiled)


def test_the_core_knows_nothing_of_excel_or_of_workbooks():
    for path in CORE.values():
        used = imported_names(path, types_too=True)
        assert not any(name.startswith(tuple(f"{PACKAGE}.{around}" for around in AROUND_THE_CORE)) for name in used)


def test_what_stands_around_the_core_uses_its_public_names_only():
    for name, path in MODULES.items():
        if name.split(".")[0] in AROUND_THE_CORE:
            assert {folder_of(other) for other in core_imports(path, types_too=False)} <= PUBLIC_ROOMS, name


def test_no_file_is_much_longer_than_one_sitting():
    lengths = {name: len(path.read_text("utf-8").splitlines()) for name, path in CORE.items()}
    # the guide says about 250; the longest holds the whole marginal likelihood
    assert {name: length for name, length in lengths.items() if length > 450} == {}


def test_importing_the_package_loads_nothing_heavy():
    code = f"import sys, {PACKAGE}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    assert in_fresh_interpreter(code) == []


def test_checking_data_loads_no_statsmodels():
    code = f"import sys, {PACKAGE}.observations, {PACKAGE}.model.design; print('statsmodels' in sys.modules)"
    assert in_fresh_interpreter(code) == ["False"]


def test_the_public_names_are_there_and_no_others():
    for name in glmm_binomial.__all__:
        assert getattr(glmm_binomial, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        glmm_binomial.nothing  # noqa: B018  the attribute is looked up


def test_random_numbers_come_from_seeded_generators_only():
    for name, path in CORE.items():
        assert "random" not in roots(path), name
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "np.random":
                assert node.attr in {"default_rng", "Generator", "SeedSequence", "PCG64", "Philox"}, name
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("default_rng"):
                assert node.args or node.keywords, f"{name} draws without a seed"


def test_a_fit_draws_no_random_numbers():
    for name, path in CORE.items():
        if folder_of(name) in {"observations", "formula", "model", "estimation"}:
            assert "np.random" not in path.read_text("utf-8"), name


def test_the_package_says_that_it_is_typed():
    assert (SOURCE / "py.typed").exists()
