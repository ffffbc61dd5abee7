"""What a sweep will do: the config of every cell, resolved before anything is trained, and which cells share a first stage."""
import dataclasses
import hashlib
import json
import os

from kerasnd import config as configs
from kerasnd.config_file import split_variant
from kerasnd.data import sources
from kerasnd.errors import BadData, Misuse, suggest
from kerasnd.methods import METHODS, method
from kerasnd.sweep.cells import Cell, row_of
from kerasnd.sweep.shortening import shorten

# Seconds on one core, very roughly: of what happens once in a run, and of an epoch. They order the cells and begin the forecast.
ONCE, EPOCH = {"table": 6.0, "images": 20.0}, {"table": 0.03, "images": 0.7, "cifar10": 5.0, "cifar100": 5.0}

# An epoch of these takes so many of a LeNet's.
HEAVY = {"gpnd": 120.0, "score_sde": 30.0, "fitymi": 10.0, "arae": 8.0, "mnist_dcae": 12.0}


@dataclasses.dataclass(frozen=True)
class Job:
    """A cell, ready to be run.

    Args:
        cell: Cell, with the overrides that shorten it.
        digest: str, of its resolved config: another one in the same folder is another job.
        shared: str, equal in jobs whose first stage is the same, "" where it is not to be shared.
        cost: float, seconds, very roughly; orders the cells before any was timed.
        spared: float, of these, what a first stage that is lent saves.
        epochs: tuple of int, of its stages; 0 for one that is solved for in one piece.
        problem: str, why it cannot be run, or "".
    """
    cell: Cell
    digest: str = ""
    shared: str = ""
    cost: float = 0.0
    spared: float = 0.0
    epochs: tuple = ()
    problem: str = ""


def cells(methods, datasets, normals, seeds, data_dir=None, overrides=(), flags=()):
    """The cells that flags ask for, methods x data sets x normal classes x seeds.

    Args:
        methods: list of str, each a method or a config file, "FILE.py:VARIANT".
        datasets: list of str.
        normals: list of str, each as --normal; or None: every class that a data set has examples of to train on, one by one, and
            of a table whose normal class is known, that.
        seeds: list of int.
        data_dir: str or None.
        overrides, flags: of every cell, see `Cell`.

    Returns:
        list of Cell.

    Raises:
        Misuse, BadData: there is no such method or data set.
    """
    for each in methods:
        if each not in METHODS and ".py" not in each:
            raise Misuse(f"`--methods` must be of {', '.join(METHODS)}, or config files. Received: {each}."
                         f"{suggest(each, METHODS)}")
    for each in datasets:
        sources.refuse_unknown(each, data_dir)
    datasets = [configs.anywhere(each) for each in datasets]
    classes = {each: normals or classes_of(each, data_dir, named(methods[0]), overrides) for each in datasets}
    return [Cell(row_of(*named(each)), dataset, normal, seed, *named(each), tuple(overrides), tuple(flags))
            for each in methods for dataset in datasets for normal in classes[dataset] for seed in seeds]


def named(text):
    """(method, config) of a method's name or a config file's, which holds from any working directory."""
    if text in METHODS:
        return text, ""
    file, variant = split_variant(text)
    file = os.path.abspath(os.path.expanduser(file)) if os.path.exists(os.path.expanduser(file)) else file
    return "", ":".join(filter(None, [file, variant]))


def classes_of(dataset, data_dir=None, method_and_config=("kde", ""), overrides=()):
    """list of str, the normal classes that `--normals=all` stands for.

    Args:
        dataset, data_dir: str.
        method_and_config: as `named` returns; its `source` says how the data is read.
        overrides: sequence of (key, text), of which those of `source` are heeded.
    """
    method_name, file = method_and_config
    source = configs.load(method=method_name or None, file=file or None, dataset=dataset, normal="0", data_dir=data_dir,
                          overrides=[(key, text) for key, text in overrides if key.startswith("source.")])["source"]
    known = sources.default_normal(data_dir=data_dir, **source)
    if known:
        return [known]
    pool = sources.load_data(data_dir=data_dir, **source)
    there = set(pool.category if pool.official is None else pool.category[pool.official == "train"])
    return [str(number) if len(set(pool.names)) < len(pool.names) else name for number, name in enumerate(pool.names)
            if number in there]


def plan(cells, data_dir=None, factor=None, forgiving=False):
    """Resolves cells.

    Args:
        cells: list of Cell.
        data_dir: str or None.
        factor: float >= 1, all epochs are divided by it (see `shortening`); None: those of each cell by its own.
        forgiving: bool, a cell that cannot be resolved, as its data is not there, becomes a Job with its `problem`.

    Returns:
        list of Job, cheapest first, those of equal cost as given.

    Raises:
        Misuse, BadData: a cell cannot be resolved; two of them would have one folder.
    """
    jobs, places = [], {}
    for cell in cells:
        try:
            job = resolved(cell, data_dir, factor)
        except (Misuse, BadData) as error:
            if not forgiving:
                raise
            job = Job(cell, problem=str(error))
        same = places.setdefault(str(cell.folder), job)
        if same is not job and same.digest != job.digest:
            if cell.dataset != same.cell.dataset:
                raise Misuse(f"`--datasets` must have file names that differ. Received: {same.cell.dataset} and {cell.dataset}, "
                             f"both for {cell.folder}. Rename one.")
            raise Misuse(f"`--methods` must have names that differ. Received: {cell.row} twice, with different configs. Rename "
                         "one.")
        if same is job:
            jobs.append(job)
    return sorted(jobs, key=lambda job: job.cost)


def resolved(cell, data_dir=None, factor=None):
    """Job of a cell. Raises Misuse, BadData."""
    sources.refuse_unknown(cell.dataset, data_dir)
    settings = _load(cell, data_dir)
    factor = cell.shorten if factor is None else factor
    more = tuple(shorten(settings, factor))
    cell = dataclasses.replace(cell, overrides=(*cell.overrides, *more), shorten=factor)
    if more:
        settings = _load(cell, data_dir)
    configs.check_arguments(settings)
    stages = settings["stages"]
    epochs = tuple(stage.get("fit", {}).get("epochs", 0) for stage in stages)
    kind = "table" if sources.is_table(cell.dataset) or cell.dataset == "digits" else "images"
    each = [count * EPOCH.get(cell.dataset, EPOCH[kind]) * _heavy(stage) for count, stage in zip(epochs, stages)]
    shared = _shared(settings, cell)
    return Job(cell, digest=_digest([settings, cell.flags]), shared=shared, cost=ONCE[kind] + sum(each),
               spared=each[0] if shared else 0.0, epochs=epochs)


def _heavy(stage):
    """float, how much longer an epoch of a stage takes than a LeNet's."""
    return HEAVY.get(stage["method"], HEAVY.get(stage.get("model", {}).get("network"), 1.0))


def _load(cell, data_dir):
    return configs.load(method=cell.method or None, file=cell.config or None, dataset=cell.dataset, normal=cell.normal or None,
                        seed=cell.seed, data_dir=data_dir, overrides=cell.overrides)


def _shared(settings, cell):
    """str, of all that the first stage depends on; "" where it is no autoencoder, or is taken from a run already."""
    first = settings["stages"][0]
    if first["method"] != "autoencoder" or first.get("run"):
        return ""
    scaling = [stage.get("model", {}).get("preprocess", "auto") for stage in settings["stages"]]
    scaling = [kind for kind in scaling if kind != "auto"] or [
        method(settings["stages"][-1]["method"]).default_preprocess((1,) if sources.is_table(cell.dataset) else (1, 1, 1))]
    data = {key: settings[key] for key in ("seed", "source", "normal", "protocol", "batches")}
    model = {**first["model"], "preprocess": scaling[0]}
    return _digest([data, {**first, "model": model}, cell.flags])


def _digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=list).encode()).hexdigest()[:16]
