"""Keeps the one table of all methods: cells of sweeps -> table.csv -> table.md and, by methods.py, the README.

    bin/benchmark --methods=... --datasets=mnist --to=sweeps/mnist        # as long as one likes, as often as one likes
    python docs/results/table.py --from=sweeps/mnist,sweeps/digits        # takes what is done; newer cells replace older ones
    python docs/results/table.py                                          # writes the pages from table.csv again

A cell is a row, a data set, a normal class and a seed. Rows stand in one table only where their protocols are the same.
"""
import argparse
import csv
import re
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE, PAGE = ROOT / "docs/results/table.csv", ROOT / "docs/results/table.md"
KEPT = ("row", "dataset", "normal", "seed", "auroc", "auroc_low", "auroc_high", "untrained_auroc", "raw_mean_auroc", "seconds",
        "threads", "epochs", "protocol", "protocol_hash", "config", "commit", "sweep")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="sweeps", default="", help="folders of sweeps, with commas between")
    sweeps = [Path(name) for name in parser.parse_args().sweeps.split(",") if name]
    cells = read(TABLE) if TABLE.exists() else {}
    for sweep in sweeps:
        command = re.search(r"- command: `(.*)`", (sweep / "cells.md").read_text())[1]
        done = {key: {**cell, "sweep": command} for key, cell in read(sweep / "cells.csv").items() if cell.get("status") == "done"}
        print(f"{sweep}: {len(done)} cells, {len(done.keys() - cells.keys())} of them new")
        cells.update(done)
    with open(TABLE, "w", newline="") as file:
        rows = csv.DictWriter(file, KEPT, extrasaction="ignore", lineterminator="\n")
        rows.writeheader()
        rows.writerows(cells[key] for key in sorted(cells, key=natural))
    PAGE.write_text(page(cells))
    subprocess.run([sys.executable, Path(__file__).with_name("methods.py")], check=True)


def read(path):
    """{(row, data set, normal, seed): dict of text} of a .csv."""
    with open(path, newline="") as file:
        return {(line["row"], line["dataset"], line["normal"], line["seed"]): line for line in csv.DictReader(file)}


def natural(key):
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in key]


def summary(cells):
    """{(data set, protocol): {row: {normal: [AUROC of each seed]}}}, rows by their mean, best first."""
    tables = {}
    for (row, data, normal, _), cell in sorted(cells.items(), key=lambda item: natural(item[0])):
        tables.setdefault((data, cell["protocol"]), {}).setdefault(row, {}).setdefault(normal, []).append(float(cell["auroc"]))
    return {name: dict(sorted(rows.items(), key=lambda item: (-len(item[1]), -mean(item[1])))) for name, rows in tables.items()}


def mean(classes):
    """float, over classes, of the means over seeds."""
    return statistics.mean(statistics.mean(seeds) for seeds in classes.values())


def page(cells):
    """str, the Markdown page."""
    commits = sorted({cell["commit"] for cell in cells.values() if cell["commit"]})
    text = ["# The table", "", "Written by `python docs/results/table.py` from [table.csv](table.csv): it has the interval, the "
            "seconds, the epochs of each stage,", "the hash of the split and of the config, the commit and the command of every "
            "cell. AUROC, mean over seeds; a cell that was not run is empty.", f"Commits: {', '.join(commits)}."]
    for (data, protocol), rows in summary(cells).items():
        normals = sorted({normal for classes in rows.values() for normal in classes}, key=lambda each: natural([each]))
        text += ["", f"## {data}, `{protocol}`", "", f"| row | epochs | {' | '.join(normals)} | mean | seeds | s a cell |",
                 "|---|---|" + "---:|" * (len(normals) + 3)]
        for row, classes in rows.items():
            mine = [cell for key, cell in cells.items() if key[:2] == (row, data) and cell["protocol"] == protocol]
            epochs = "; ".join(sorted({each["epochs"] for each in mine})).replace("+0", "").strip("0+") or "–"
            numbers = [f"{statistics.mean(classes[each]):.4f}" if each in classes else "" for each in normals]
            whole = f"{mean(classes):.4f}" if len(classes) == len(normals) else ""
            seconds = [float(each["seconds"]) for each in mine if each["seconds"]]
            seeds = len({key[3] for key in cells if key[:2] == (row, data)})
            text.append(f"| {row} | {epochs} | {' | '.join(numbers)} | {whole} | {seeds} | {statistics.median(seconds):.0f} |")
        commands = sorted({cell["sweep"] for key, cell in cells.items() if key[1] == data and cell["protocol"] == protocol})
        text += ["", *(f"    {command}" for command in commands)]
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    main()
