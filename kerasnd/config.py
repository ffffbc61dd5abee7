"""What a run does, as values: a config file, the flags and the overrides, resolved into one nested dict.

    {seed, source: {...}, normal, protocol: {name, ...}, batches: {...},
     stages: [{method, model: {...}, optimizer: {...}, fit: {epochs, batch_size}, run}, ...]}

Each section is the keyword arguments of one call. A config file is Python with a function `get_config`, which may take
`dataset` and `variant` and gives a dict or an ml_collections.ConfigDict; what it leaves out is filled from `DEFAULTS` and
`STAGE`. It is executed: run only files that you trust.
"""
import copy
import inspect
import json
import os
from pathlib import Path

from kerasnd import config_file
from kerasnd import overrides as texts
from kerasnd.errors import Misuse, suggest

DEFAULTS = {
    "seed": 0,                                                      # of the split, the weights and the order of batches
    "source": {"name": "", "size": None, "label_column": None, "skip_unreadable": False, "missing": "refuse",
               "categorical": "onehot"},                            # the last two are of .csv tables
    "normal": "",                                                   # class numbers or names, with commas between
    "protocol": {"name": "auto"},                                   # and its options; any has calibration_share
    "batches": {"cache_gib": 2.0},                                  # larger image sets stream
    "stages": [],
}
STAGE = {
    "method": "",
    "model": {},
    "optimizer": {"name": "adam", "learning_rate": 1e-3, "milestones": [], "factor": 0.1, "epsilon": 1e-8},
    "fit": {"epochs": 50, "batch_size": 128},
    "run": "",                                                      # a finished run whose detector stands in for this stage
}
_OPEN = ("protocol", "model", "optimizer")                          # may hold more of their call's arguments than is said here
_FROM_OUTSIDE = ("example_shape", "encoder", "decoder", "denoiser", "vae", "steps")   # from the data, or Keras models: not typed


def load(method=None, file=None, dataset=None, normal=None, seed=None, label_column=None, skip_unreadable=None,
         data_dir=None, overrides=()):
    """Resolves a config.

    Args:
        method: str, picks configs/<method>.py, or None where `file` is given.
        file: str, a config file, "FILE.py" or "FILE.py:VARIANT".
        dataset: str, name or path; None: the config file's own.
        normal: str, "3", "good", "1,3", "random:4", "all"; None: the config file's own, or that of a table which needs none named
            (see `kerasnd.data.sources.default_normal`).
        seed, label_column, skip_unreadable: replace the config file's values unless None.
        data_dir: str or None, where the data lies.
        overrides: sequence of (key, text) as typed; the protocol's name is applied first and brings its defaults.

    Returns:
        dict, nested, of JSON's types.

    Raises:
        Misuse: the file, a key, or a value is not as it must be.
    """
    from kerasnd.data import calibration
    from kerasnd.data.splits import checked_share
    last = dict(overrides)
    dataset, normal = last.pop("source.name", dataset), last.pop("normal", normal)
    protocol = last.pop("protocol.name", None)
    config = _complete(config_file.read(method, file, dataset))
    for section, key, value in ((config["source"], "name", dataset), (config, "normal", normal), (config, "seed", seed),
                                (config["source"], "label_column", label_column),
                                (config["source"], "skip_unreadable", skip_unreadable)):
        if value is not None:
            section[key] = value
    config["source"]["name"] = anywhere(config["source"]["name"])
    config["normal"] = ",".join(part.strip() for part in config["normal"].split(","))
    config["protocol"] = _protocol(config["protocol"], protocol, config["source"]["name"])

    def more(way):
        if way == ["protocol"]:
            return {calibration.OPTION: 0.0}
        in_stage = len(way) == 3 and way[0] == "stages" and way[2] in ("model", "optimizer")
        return arguments(config["stages"][way[1]]["method"], way[2]) if in_stage else {}
    for key, text in last.items():
        texts.override(config, key, text, more)
    if not checked_share(calibration.OPTION, config["protocol"].get(calibration.OPTION, 0), zero=True):
        config["protocol"].pop(calibration.OPTION, None)        # as in the records of runs before there was such a share
    for stage in config["stages"]:
        stage["run"] = stage["run"] and os.path.abspath(os.path.expanduser(stage["run"]))
    if config["source"]["name"] and not config["normal"].strip(","):
        from kerasnd.data import sources
        config["normal"] = sources.default_normal(data_dir=data_dir, **config["source"])
    _check(config, method)
    return config


def differences(old, new):
    """Where two configs differ.

    Args:
        old, new: nested dict and list of plain values.

    Returns:
        list of str, "stages[0].fit.epochs (50, now 5)"; empty where they are the same.
    """
    old, new = texts.leaves(old), texts.leaves(new)
    return [f"{key} ({json.dumps(old.get(key))}, now {json.dumps(new.get(key))})" for key in {**old, **new}
            if key not in old or key not in new or old[key] != new[key]]


def arguments(method, section="model"):
    """What a stage's section may hold. Imports TensorFlow.

    Args:
        method: str, the stage's.
        section: "model" or "optimizer".

    Returns:
        dict, {argument: default} of the method's constructor, or of `optimizers.make`, but for what comes from the data.
    """
    from kerasnd import process
    process.import_tensorflow()
    from kerasnd import methods, optimizers
    parameters = inspect.signature(methods.method(method) if section == "model" else optimizers.make).parameters.values()
    return {each.name: None if each.default is each.empty else each.default for each in parameters
            if each.name not in _FROM_OUTSIDE and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)}


def check_arguments(config):
    """Raises Misuse for a key of a `model` or `optimizer` section that its call does not take. Imports TensorFlow."""
    for place, stage in enumerate(config["stages"]):
        for section in ("model", "optimizer"):
            known = arguments(stage["method"], section)
            for key in stage.get(section, {}):
                if key not in known:
                    raise Misuse(f"`stages[{place}].{section}` of {stage['method']} must hold its arguments. Received: '{key}'."
                                 f"{suggest(key, known)} It takes {', '.join(known)}.")


def _complete(given):
    """The config with every section, what the file leaves out filled in."""
    if isinstance(given, dict) and isinstance(given.get("normal", ""), (int, list)):
        classes = given["normal"] if isinstance(given["normal"], list) else [given["normal"]]
        given = {**given, "normal": ",".join(map(str, classes))}
    config = _filled("config", given, DEFAULTS)
    config["stages"] = [_filled(f"stages[{place}]", stage, _sections(stage)) for place, stage in enumerate(config["stages"])]
    return config


def _sections(stage):
    """The sections of a stage: one that is solved for in one piece has no optimiser and no epochs."""
    from kerasnd.methods import SOLVED
    solved = isinstance(stage, dict) and stage.get("method") in SOLVED
    return {key: value for key, value in STAGE.items() if not solved or key not in ("optimizer", "fit")}


def _filled(where, given, defaults, more_keys=False):
    """A copy of `defaults` with the values of `given` in their places, each of the same type; sections inside likewise."""
    if not isinstance(given, dict):
        raise Misuse(f"`{where}` must be a section (a dict). Received: {given!r}.")
    filled = copy.deepcopy(defaults)
    for key, value in given.items():
        if key not in defaults and not more_keys:
            raise Misuse(f"`{where}` must have the keys {', '.join(defaults)}. Received: '{key}'.{suggest(key, defaults)}")
        default = defaults.get(key)
        kind = (int, float) if type(default) is float else type(default)
        if isinstance(default, dict):
            value = _filled(f"{where}.{key}".removeprefix("config."), value, default, more_keys=key in _OPEN)
        elif default is not None and (not isinstance(value, kind) or isinstance(value, bool) is not isinstance(default, bool)):
            raise Misuse(f"`{where}` must have `{key}` of type {type(default).__name__}. Received: {value!r}.")
        filled[key] = value
    return filled


def _protocol(section, name, dataset):
    """The protocol's section with every option it has; a `name` from the command line brings its own defaults, and a user's own
    data a share that is held out for calibration."""
    from kerasnd.data import calibration, protocols, sources
    if name is not None and name != section["name"]:
        section = {"name": name}
    options = protocols.defaults(section["name"])
    if dataset and sources.is_own(dataset) or calibration.OPTION in section:
        options = {**options, calibration.OPTION: calibration.OWN}
    for key in section:
        if key != "name" and key not in options:
            raise Misuse(f"`protocol` must hold options of {section['name']} ({', '.join(options) or 'it has none'}). Received: "
                         f"'{key}'.{suggest(key, options)}")
    return {"name": section["name"], **options, **section}


def anywhere(dataset):
    """A path that holds from any working directory; a name as it is."""
    path = os.path.expanduser(dataset)
    if os.path.exists(path) and (os.sep in dataset or Path(dataset).suffix):
        return os.path.abspath(path)
    return dataset


def _check(config, method):
    """Raises Misuse for values that no run could use."""
    from kerasnd.methods import METHODS
    if not config["source"]["name"]:
        raise Misuse("`--dataset` must be given. Received: none. Write --dataset=digits, a TFDS name, or a path.")
    if not config["normal"].strip(","):
        raise Misuse("`--normal` must name the normal class; only for a table of the classes 0 and 1 it is known to be 0. "
                     "Received: none. Write --normal=3, or several: --normal=1,3; where --outliers brings the anomalies, "
                     "--normal=all is every class.")
    _at_least("seed", config["seed"], 0)
    if config["seed"] >= 2 ** 32:
        raise Misuse(f"`seed` must be below 2**32. Received: seed={config['seed']}.")
    if not config["stages"]:
        raise Misuse("`stages` must hold at least one stage. Received: []. Add {'method': ...} to the config file.")
    for place, stage in enumerate(config["stages"]):
        if stage["method"] not in METHODS:
            raise Misuse(f"`stages[{place}].method` must be one of {', '.join(METHODS)}. Received: {stage['method']}."
                         f"{suggest(stage['method'], METHODS)}")
        for section, key, least in (("fit", "epochs", 1), ("fit", "batch_size", 1), ("optimizer", "learning_rate", None),
                                    ("optimizer", "factor", None), ("optimizer", "epsilon", None)):
            if section in stage:
                _at_least(f"stages[{place}].{section}.{key}", stage[section][key], least)
        for each in stage.get("optimizer", {}).get("milestones", []):
            _at_least(f"stages[{place}].optimizer.milestones", each, 1)
    if method is not None and method not in [stage["method"] for stage in config["stages"]]:
        raise Misuse(f"`--method` must be a method of the config. Received: --method={method}, and a config of "
                     f"{', '.join(stage['method'] for stage in config['stages'])}. Leave --method out.")


def _at_least(name, value, least):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or (value < least if least is not None else not value > 0):
        raise Misuse(f"`{name}` must be {'positive' if least is None else f'at least {least}'}. Received: {value!r}.")
