"""Write docs/validation.md anew, every figure from a run of this script: `python -m benchmarks.validation`."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "validation.md"
PACKAGES = ("glmm-binomial", "numpy", "scipy", "statsmodels")

INTRODUCTION = """\
# Validation

Every figure of this software was computed by a script: the command above each table repeats that table alone, and
times within a table are of one run. `python -m benchmarks.validation` writes the page anew, in hours, from a
checkout with the extras `test`, `fast` and `peers` installed. The estimates of R's programs, with which some are
compared, are stored and come from `Rscript software.R` in `tests/reference` (R 4.2.2, lme4 1.1-31, glmmTMB 1.1.5).
On your own machine, without a checkout, `glmm-binomial selftest` or `=GLMM_BINOMIAL_SELFTEST()` compares the
certified numbers.
"""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, the module whose output is the section's table, and what a reader should know of it."""

    title: str
    module: str
    about: str


SECTIONS = (
    Section(
        title="Correct digits",
        module="benchmarks.digits",
        about="Certified values are maximum-likelihood estimates by brute-force integration, good to about nine digits "
        "(`src/glmm_binomial/certified/README.md`); digits beyond that say that two computations agree. Correct digits "
        "are -log10 of the relative error, of the worst number of its kind. lme4 with its default and glmmTMB maximise "
        "Laplace's approximation, which is another function: their missing digits are the price of that "
        "approximation, not faults of these programs.",
    ),
    Section(
        title="The exact posterior",
        module="benchmarks.posterior",
        about="What the default shows, against long importance sampling of the same posterior in code that is not part "
        "of this package; its share of the time; and whether its probabilities are right for data drawn from the "
        "prior.",
    ),
    Section(
        title="Coverage of 95 % intervals",
        module="benchmarks.coverage",
        about="How often the intervals hold the truth in simulated data. With few groups Wald intervals of maximum "
        "likelihood (ml z) fall short of 95 %; those by Student's t (ml t) and quantiles of the exact posterior (vb) "
        "do not. mean-field is the negative control: what the raw standard deviations of a variational fit are worth.",
    ),
    Section(
        title="Coverage for each kind of model",
        module="benchmarks.kinds",
        about="How often intervals of maximum likelihood hold the truth, and what is found, for each kind of random "
        "effects beyond an intercept.",
    ),
    Section(
        title="Speed",
        module="benchmarks",
        about="Ratios measured in one run, medians over the repeats; a GLM is statsmodels' plain logistic regression "
        "of the same rows without random effects.",
    ),
    Section(
        title="Beside other programs",
        module="benchmarks.peers",
        about="The same data, with the extra `fast`, against programs for the same models. `glmm` has correlated "
        "slopes only, and so fits another model than ours where there are slopes; its digits say so.",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validation", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out everything of a million rows")
    quick = parser.parse_args().quick
    parts = [INTRODUCTION, f"{_versions()}\n"]
    for section in SECTIONS:
        arguments = ["-m", section.module, *(["--quick"] if quick and section.module == "benchmarks" else [])]
        print(f"python {' '.join(arguments)}", flush=True)
        done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
        output = done.stdout.strip().replace("\n## ", "\n### ")
        parts.append(f"## {section.title}\n\n{section.about}\n\n`python {' '.join(arguments)}`\n\n{output}\n")
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    print(f"written: {PAGE.relative_to(ROOT)}")


def _versions() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"Python {platform.python_version()}, {packages}; {platform.machine()}, {os.cpu_count()} processor cores."


if __name__ == "__main__":
    main()
