"""Fills the README's table of methods from the results files beside this script.

    python docs/results/methods.py

MNIST and CIFAR-10: table.csv, the mean over ten classes where all were run, else each class; arae, gpnd and fitymi, until
all ten are in it, from their own files. ODDS: the mean over six sets of odds.csv, or of table.csv for methods that are not in
it. In brackets the published mean of the same protocol.
"""
import csv
import runpy
import statistics
from pathlib import Path

HERE = Path(__file__).resolve().parent
README, CONFIGS = HERE.parents[1] / "README.md", HERE.parents[1] / "configs"
BEGIN, END = "<!-- docs/results/methods.py writes what follows -->", "<!-- end of what docs/results/methods.py writes -->"
KNOWN = " .01"      # of a row: the share of labelled anomalies, which odds.csv does not name
SETS = ("arrhythmia", "cardio", "satellite", "satimage-2", "shuttle", "thyroid")
# name, its rows in table.csv (images, tables), paper, what for
METHODS = (
    ("`ocnn`", ("ocnn", "ocnn"), "Chalapathy et al. 2018", "one-class SVM's objective as a network"),
    ("`deep_svdd`", ("deep_svdd", "deep_svdd"), "Ruff et al. 2018", "codes pulled to a centre (`one_class`)"),
    ("`deep_svdd` with `objective=soft_boundary`", ("deep_svdd soft", "deep_svdd soft"), "Ruff et al. 2018",
     "the same with a radius and nu"),
    ("`deep_sad`", ("deep_sad .05", "deep_sad .01"), "Ruff et al. 2020", "Deep SVDD, told of a few anomalies"),
    ("`rcae`", ("rcae", "rcae"), "Chalapathy et al. 2017", "training data with hidden anomalies"),
    ("`arae`", ("arae", "arae"), "Salehi et al. 2021", "survives attacks"),
    ("`gpnd`", ("gpnd", "gpnd"), "Pidhorskyi et al. 2018", "a density; draws examples"),
    ("`fitymi`", ("fitymi", "fitymi"), "Mirzaei et al. 2023", "near novelties, with a pretrained network"),
    ("`score_sde`", ("score_sde", "score_sde"), "Song et al. 2021", "a diffusion model: draws near negatives, and scores"),
    ("`autoencoder`", ("autoencoder", "autoencoder"), "Ruff et al. 2020 (CAE)", "what it cannot redraw is strange"),
    ("`vae`", ("vae", "vae"), "Kingma, Welling 2014", "likewise, or a density"),
    ("`ssad`", ("ssad", "ssad"), "Goernitz et al. 2013", "one-class SVM, told of a few anomalies"),
    ("`supervised`", ("supervised", "supervised"), "(baseline)", "a classifier: knows only what it was shown"),
    ("`semi_dgm`", ("semi_dgm", "semi_dgm"), "Kingma et al. 2014", "generative, learns the known anomalies"),
    ("`ocsvm`", ("ocsvm", "ocsvm"), "Schoelkopf et al. 2001", "small data, one support vector machine"),
    ("`isoforest`", ("isoforest", "isoforest"), "Liu et al. 2008", "no setting to choose"),
    ("`kde`", ("kde", "kde"), "Parzen 1962", "a density of the values themselves"),
    ("`configs/hybrid_ocsvm.py`", ("hybrid_ocsvm", "hybrid_ocsvm"), "Ruff et al. 2020", "a classic on an autoencoder's code"),
    ("`configs/hybrid_isoforest.py`", ("hybrid_isoforest", "hybrid_isoforest"), "Ruff et al. 2020", "likewise"),
    ("`configs/hybrid_kde.py`", ("hybrid_kde", "hybrid_kde"), "Ruff et al. 2020", "likewise"),
    ("`configs/hybrid_ssad.py`", ("hybrid_ssad", "hybrid_ssad"), "Ruff et al. 2020", "likewise, told of a few anomalies"),
)


def main():
    README.write_text(filled(README.read_text()))


def filled(text, **tables):
    """The README's text with the block of the results files, or of other `tables` (as of `read`)."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{block({**read(), **tables})}\n{END}{after}"


def read():
    """{name of a results file: list of {column: text}}."""
    found = {}
    for name in ("table", "odds", "fitymi", "gpnd", *(f"arae_curves/linf_p1_{digit}" for digit in (2, 8))):
        with open(HERE / f"{name}.csv", newline="") as file:
            found[name] = list(csv.DictReader(file))
    return found


def block(files):
    """str, Markdown, of what `read` returns."""
    table, odds = files["table"], files["odds"]
    published = runpy.run_path(str(CONFIGS / "tables/all_methods.py"))["ROWS"]
    leaking = runpy.run_path(str(HERE / "odds.py"))["PUBLISHED"]
    lines = ["| method | paper | what for | MNIST | CIFAR-10 | ODDS |", "|---|---|---|---|---|---|"]
    tables = []
    for name, (row, small), paper, use in METHODS:
        theirs = (*published.get(row, ((),) * 5)[3], None, None)[:2]
        images = [here(of_table(table, row, data), value) for data, value in zip(("mnist", "cifar10"), theirs)]
        if elsewhere(table, row):
            other, published_mean, protocol, _ = OTHERS[row]
            images[0] = here(other(files), published_mean) + f", {protocol}" * bool(protocol)
        seeds, mine = of_odds(odds, table, small)
        known = leaking.get(small.removesuffix(KNOWN), "").split()
        known = statistics.mean(float(each.split("±")[0]) for each in known) if known else None
        tables.append((name, seeds))
        lines.append(f"| {name} | {paper} | {use} | {' | '.join(images)} | {here(mine, known, whole=len(SETS))} |")
    raw = {data: here({cell["normal"]: [float(cell["raw_mean_auroc"])] for cell in table if cell["dataset"] == data}, None)
           for data in ("mnist", "cifar10")}
    raw["odds"] = here(raw_mean(odds), None, whole=len(SETS))
    lines.append(f"| distance to the raw mean | | what every method must beat | {' | '.join(raw.values())} |")
    return "\n".join([*lines, "", caption(tables, table), "", below(table, odds)])


def below(table, odds):
    """str, under the table: which methods are worse than the distance to the raw mean, or than their own untrained networks."""
    found = {"the distance to the raw mean": [], "their own untrained networks": []}
    for place, (title, data) in enumerate((("MNIST", "mnist"), ("CIFAR-10", "cifar10"), ("ODDS", ""))):
        raw, fresh = [], []
        for name, rows, _, _ in METHODS:
            row = rows[place == 2]
            mine = of_odds(odds, table, row)[1] if place == 2 else of_table(table, row, data)
            if len(mine) < (len(SETS) if place == 2 else 10):
                continue
            # of the same cells: table.csv has both beside each score, odds.csv the distance of the same splits
            cells = [cell for cell in table if cell["row"] == row and (cell["dataset"] in SETS if place == 2 else
                                                                       cell["dataset"] == data)]
            means = raw_mean(odds) if place == 2 else of_table(cells, row, data, "raw_mean_auroc")
            if mean(mine) < mean(means):
                raw.append(name)
            before = [float(cell["untrained_auroc"]) for cell in cells if cell.get("untrained_auroc")]
            if before and statistics.mean(float(cell["auroc"]) for cell in cells) < statistics.mean(before):
                fresh.append(name)
        for told, names in zip(found.values(), (raw, fresh)):
            told += [f"{title}: {', '.join(names)}"] if names else []
    return " ".join(f"Below {what}: {'; '.join(told)}." for what, told in found.items() if told)


def mean(classes):
    """float, over classes, of the means over seeds."""
    return statistics.mean(statistics.mean(seeds) for seeds in classes.values())


def caption(tables, cells):
    """str, under the table: how long was trained, and on how many seeds."""
    told = []
    for data, name in (("MNIST", "mnist"), ("CIFAR-10", "cifar10")):
        mine = [cell for cell in cells if cell["dataset"] == name and cell["epochs"].strip("0+")
                and not (name == "mnist" and elsewhere(cells, cell["row"]))]
        factors = {}
        for cell in mine:
            factors.setdefault(float(cell["shorten"] or 1), set()).add(cell["row"])
        if factors:
            most = max(sorted(factors), key=lambda factor: len(factors[factor]))
            exact = {cell["row"] for cell in mine if "--precision=bfloat16" not in cell["sweep"]}
            rarer = [f"{row} {divided(factor)}" + " in bfloat16" * bool(exact and row not in exact)
                     for factor in sorted(factors) if factor != most for row in sorted(factors[factor])]
            told.append(f"{data} {divided(most)}" + f" ({', '.join(rarer)})" * bool(rarer) + " in bfloat16" * (not exact))
    usual = max((seeds for _, seeds in tables), default=0)
    fewer = {}
    for name, seeds in tables:
        if 0 < seeds < usual:
            fewer.setdefault(seeds, []).append(name)
    few = "; ".join(f"{seeds} for {', '.join(names)}" for seeds, names in sorted(fewer.items(), reverse=True))
    others = "; ".join(f"{row}: {trained}" for row, (_, _, _, trained) in OTHERS.items() if elsewhere(cells, row))
    drawn = sorted({cell.get("seed", "0") for cell in cells if cell["dataset"] in ("mnist", "cifar10")}) or ["0"]
    images = f"seed{'s' * (len(drawn) > 1)} {', '.join(drawn)}" + (
        f", published schedules: {'; '.join(told)}" if told else "")
    return (f"Images: {images}" + f"; on pages of their own {others}" * bool(others) + f". ODDS: {usual} seeds" + f" ({few})" * bool(few) + ".")


def divided(factor):
    """str, what became of a schedule."""
    return "whole" if factor == 1 else f"divided by {factor:g}"


def of_table(table, row, data, column="auroc"):
    """{normal class: [AUROC, or another column, of each seed]}."""
    found = {}
    protocol = "semi_supervised" if data in SETS or row.startswith("deep_sad") else "one_vs_rest"
    for cell in table:
        if (cell["row"], cell["dataset"], cell["protocol"]) == (row, data, protocol):
            found.setdefault(cell["normal"], []).append(float(cell[column]))
    return found


def elsewhere(table, row):
    """bool, its images stand in a file of its own, whose schedules are longer; until all ten digits are in table.csv."""
    return row in OTHERS and len(of_table(table, row, "mnist")) < 10


def of_arae(files):
    """{normal digit: [AUROC]}, of half the judged anomalous, the mean of the last five epochs."""
    curves = {name.rpartition("_")[2]: rows for name, rows in files.items() if name.startswith("arae_curves/")}
    return {digit: [statistics.mean(float(row["auroc_0.5"]) for row in rows[-5:])] for digit, rows in curves.items()}


def of_gpnd(files):
    """Likewise, by the whole density, after the most epochs that a digit had."""
    found = {}
    for row in sorted(files["gpnd"], key=lambda row: int(row["epochs"])):
        if row["run"].startswith("gpnd_") and (row["score"], row["share"], row["rule"]) == ("density", "0.5", "subsample"):
            found[row["run"].rpartition("_")[2]] = [float(row["auroc"])]
    return found


def of_fitymi(files):
    """Likewise, of the negatives that are drawn, seeds together."""
    found = {}
    for row in files["fitymi"]:
        if (row["negatives"], row["layers"]) == ("score_sde", "last"):
            found.setdefault(row["digit"], []).append(float(row["nd"]))
    return found


def of_odds(odds, table, row):
    """(seeds, {set: [AUROC of each seed]}), of odds.csv, else of table.csv."""
    method = row.removesuffix(KNOWN)
    found = {}
    for cell in odds:
        if cell["method"] == method:
            found.setdefault(cell["set"], []).append(float(cell["auroc"]))
    if not found:
        found = {name: seeds for name in SETS for seeds in of_table(table, row, name).values()}
    return max(map(len, found.values()), default=0), found


# methods that were run by themselves: what reads them, the published mean there, the protocol, the schedule
OTHERS = {"arae": (of_arae, 97.5, "`p1`", "whole"), "gpnd": (of_gpnd, 98.0, "`folds`", "8 whole, 1 and 5 a quarter"),
          "fitymi": (of_fitymi, None, "its network learned seven other digits", "three seeds")}


def raw_mean(odds):
    """{set: [AUROC of each seed]}."""
    found = {}
    for cell in odds:
        if cell["method"] == "deep_svdd":
            found.setdefault(cell["set"], []).append(float(cell["raw_mean"]))
    return found


def here(classes, published, whole=10):
    """str of a cell, percent: the mean where all classes were run, "mean of 8", or up to three classes by themselves."""
    text = ""
    if len(classes) == whole:
        text = f"{100 * mean(classes):.1f}"
    elif len(classes) > 3:
        text = f"{100 * mean(classes):.1f} of {len(classes)}"
    elif classes:
        ordered = sorted(classes, key=lambda each: (not each.isdigit(), int(each) if each.isdigit() else 0, each))
        text = ", ".join(f"{each}: {100 * statistics.mean(classes[each]):.1f}" for each in ordered)
    if published is not None:
        text = f"{text or 'not run'} ({published:.1f})"
    return text


if __name__ == "__main__":
    main()
