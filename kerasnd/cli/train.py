"""Trains a novelty detector and judges it: flags -> config -> `runs.train`."""
import os
import re
import sys
from pathlib import Path

from kerasnd import process
from kerasnd.cli import finished, flags

ABOUT = """
Trains a novelty detector on the normal classes of a data set, judges it on the test part, writes a run folder.

  bin/train --method=ocnn --dataset=digits --normal=3
  bin/train --config=configs/ocnn.py:paper --dataset=cifar10 --normal=3 --data_dir=DIR
  bin/train --method=rcae --dataset=photos/ --normal=good --config.stages[0].fit.epochs=20
"""


def program():
    """Returns the `Flags` of this program."""
    train = flags.Flags(ABOUT)
    train.group("What to learn")
    train.string("method", None, "autoencoder, rcae, ocnn, deep_svdd, deep_sad, arae, gpnd, fitymi, score_sde, vae, semi_dgm, "
                 "supervised, ssad, ocsvm, isoforest, kde: takes configs/METHOD.py.")
    train.string("dataset", None, "digits, breast_cancer, a TFDS name (mnist, cifar10...), or a path: a folder of images "
                 "(train/CLASS/*, test/CLASS/*, or CLASS/* alone), .npz, .mat, .csv. Of a path a tenth of the training normals is "
                 "held out, for the p-values of bin/score; --config.protocol.calibration_share says another share, for every set.")
    train.string("normal", None,
                 "The normal class, by number or name, or several: 3, good, or 1,3,77; random:4 draws four by the seed; all, with "
                 "--outliers. May be left out for tables of the classes 0 and 1, where it is 0.")
    train.string("config", None, "A config file in place of the method's own; FILE.py:VARIANT asks for a variant, "
                 "configs/ocnn.py:paper for one. Any value of the config is set with --config.KEY=VALUE, "
                 "as in --config.stages[0].fit.epochs=20 (in quotes for zsh) or --config.protocol.name=holdout.")
    train.count("seed", "Seed of the split, the weights and the order of the batches.", default=None)
    train.group("Where")
    train.string("data_dir", None, "Where TFDS sets are prepared, or are to be; else TFDS_DATA_DIR.")
    train.string("run", None, "The run folder (default: saved_models/METHOD/DATASET/NORMAL/SEED). An unfinished run "
                 "in it is resumed.")
    train.switch("overwrite", "Repeat a finished run, and replace a run of another config.")
    train.group("More about the data")
    train.string("outliers", "", "The test set's anomalies come from this set or path instead (a .npy of images: those in the "
                 "normal class's place), or are made: uniform_noise, gaussian_noise.")
    train.string("hints", "", "A .csv of path or index and -1, 0 or +1: what the learner may know (semi-supervised methods). "
                 "bin/score --suggest writes one to be filled in.")
    train.string("negatives", "", "Generated examples near the normal class (.npz of bin/generate; .npy of all classes), which "
                 "train as known anomalies, as many as there are normals at most (semi-supervised methods).")
    train.string("label_column", None, "The column of a .csv that holds the class; or the feature of a TFDS set: coarse_label for "
                 "the 20 superclasses of cifar100.")
    train.switch("skip_unreadable", "Leave broken images out, and say which, instead of stopping.")
    train.count("limit", "At most N training examples and N steps per epoch: a dry run.")
    finished.machine_flags(train)
    train.choice("distribute", ["auto", "none", "mirrored"], "mirrored trains on every GPU.")
    train.count("replicas", "As many logical CPU devices, to try --distribute=mirrored without GPUs.")
    train.choice("precision", ["float32", "bfloat16"], "bfloat16 is faster where the processor has it.")
    return train


def default_run(settings, method=None, config=None):
    """Where a run goes when --run does not say.

    Args:
        settings: dict, the resolved config.
        method: str or None, --method.
        config: str or None, --config; its name and variant stand in the method's place.

    Returns:
        Path, saved_models/<method>/<dataset>/<normal>/<seed>, every part a plain folder name.
    """
    from kerasnd.config_file import split_variant
    name, variant = split_variant(config or method or settings["stages"][-1]["method"])
    name = "_".join(filter(None, [Path(name).stem, variant]))
    dataset = settings["source"]["name"]
    if os.path.exists(dataset):
        path = Path(os.path.abspath(dataset))
        dataset = path.name if path.is_dir() else path.stem
    return Path("saved_models", *map(_folder, (name, dataset, settings["normal"], settings["seed"])))


def _folder(text):
    """A name that is one folder, inside its parent, on every file system."""
    return re.sub(r"[^\w.,+=-]+", "_", str(text)).lstrip(".")[:100] or "_"


def train(values, overrides):
    """Resolves the config and hands everything to `runs.train`."""
    from kerasnd import config
    from kerasnd.data import sources
    process.settle(values["device"].value, values["threads"].value)
    dataset = dict(overrides).get("source.name", values["dataset"].value)
    if dataset:         # first of all: whether other values fit depends on the data set, and so would the complaint
        sources.refuse_unknown(dataset, values["data_dir"].value)
    settings = config.load(method=values["method"].value, file=values["config"].value, dataset=values["dataset"].value,
                           normal=values["normal"].value, seed=values["seed"].value,
                           label_column=values["label_column"].value,
                           skip_unreadable=values["skip_unreadable"].value,
                           data_dir=values["data_dir"].value, overrides=overrides)
    run = values["run"].value or default_run(settings, values["method"].value, values["config"].value)
    process.import_tensorflow()
    config.check_arguments(settings)
    from kerasnd import runs
    passed_on = ("overwrite", "distribute", "replicas", "device", "threads", "precision", "limit", "outliers", "hints",
                 "negatives", "data_dir")
    runs.train(settings, Path(run).expanduser(), **{name: values[name].value for name in passed_on}, command=sys.argv)


def main(argv=None):
    """Returns the exit code."""
    return flags.run("train", program(), train, argv,
                     on_interrupt="The same command again resumes the run where its last epoch ended.")


if __name__ == "__main__":
    sys.exit(main())
