"""In processes of their own: a bare import makes detectors loadable, and the flags about the machine work from end to end."""
# ruff: noqa: F401, F811
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from short_runs import run, scored, trained

from kerasnd import registry
from kerasnd.data import sources
from kerasnd.methods import METHODS

CHECKOUT = Path(__file__).resolve().parent.parent


# ---- a bare import, and the machine ----------------------------------------------------------------------------------

ORDERS = ["import keras, kerasnd", "import kerasnd, tensorflow, keras",
          "from kerasnd import RCAE; import keras"]


@pytest.mark.parametrize("imports", ORDERS)
def test_a_detector_loads_after_a_bare_import_in_a_fresh_process(run, imports):
    loads = (f"{imports}\nimport sys, numpy\n"
             "x = numpy.load(sys.argv[1])['x']\n"
             "assert 'kerasnd.methods.deep_svdd' not in sys.modules\n"
             "detector = keras.models.load_model(sys.argv[2])\n"
             "print(type(detector).__name__, detector(x).numpy().tobytes().hex())")
    x = sources.load_data("digits").x[scored(run)["index"][:5]]
    np.savez(run / "x.npz", x=x)
    done = subprocess.run([sys.executable, "-c", loads, run / "x.npz", run / "detector.keras"], capture_output=True, text=True,
                          cwd=CHECKOUT, env={**os.environ, "KERAS_BACKEND": "tensorflow"})
    assert done.returncode == 0, done.stderr
    name, score = done.stdout.split()
    assert name == "DeepSVDD"
    np.testing.assert_allclose(np.frombuffer(bytes.fromhex(score), np.float32), scored(run)["score"][:5], rtol=1e-5)


def test_a_bare_import_costs_nothing():
    lists = "import sys, kerasnd; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", lists], capture_output=True, text=True, cwd=CHECKOUT)
    assert not {"keras", "tensorflow", "numpy"} & set(done.stdout.split()) and "kerasnd" in done.stdout.split()


def test_every_registered_class_has_its_stand_in():
    known = {name.partition(">")[2] for name in keras.saving.get_custom_objects() if name.startswith("kerasnd>")}
    places = {place.rpartition(".")[2] for place in (*METHODS.values(), *registry.LAYERS)}
    assert known == places
    for place in registry.LAYERS:
        module, _, name = place.rpartition(".")
        assert keras.saving.get_registered_name(getattr(importlib.import_module(module), name)) == f"kerasnd>{name}"


MACHINES = [["--distribute=mirrored", "--replicas=2", "--device=cpu", "--threads=1"], ["--precision=bfloat16"]]


@pytest.mark.parametrize("flags", MACHINES)
def test_the_machine_flags_work_from_end_to_end(flags, trained, tmp_path):
    """After a few steps two replicas, one thread and bfloat16 all come near the float32 run of one."""
    words = ["--method=deep_svdd", "--dataset=digits", "--normal=3", f"--run={tmp_path / 'run'}", *flags]
    for number in (0, 1):
        words += [f"--config.stages[{number}].fit.epochs=2", f"--config.stages[{number}].fit.batch_size=32",
                  f"--config.stages[{number}].optimizer.milestones=[]"]
    done = subprocess.run([CHECKOUT / "bin/train", *words], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    mine, plain = scored(tmp_path / "run"), scored(trained)
    np.testing.assert_array_equal(mine["index"], plain["index"])
    bfloat16 = flags == MACHINES[1]
    assert np.corrcoef(mine["score"], plain["score"])[0, 1] > (0.98 if bfloat16 else 0.999)
    record = json.loads((tmp_path / "run/config.json").read_text())
    assert record["config"]["precision"] == ("bfloat16" if bfloat16 else "float32")
