"""What the config files of published tables share: numbers as they are printed in a paper, and rows of the Deep SAD study."""

NONE_TOLD = {"protocol.ratio_known_outlier": "0"}       # for methods that would train on the labelled anomalies as if unlabelled
# The columns of the study's tables: our config, and whether labels are told. Published OC-SVM and SSAD choose gamma by test labels;
# Deep SVDD is Deep SAD without labels.
STUDY = {
    "OC-SVM Raw": ("configs/ocsvm.py:oracle", False), "OC-SVM Hybrid": ("configs/hybrid_ocsvm.py:oracle", False),
    "IF Raw": ("configs/isoforest.py:paper", False), "IF Hybrid": ("configs/hybrid_isoforest.py:paper", False),
    "KDE Raw": ("configs/kde.py:paper", False), "KDE Hybrid": ("configs/hybrid_kde.py:paper", False),
    "CAE": ("configs/autoencoder.py:deep_sad", False), "Deep SVDD": ("configs/deep_sad.py:paper", False),
    "SSAD Raw": ("configs/ssad.py:oracle", True), "SSAD Hybrid": ("configs/hybrid_ssad.py:oracle", True),
    "SS-DGM": ("configs/semi_dgm.py:paper", True), "Deep SAD": ("configs/deep_sad.py:paper", True),
    "Supervised": ("configs/supervised.py:paper", True),
}
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
READ = "read in the appendix of the paper's review version"


def class_of(name):
    """str, the number of a class: names of CIFAR-10 are not in every prepared copy of it."""
    return str(CIFAR10.index(name)) if name in CIFAR10 else name


def printed(text):
    """float, or [mean, deviation], or None of "97.9", "97.9±1.8", "–"."""
    text = text.strip().rstrip("*")
    if text in ("", "–", "-"):
        return None
    parts = [float(part) for part in text.split("±")]
    return parts[0] if len(parts) == 1 else parts


def blocks(text, turned=False):
    """{column: {row: value}} of blocks with an empty line between, whose cells are divided by "|".

    A block's first line has its name and the names of its columns, which are called by both; the others have a row each.

    Args:
        text: str.
        turned: bool, the first line names the rows instead, and the others are columns.
    """
    values = {}
    for block in text.strip().split("\n\n"):
        cells = [[cell.strip() for cell in line.split("|")] for line in block.splitlines()]
        (group, *heads), *lines = zip(*cells, strict=True) if turned else cells
        for place, head in enumerate(heads, 1):
            values[f"{group} {head}"] = {line[0]: printed(line[place]) for line in lines}
    return values


def study_rows(values):
    """The rows of a table of the Deep SAD study; a method takes part in the columns for which it has a published value.

    Args:
        values: {column: {method of `STUDY`: value}}, as from `blocks`.
    """
    rows = []
    for name, (config, told) in STUDY.items():
        found = {column: each[name] for column, each in values.items() if each.get(name) is not None}
        if found:
            rows.append({"name": name, "config": config, "published": found, "certainty": READ, "columns": list(found),
                         "overrides": {} if told else dict(NONE_TOLD)})
    return rows


def study_columns(values, key, datasets, more):
    """Its columns: one for each line of the text, "MNIST .05", over the ten normal classes.

    Args:
        values: as above.
        key: str, what the number in a column's name is set to.
        datasets: {first word of a column: data set}.
        more: {key: text}, for all columns.
    """
    columns = []
    for name in values:
        data, number = name.rsplit(" ", 1)
        number = f"0{number}" if number.startswith(".") else number
        columns.append({"name": name, "group": data, "dataset": datasets[data], "normals": [str(digit) for digit in range(10)],
                        "overrides": {"protocol.name": "semi_supervised", **more, key: number}})
    return columns
