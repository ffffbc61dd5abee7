"""Keeps the one table of all methods: cells of sweeps -> table.csv -> table.md and, by methods.py, the README.

    bin/benchmark --config=configs/tables/all_methods.py --to=sweeps/all  # as long as one likes, as often as one likes
    python docs/results/table.py --from=sweeps/all,sweeps/odds            # takes what is done; newer cells replace older ones
    python docs/results/table.py                                          # writes the pages from table.csv again

A cell is a row, a data set, a normal class and a seed. Rows stand in one table only where their protocols are the same.
"""
import argparse
import csv
import re
import shlex
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE, PAGE = ROOT / "docs/results/table.csv", ROOT / "docs/results/table.md"
PLANS = ("configs/tables/all_methods.py", "configs/tables/all_methods_odds.py")
ODDS = ("arrhythmia", "cardio", "satellite", "satimage-2", "shuttle", "thyroid")
KEPT = ("row", "dataset", "normal", "seed", "auroc", "auroc_low", "auroc_high", "untrained_auroc", "raw_mean_auroc", "seconds",
        "threads", "epochs", "shorten", "protocol", "protocol_hash", "config", "commit", "sweep")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="sweeps", default="", help="folders of sweeps, with commas between")
    sweeps = [Path(name) for name in parser.parse_args().sweeps.split(",") if name]
    cells = read(TABLE) if TABLE.exists() else {}
    for sweep in sweeps:
        command = re.search(r"- command: `(.*)`", (sweep / "cells.md").read_text())[1]
        command = shlex.join(re.sub(r"=[/~].*", "=DIR", word) for word in shlex.split(command))      # nobody else's paths
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


def place(key):
    """(section, column) of a cell: an image set and its normal class, or the tables together and one of them."""
    _, data, normal, _ = key
    return ("ODDS", data) if data in ODDS else (data, normal)


def summary(cells):
    """{(section, protocol): {row: {column: [AUROC of each seed]}}}, rows by their mean, best first."""
    tables = {}
    for key, cell in sorted(cells.items(), key=lambda item: natural(item[0])):
        section, column = place(key)
        rows = tables.setdefault((section, cell["protocol"]), {})
        rows.setdefault(key[0], {}).setdefault(column, []).append(float(cell["auroc"]))
    return {name: dict(sorted(rows.items(), key=lambda item: (-len(item[1]), -mean(item[1])))) for name, rows in tables.items()}


def mean(classes):
    """float, over classes, of the means over seeds."""
    return statistics.mean(statistics.mean(seeds) for seeds in classes.values())


def column_means(cells, name, of=statistics.mean):
    """{column: float}, the mean, or another middle, of the cells that know `name`."""
    found = {}
    for key, cell in cells.items():
        if cell.get(name):
            found.setdefault(place(key)[1], []).append(float(cell[name]))
    return {column: of(values) for column, values in found.items()}


def untrained(cells):
    """str, of a row's cells: mean before the training, and where that was worse."""
    before, after = column_means(cells, "untrained_auroc"), column_means(cells, "auroc")
    above = sum(after[column] > before[column] for column in before)
    return f"{statistics.mean(before.values()):.4f} ({above} of {len(before)})" if before else "–"


def not_run(cells):
    """list of Markdown, the planned cells of `PLANS` that are not there."""
    sys.path.insert(0, str(ROOT))
    from kerasnd.sweep import tables
    left = {}
    for plan in PLANS:
        for cell in tables.read(plan).cells():
            key = (cell.row, cell.dataset, cell.normal, str(cell.seed))
            if key not in cells:
                section, column = place(key)
                left.setdefault((section, cell.row), []).append(column)
    return [f"- {section}: {row}: {', '.join(columns)}" for (section, row), columns in left.items()]


def page(cells):
    """str, the Markdown page."""
    commits = sorted({cell["commit"] for cell in cells.values() if cell["commit"]})
    text = ["# The table", "", "Written by `python docs/results/table.py` from [table.csv](table.csv): it has the interval, the "
            "seconds, the epochs of each stage,", "the hash of the split and of the config, the commit and the command of every "
            "cell. AUROC, mean over seeds; a cell that was not run is empty.", "Untrained: the mean of the same network before its "
            "training, and in how many columns the training is above it. Raw mean: the distance to it.",
            f"Commits: {', '.join(commits)}."]
    for (section, protocol), rows in summary(cells).items():
        columns = sorted({column for each in rows.values() for column in each}, key=lambda each: natural([each]))
        here = {key: cell for key, cell in cells.items() if place(key)[0] == section and cell["protocol"] == protocol}
        text += ["", f"## {section}, `{protocol}`", "",
                 f"| row | epochs | {' | '.join(columns)} | mean | untrained | seeds | s a cell |",
                 "|---|---|" + "---:|" * (len(columns) + 4)]
        for row, known in rows.items():
            mine = {key: cell for key, cell in here.items() if key[0] == row}
            trained = {" + ".join(part for part in each["epochs"].split("+") if part != "0") for each in mine.values()}
            epochs = "; ".join(sorted(trained)) or "–"
            numbers = [f"{statistics.mean(known[each]):.4f}" if each in known else "" for each in columns]
            whole = f"{mean(known):.4f}" if len(known) == len(columns) else ""
            seconds = statistics.median([float(each["seconds"]) for each in mine.values() if each["seconds"]] or [0])
            text.append(f"| {row} | {epochs} | {' | '.join(numbers)} | {whole} | {untrained(mine)} | "
                        f"{len({key[3] for key in mine})} | {seconds:.0f} |")
        raw = column_means(here, "raw_mean_auroc", statistics.median)       # a method may have images of another size
        numbers = [f"{raw[each]:.4f}" if each in raw else "" for each in columns]
        whole = f"{statistics.mean(raw.values()):.4f}" if len(raw) == len(columns) else ""
        text.append(f"| *raw mean* | – | {' | '.join(numbers)} | {whole} | | | |")
        text += ["", *(f"    {command}" for command in sorted({cell["sweep"] for cell in here.values()}))]
    missing = not_run(cells)
    text += ["", "## Not run", "", "The same commands run them: `" + "`, `".join(
        f"bin/benchmark --config={each} --to=DIR" for each in PLANS) + "`.", "", *missing] if missing else []
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    main()
