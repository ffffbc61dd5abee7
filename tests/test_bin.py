"""The programs: help, mistakes, and what they hand on. Training through them is tested elsewhere."""
import errno
import json
import os
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest
import tensorflow as tf

import kerasnd
from kerasnd.cli import benchmark, evaluate, export, flags, generate, report, score, train, verify
from kerasnd.errors import BadData, Misuse

CHECKOUT = Path(__file__).resolve().parent.parent
PROGRAMS = {"train": train, "evaluate": evaluate, "score": score, "export": export, "verify": verify, "generate": generate,
            "report": report, "benchmark": benchmark}


def started(*words, cwd=None, env=None):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, cwd=cwd, timeout=60, env=env)


@pytest.fixture
def runs(monkeypatch):
    """Stands in for `kerasnd.runs` and keeps what it is handed."""
    handed = types.SimpleNamespace()

    def keep(name):
        return lambda *args, **kwargs: setattr(handed, name, (args, kwargs))
    stand_in = types.SimpleNamespace(train=keep("train"), evaluate=keep("evaluate"), score=keep("score"))
    monkeypatch.setitem(sys.modules, "kerasnd.runs", stand_in)
    monkeypatch.setattr(kerasnd, "runs", stand_in, raising=False)
    for module in (train, evaluate, score):
        monkeypatch.setattr(module.process, "settle", lambda *args: None)
        monkeypatch.setattr(module.process, "import_tensorflow", lambda: None)
    return handed


# ---- help and start ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", PROGRAMS)
def test_help_shows_the_flags_and_exits_zero(name):
    shown = started(CHECKOUT / "bin" / name, "--help")
    assert shown.returncode == 0 and shown.stderr == ""
    for flag in PROGRAMS[name].program()._names():
        assert f"--{flag}" in shown.stdout
    assert "--verbosity" not in shown.stdout and "--verbosity" in started(CHECKOUT / "bin" / name, "--helpfull").stdout


def test_help_is_there_at_once():
    def seconds():
        began = time.monotonic()
        started(CHECKOUT / "bin/train", "--help")
        return time.monotonic() - began
    assert min(seconds() for _ in range(3)) < 1


def test_nothing_heavy_is_imported_before_the_flags_are_read():
    heavy = "import sys, kerasnd, kerasnd.cli.train as t; t.main(['--help']); print(*sys.modules)"
    loaded = started(sys.executable, "-c", heavy, cwd=CHECKOUT).stdout.split()
    assert not {"numpy", "tensorflow", "keras", "ml_collections", "sklearn"} & set(loaded)


def test_a_program_works_through_symlinks_from_any_folder(tmp_path):
    (tmp_path / "one").symlink_to(CHECKOUT / "bin/train")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "two").symlink_to("../one")
    (tmp_path / "numpy.py").write_text("raise SystemExit('the working directory must not be imported from')")
    refused = started(tmp_path / "deep" / "two", "--method=ocnn", "--dataset=digits", cwd=tmp_path)
    assert refused.returncode == 2 and "--normal" in refused.stderr


def test_a_mistake_is_one_line_on_stderr_even_after_tensorflow_is_loaded():
    told = started(CHECKOUT / "bin/train", "--method=rcae", "--dataset=digits", "--normal=3",
                   "--config.stages[0].model.sparsty=1")
    assert told.returncode == 2 and told.stdout == ""
    assert told.stderr.count("\n") == 1 and "Did you mean 'sparsity'" in told.stderr


def test_the_programs_of_the_package_are_those_of_bin():
    setup = (CHECKOUT / "setup.py").read_text()
    assert all(f'"{name}"' in setup for name in PROGRAMS)
    assert {path.name for path in (CHECKOUT / "bin").iterdir() if os.access(path, os.X_OK)} == set(PROGRAMS)


# ---- mistakes ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("words, told", [
    ("--metod=ocnn", "Did you mean 'method'"),
    ("--method=ocn --dataset=digits --normal=3", "Did you mean 'ocnn'"),
    ("--method ocn", "Did you mean 'ocnn'"),
    ("--device=cpi", "Did you mean 'cpu'"),
    ("--limit=-1", "whole number, 0 or more"),
    ("--limit=many", "whole number, 0 or more"),
    ("--seed=-1", "whole number, 0 or more"),
    ("--seed", "Write --seed=VALUE"),
    ("--overwrite=maybe", "true or false"),
    ("--overwrite true", "must belong to a flag"),
    ("ocnn", "must belong to a flag"),
    ("", "--method"),
    ("--method=ocnn --normal=3", "--dataset"),
    ("--method=ocnn --dataset=digits", "--normal"),
    ("--method=ocnn --dataset=digits --normal=", "--normal"),
    ("--method=ocnn --dataset=digits --normal=3 --config=nowhere.py", "Shipped ones"),
    ("--method=ocnn --dataset=digits --normal=3 --config.stages[0].fit.epoch=2", "Did you mean 'epochs'"),
    ("--method=ocnn --dataset=digits --normal=3 --config.stages[0].fit.epochs", "must be given a value"),
    ("--method=ocnn --dataset=digits --normal=3 --config.stages[0].fit.epochs --seed=1", "must be given a value"),
])
def test_a_misuse_of_train_is_one_line_and_exit_code_two(words, told, capsys, runs):
    assert train.main(words.split()) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("train: ") and err.count("\n") == 1 and told in err


@pytest.mark.parametrize("words", ["", "--normal=0", "--normal=0 --config.source.missing=median", "--config.stages[0].model.kapa=2",
                                   "--config.protocol.name=hold_out", "--seed=4294967296", "--data_dir=HERE"])
def test_an_unknown_data_set_is_named_before_whatever_else_is_wrong(words, capsys, runs, tmp_path):
    for given, meant in (("--dataset=cardo", "cardio"), ("--dataset=mnits", "mnist"), ("--config.source.name=digist", "digits"),
                         ("--dataset=mnist --config.source.name=cardo", "cardio")):
        assert train.main(["--method=ssad", *given.split(), *words.replace("HERE", str(tmp_path)).split()]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("train: `dataset` must be") and err.count("\n") == 1
        assert f"Did you mean '{meant}'" in err


def test_a_config_file_may_name_an_unknown_data_set_too(capsys, runs, tmp_path):
    (tmp_path / "own.py").write_text("def get_config():\n    return {'source': {'name': 'cardo'}, 'stages': [{'method': 'ssad'}]}")
    assert train.main([f"--config={tmp_path / 'own.py'}"]) == 2 and "Did you mean 'cardio'" in capsys.readouterr().err


@pytest.mark.parametrize("name, words, told", [
    ("evaluate", "", "--run"),
    ("evaluate", "--run=nowhere", "config.json"),
    ("evaluate", "--run=RUN --config.seed=3", "the run's own config holds"),
    ("evaluate", "--run=RUN --config.protocol.name=holdout", "the run's own config holds"),
    ("evaluate", "--run=RUN --datset=mnist", "Did you mean 'dataset'"),
    ("evaluate", "--run=RUN --attack=l3", "--attack"),
    ("evaluate", "--run=RUN --eps=0.1", "--attack=linf or l2"),
    ("evaluate", "--run=RUN --attack=spatial --eps=0.1", "--attack=linf or l2"),
    ("evaluate", "--run=RUN --attack=linf --eps=-0.1", "`--eps` must be a number in [0"),
    ("evaluate", "--run=RUN --attack=linf --eps=nan", "`--eps` must be a number in [0"),
    ("evaluate", "--run=RUN --attack=linf --eps=much", "`--eps` must be a number"),
    ("score", "--run=RUN --output=a.csv", "--input"),
    ("score", "--run=RUN --input=RUN", "--output"),
    ("score", "--run=RUN --input=nowhere --output=a.csv", "exists"),
    ("score", "--run=RUN --input=RUN --output=a.png", ".csv"),
    ("export", "--run=RUN", "--to"),
    ("export", "--to=a", "--run"),
    ("export", "--run=RUN --to=RUN", "another folder than the run's"),
    ("export", "--run=RUN --to=a --calibration=nowhere", "exists"),
    ("export", "--run=RUN --to=a --alpha=much", "`--alpha` must be a number"),
    ("export", "--run=RUN --to=a --config.seed=3", "the run's own config holds"),
    ("verify", "", "--model"),
    ("verify", "--model=nowhere", "folder of an exported version"),
    ("verify", "--model=RUN --config.seed=3", "must be left to bin/train"),
    ("report", "--to=a.md", "--runs"),
    ("report", "--runs=RUN", "--to"),
    ("report", "--runs=nowhere --to=a.md", "exists"),
    ("report", "--runs=RUN --to=a.txt", ".md, .csv or .html"),
    ("report", "--runs=RUN --to=a.html --evidence=few", "`--evidence` must be a whole number"),
])
def test_a_misuse_of_the_others_is_one_line_and_exit_code_two(name, words, told, capsys, runs, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert PROGRAMS[name].main(words.replace("RUN", str(tmp_path)).split()) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"{name}: ") and err.count("\n") == 1 and told in err


@pytest.mark.parametrize("error, code, told", [
    (Misuse("`x` must\nbe."), 2, "`x` must be."),
    (BadData("a.png is empty"), 1, "a.png is empty"),
    (FileNotFoundError(errno.ENOENT, "No such file", "a.png"), 1, "a.png: No such file"),
    (OSError(errno.ENOSPC, "No space left on device"), 1, "the disk is full"),
    (RuntimeError("Unable to write (No space left on device)"), 1, "the disk is full"),
    (MemoryError(), 1, "memory ran out"),
    (FloatingPointError("the loss is NaN"), 1, "the loss is NaN"),
    (KeyboardInterrupt(), 130, "The same command"),
    (tf.errors.ResourceExhaustedError(None, None,
                                      "Graph execution error:\n\nDetected at node sequential/Relu defined at (most recent "
                                      'call last):\n  File "kerasnd/runs.py", line 3, in train\n\nOOM when allocating tensor with '
                                      "shape[9,9] and type float on CPU:0\n\t [[{{node sequential/Relu}}]] "
                                      "[Op:__inference_step_7]"),
     1, "train: memory ran out. OOM when allocating tensor with shape[9,9] and type float on CPU:0. Try --limit=N"),
    (tf.errors.InvalidArgumentError(None, None,
                                    "2 root error(s) found.\n  (0) INVALID_ARGUMENT: `hint` must be -1, 0 or +1.\n\t [[x]]"),
     1, "train: TensorFlow failed with InvalidArgumentError: INVALID_ARGUMENT: `hint` must be -1, 0 or +1. --verbosity=1"),
    (tf.errors.InternalError(None, None, "\n\t [[{{node x}}]]"), 1, "with InternalError: InternalError."),
    (Misuse("Exception encountered when calling X.call().\n\n\x1b[1m`x` is wrong.\x1b[0m\n\nArguments received"), 2,
     "`x` is wrong."),
])
def test_what_goes_wrong_is_told_in_one_line_with_its_exit_code(error, code, told, capsys):
    def fail(values, overrides):
        raise error
    assert flags.run("train", train.program(), fail, [], "The same command resumes.") == code
    err = capsys.readouterr().err
    assert err.startswith("train: ") and told in err and err.count("\n") == 1


def test_an_error_of_tensorflows_runtime_is_one_line(capsys):
    def fail(values, overrides):
        tf.reshape(tf.constant([1, 2]), (3,))
    assert flags.run("train", train.program(), fail, []) == 1
    err = capsys.readouterr().err
    assert err.startswith("train: TensorFlow failed with InvalidArgumentError: ") and "requested shape has 3" in err
    assert err.count("\n") == 1
    assert "{{" not in err and "[[" not in err


def test_a_bug_stays_a_traceback():
    def fail(values, overrides):
        raise KeyError("a bug")
    with pytest.raises(KeyError):
        flags.run("train", train.program(), fail, [])


# ---- what is handed on -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("words", [
    "--method=rcae --dataset=digits --normal=3 --config.stages[0].fit.epochs=20 --limit=50 --overwrite",
    "--method rcae --dataset digits --normal 3 --config.stages[0].fit.epochs 20 --limit 50 --overwrite",
    "-method=rcae -dataset=digits -normal=3 -config.stages[0].fit.epochs=20 -limit=50 -overwrite",
])
def test_both_ways_to_write_a_flag_are_the_same(words, runs):
    assert train.main(words.split()) == 0
    (settings, run), given = runs.train
    assert settings["stages"][0]["fit"]["epochs"] == 20 and settings["normal"] == "3"
    assert run == Path("saved_models/rcae/digits/3/0")
    assert given.pop("command") == sys.argv
    assert given == {"overwrite": True, "distribute": "auto", "replicas": 0, "device": "auto", "threads": 0,
                     "precision": "float32", "limit": 50, "outliers": "", "hints": "", "negatives": "", "data_dir": None}


@pytest.mark.parametrize("words, folder", [
    ("--method=rcae --dataset=digits --normal=1,3 --seed=4", "rcae/digits/1,3/4"),
    ("--config=configs/ocnn.py:paper --dataset=mnist --normal=3", "ocnn_paper/mnist/3/0"),
    ("--method=rcae --dataset=HERE/photos.v2/ --normal=good", "rcae/photos.v2/good/0"),
    ("--method=rcae --dataset=HERE/table.csv --normal=0 --config.seed=9", "rcae/table/0/9"),
    ("--method=rcae --dataset=mnist/../x --normal=../x", "rcae/mnist_.._x/_x/0"),
    ("--method=rcae --dataset=digits --normal=.. --seed=0", "rcae/digits/_/0"),
    ("--method=rcae --dataset=digits --normal=straße", "rcae/digits/straße/0"),
    ("--method=rcae --dataset=digits --normal=random:4 --seed=2", "rcae/digits/random_4/2"),
    ("--method=rcae --dataset=cifar10 --normal=all --outliers=uniform_noise", "rcae/cifar10/all/0"),
])
def test_a_run_goes_to_a_folder_of_its_own(words, folder, runs, tmp_path):
    (tmp_path / "photos.v2").mkdir()
    (tmp_path / "table.csv").write_text("a,b\n")
    assert train.main(words.replace("HERE", str(tmp_path)).split()) == 0
    assert runs.train[0][1] == Path("saved_models") / folder
    assert train.main([*words.replace("HERE", str(tmp_path)).split(), f"--run={tmp_path}/own"]) == 0
    assert runs.train[0][1] == tmp_path / "own"


def test_evaluate_and_score_hand_on_what_they_are_given(runs, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({}))
    assert evaluate.main([f"--run={tmp_path}", "--outliers=uniform_noise", "--config.protocol.anomaly_share=0.1"]) == 0
    (run,), given = runs.evaluate
    assert run == tmp_path and given["outliers"] == "uniform_noise" and given["dataset"] is None
    assert (given["device"], given["threads"], given["options"]) == ("auto", 0, [("protocol.anomaly_share", "0.1")])
    assert "attack" not in given
    for words, expected in ((["--attack=l2"], ("l2", None)), (["--attack=linf", "--eps=0.25"], ("linf", 0.25))):
        assert evaluate.main([f"--run={tmp_path}", *words]) == 0
        assert (runs.evaluate[1]["attack"], runs.evaluate[1]["eps"]) == expected
    assert score.main([f"--run={tmp_path}", f"--input={tmp_path}", f"--output={tmp_path}/s.csv", "--device=cpu",
                       "--threads=3"]) == 0
    assert runs.score == ((tmp_path, tmp_path, tmp_path / "s.csv"),
                          {"label_column": None, "skip_unreadable": False, "device": "cpu", "threads": 3, "alpha": None,
                           "calibration": None, "suggest": None, "engine": "local", "address": None})
    assert score.main([f"--run={tmp_path}", f"--input={tmp_path}", f"--output={tmp_path}/s.csv", "--alpha=0.01",
                       f"--calibration={tmp_path}/config.json", "--suggest=20"]) == 0
    assert [runs.score[1][name] for name in ("alpha", "calibration", "suggest")] == [0.01, tmp_path / "config.json", 20]


# ---- the package's face ------------------------------------------------------------------------------------------------

def test_the_public_names_are_there_and_a_misspelt_one_is_suggested():
    assert set(kerasnd.__all__) <= set(dir(kerasnd))
    assert kerasnd.metrics.auroc([0, 1], [0.0, 1.0]) == 1 and kerasnd.protocols.PROTOCOLS
    assert issubclass(kerasnd.DeepSVDD, kerasnd.Detector)
    with pytest.raises(AttributeError, match="Did you mean 'DeepSVDD'"):
        kerasnd.DeepSVD  # noqa: B018


def test_the_version_is_told_once():
    assert kerasnd.__version__ == "0.1.0"
    assert "__version__" in (CHECKOUT / "setup.py").read_text() and "0.1.0" not in (CHECKOUT / "setup.py").read_text()
