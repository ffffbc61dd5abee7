"""What a finished run is judged on again: its own config with something exchanged, and the examples that this names."""
import copy
import dataclasses

import numpy as np
from absl import logging

from kerasnd import config as configs
from kerasnd import examples, overrides
from kerasnd.errors import Misuse
from kerasnd.folder import TABLES


def exchanged(config, dataset=None, normal=None, outliers="", label_column=None, skip_unreadable=False, options=()):
    """A run's config as it is to be judged.

    Args:
        config: dict, of the run.
        dataset, normal, outliers, label_column, skip_unreadable: as in `runs.evaluate`.
        options: sequence of (key, text) as typed, options of the run's protocol: ("protocol.anomaly_share", "0.1").

    Returns:
        (config, changed): changed is a dict of dataset, normal, outliers and "protocol.OPTION", of those that differ from the
        run's own, with what they are now.

    Raises:
        Misuse: no such option or no such value; options for another data set; another set for normals drawn at random.
    """
    elsewhere = dataset is not None and configs.anywhere(dataset) != config["source"]["name"]
    source = {**config["source"], **({**TABLES, "name": configs.anywhere(dataset), "label_column": None} if elsewhere else {})}
    source["label_column"] = label_column or source.get("label_column")
    source["skip_unreadable"] = bool(skip_unreadable or source.get("skip_unreadable"))
    judged = {**copy.deepcopy(config), "source": source, "normal": normal or config["normal"],
              "outliers": outliers or ("" if elsewhere else config.get("outliers", ""))}
    for key, text in options:
        if elsewhere:
            raise Misuse(f"`--config.{key}` must go with the run's own data set: another is judged on its test part, whatever the "
                         f"protocol. Received: --dataset={dataset} with it. Leave one of the two out.")
        if not key.startswith("protocol.") or key == "protocol.name":
            raise Misuse(f"`--config.{key}` must be an option of the run's protocol {config['protocol']['name']}: for all else the "
                         "run's own config holds. Train another run with bin/train to change it.")
        overrides.override(judged, key, text)
    if elsewhere and not normal and examples.draws(config):
        raise Misuse(f"`--normal` must be given: the run's normals are drawn among the classes of its own set. Received: --dataset="
                     f"{dataset} and normal={config['normal']!r}. Its log names them.")
    return judged, {key: value for key, value in _what(judged).items() if value != _what(config)[key]}


def _what(config):
    return {"dataset": config["source"]["name"], "normal": config["normal"], "outliers": config.get("outliers", ""),
            **{f"protocol.{option}": value for option, value in config["protocol"].items()}}


def load(config, judged, changed, data_dir=None, schema=None):
    """The examples to judge.

    Args:
        config: dict, of the run.
        judged, changed: what `exchanged` gives.
        data_dir, schema: as in `examples.split`.

    Returns:
        ((Pool, Split), own): own is the (Pool, Split) of the run itself, or None where nobody needed to know. Under a protocol that
        judges nobody who trains, no example that the run trained on, or held out for calibration, is judged under other normals
        either.

    Raises:
        Misuse: options under which others would have trained; Misuse, BadData: as `examples.split`.
    """
    if "dataset" in changed:
        return examples.test_part(examples.untold(judged), data_dir, schema), None
    others = {"normal", "outliers"} & set(changed)
    pool, normal = examples.load(judged, data_dir, schema)
    split = examples.parts(examples.untold(judged) if others else judged, pool, normal)
    if not changed:
        return (pool, split), (pool, split)
    if set(changed) == {"outliers"}:
        return (pool, split), None
    own_pool, own_normal = examples.load(config, data_dir, schema) if others else (pool, normal)
    own = examples.parts(config, own_pool, own_normal)
    if not others:
        return (pool, under_options(config, own, judged, changed, pool, normal)), (own_pool, own)
    if set(changed) - others:
        under_options(config, own, judged, {key: changed[key] for key in changed if key not in others}, own_pool, own_normal)
    return (pool, _unseen(split, own)), (own_pool, own)


def under_options(config, own, judged, changed, pool, normal):
    """The Split of the run's own examples under other options of its protocol.

    Args:
        config: dict, of the run.
        own: Split, of the run.
        judged, changed: what `exchanged` gives, where nothing but options of the protocol changed.
        pool, normal: what `examples.load` gives.

    Raises:
        Misuse: others would have trained.
    """
    if not changed:
        return own
    asked = examples.parts({**config, "protocol": judged["protocol"]}, pool, normal)
    _refuse_other_training(own, asked, changed)
    return _unseen(asked, own)


def _refuse_other_training(own, asked, options):
    if not (np.array_equal(own.train, asked.train) and np.array_equal(own.hint, asked.hint)):
        given = ", ".join(f"{key.removeprefix('protocol.')}={value!r}" for key, value in options.items())
        more, fewer = (len(np.setdiff1d(*each)) for each in ((asked.train, own.train), (own.train, asked.train)))
        raise Misuse(f"`--config.{next(iter(options))}` must leave the training part as it was. Received: {given}, by which "
                     f"{more} others would train and {fewer} of {len(own.train)} not, or with other hints. Train another run by "
                     "bin/train.")


def _unseen(split, own):
    """The split without examples that the run was trained on or calibrated by, unless its protocol judges these all the same."""
    if np.isin(own.test, own.train).any():
        return split
    kept = {}
    for name in ("test", "validation"):
        seen = np.isin(getattr(split, name), np.concatenate([own.train, own.calibration]))
        if seen.any():
            logging.warning("%d of the %s part are left out, since the run was trained on them or calibrated by them",
                            int(seen.sum()), name)
        columns = ("test", "label", "times") if name == "test" else ("validation", "validation_label", "validation_times")
        kept.update({column: getattr(split, column)[~seen] for column in columns if len(getattr(split, column))})
    return dataclasses.replace(split, **kept)
