"""docs/measurements/theorems/: what a run measured, in a small JSON file and in the page.

Run:  python benchmarks/theorems.py record RUN...   (folders of ``autoencodes experiment``)
      python benchmarks/theorems.py page            (after a change of this file)
      python benchmarks/theorems.py --smoke         (are the pages those of the files?)

Each page is written by hand but for what stands between its two marks.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from autoencodes.catalogue import EXPERIMENTS
from autoencodes.experiments import ExperimentFolder, ResultTable
from autoencodes.experiments.table import shown

PAGES = Path(__file__).parents[1] / "docs" / "measurements" / "theorems"
BEGIN, END = "<!-- measured: by benchmarks/theorems.py -->\n", "<!-- end of measured -->"
THEOREMS = {
    "stability": ("stability", "stability", "Stability"),
    "uniqueness": ("tikhonov-sweep", "uniqueness", "Uniqueness"),
    "non-convexity": ("tikhonov-sweep", "non-convexity", "Non-convexity"),
    "generalisation": ("mean-field-limit", "generalisation", "Generalisation"),
    "gamma-convergence": ("mean-field-limit", "minima", "Γ-convergence"),
}
"""A page's experiment, its table, and the word with which its verdict begins in the notes."""
_DIGITS = 6


def record(path: Path) -> list[str]:
    """Writes the files of the theorems that a run measured; their names."""
    folder = ExperimentFolder(path)
    results, seconds = folder.read()
    configuration = folder.configuration
    experiment = EXPERIMENTS[folder.name]
    settings = experiment.quick if configuration["quick"] else experiment.full
    written = []
    for name, (measured_by, table, word) in THEOREMS.items():
        if measured_by != folder.name:
            continue
        mark = f"{word}: "
        (verdict,) = (note for note in results.notes if note.startswith(mark))
        entries = results.tables[table].as_dict()
        entries["rows"] = [[_rounded(cell) for cell in row] for row in entries["rows"]]
        found = {
            "experiment": folder.name,
            "quick": configuration["quick"],
            "sizes": settings.sizes,
            "when": time.strftime(
                "%Y-%m-%d", time.gmtime((path / "experiment.json").stat().st_mtime)
            ),
            "seconds": round(seconds),
            "verdict": verdict.removeprefix(mark),
            "table": entries,
        }
        text = json.dumps(found, indent=1, ensure_ascii=False)
        (PAGES / f"{name}.json").write_text(text + "\n")
        written.append(name)
    return written


def _rounded(cell: Any) -> Any:
    return float(f"{cell:.{_DIGITS}g}") if isinstance(cell, float) else cell


def block(found: dict[str, Any]) -> str:
    """What a run measured, as Markdown."""
    table = ResultTable.from_dict(found["table"])
    head = ["| " + " | ".join(cell.replace("|", "\\|") for cell in table.columns) + " |"]
    head.append("|" + " --- |" * len(table.columns))
    rows = ["| " + " | ".join(shown(cell) for cell in row) + " |" for row in table.rows]
    quick = " --quick" if found["quick"] else ""
    verdict = found["verdict"]
    return "\n".join(
        [
            f"**Verdict.** {verdict[:1].upper()}{verdict[1:]}",
            "",
            f"`autoencodes experiment {found['experiment']}{quick}`, {found['when']}, "
            f"{found['seconds']:,} s of two busy cores: {found['sizes']}.",
            "",
            *head,
            *rows,
            "",
            f"{table.caption}.",
            "",
        ]
    )


def written(name: str) -> str:
    """A page with what its file holds between the marks."""
    page = (PAGES / f"{name}.md").read_text()
    found = json.loads((PAGES / f"{name}.json").read_text())
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + block(found) + END + after


def main() -> None:
    parser = argparse.ArgumentParser(description="The pages of the theorems.")
    parser.add_argument("command", nargs="?", choices=("record", "page"))
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--smoke", action="store_true", help="are the pages those of the files?")
    options = parser.parse_args()
    names = list(THEOREMS)
    if options.command == "record":
        names = [name for run in options.runs for name in record(run)]
    stale = [name for name in names if (PAGES / f"{name}.md").read_text() != written(name)]
    if options.command is not None:
        for name in stale:
            (PAGES / f"{name}.md").write_text(written(name))
    print(f"{len(names)} pages; not as their files: {', '.join(stale) or 'none'}")
    sys.exit(bool(stale) and options.command is None)


if __name__ == "__main__":
    main()
