"""A stage that is taken from another run: what is recorded of it, and what is said once that run is gone."""
# ruff: noqa: F401, F811
import json
import shutil

import pytest
from short_runs import numbers, quick, run, settings, trained

from kerasnd import runs
from kerasnd.errors import Misuse


def test_the_seconds_of_a_borrowed_stage_are_not_this_runs(trained, tmp_path, quick):
    own = settings(epochs=1)
    own["stages"][0]["run"] = str(trained)
    result = runs.train(own, tmp_path / "run")
    nothing, second = result["stage_seconds"]
    assert nothing is None and second > 0 and result["fit_seconds"] == second
    lent = numbers(trained)
    assert all(lent["stage_seconds"]) and lent["fit_seconds"] == pytest.approx(sum(lent["stage_seconds"]))


def test_once_the_lender_is_gone_it_is_judged_and_refused_otherwise_in_one_line(run, tmp_path, quick):
    own = settings(epochs=1)
    own["stages"][0]["run"] = str(run)
    result = runs.train(own, tmp_path / "own")
    shutil.rmtree(run)
    assert runs.evaluate(tmp_path / "own")["auroc"] == result["auroc"]
    for folder in ("own", "new"):
        with pytest.raises(Misuse, match=r"^`stages\[\].run` must be a finished run. Received: .*run, where there is none. "
                                         "Put it back, or leave `run` out and give --overwrite") as refusal:
            runs.train(own, tmp_path / folder)
        assert "\n" not in str(refusal.value)
    del own["stages"][0]["run"]                     # the remedy
    runs.train(own, tmp_path / "own", overwrite=True)
    assert "run" not in json.loads((tmp_path / "own/config.json").read_text())["config"]["stages"][0]
