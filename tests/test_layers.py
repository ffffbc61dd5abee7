"""Imports go down: bin and configs above runs, runs above methods, data and judging, which never import one another."""
import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "kerasnd"

# What each part may import of kerasnd, beside itself. `errors`, `arguments` and `atomic` are for all.
ALLOWED = {
    # learning
    "raw": set(), "feeding": {"raw"}, "networks": set(), "optimizers": set(), "collapse": set(), "descent": set(), "saved_form": set(),
    "detector": {"collapse", "descent", "feeding", "networks", "raw", "saved_form"},
    "fitted": {"detector", "feeding", "networks"},
    "attacks": set(), "densities": set(), "diffusion": set(), "frechet": set(), "jacobians": {"networks"}, "negatives": set(),
    "neighbours": set(),
    "methods": {"attacks", "densities", "detector", "diffusion", "feeding", "fitted", "frechet", "jacobians", "negatives",
                "neighbours", "networks"},
    "registry": {"methods"},
    "learner": {"detector", "methods", "networks", "optimizers"}, "sklearn": {"learner"}, "pyod": {"learner"},
    # data
    "data": set(), "examples": {"data"},
    # judging of scores
    "calibration": set(),
    "score_table": set(), "bootstrap": {"score_table"}, "metrics": {"bootstrap", "score_table"}, "figures": {"metrics"},
    "near": {"metrics"},
    "comparison": set(), "report_text": set(), "report_comparison": {"comparison", "report_text"},
    "report": {"folder", "metrics", "overrides", "report_comparison", "report_text"},
    # folders, processes, configs
    "errors": set(), "arguments": set(), "atomic": set(), "process": set(), "progress": set(), "devices": set(),
    "overrides": set(), "lock": set(), "folder": {"lock"},
    "saving": {"folder"}, "checkpoints": {"folder"}, "config_file": {"methods"},
    "config_stages": {"data"}, "config_tables": set(),
    "config": {"config_file", "data", "methods", "optimizers", "overrides", "process"},
    # where the columns meet
    "drawings": {"figures"},
    "training": {"checkpoints", "detector", "drawings", "feeding", "fitted", "folder", "methods", "optimizers", "progress",
                 "saving"},
    "judging": {"data", "examples", "feeding", "figures", "folder", "methods", "metrics", "progress", "training"},
    "rejudging": {"config", "examples", "folder", "overrides"},
    "robustness": {"attacks", "feeding", "metrics", "progress"},
    "per_share": {"data", "devices", "examples", "feeding", "folder", "judging", "metrics", "progress", "rejudging", "saving"},
    "per_class": {"data", "devices", "examples", "folder", "judging", "near", "progress", "saving"},
    "generating": {"devices", "figures", "folder", "methods", "progress", "saving"},
    "serving": {"calibration", "data", "detector", "process"},
    "under_attack": {"data", "examples", "figures", "folder", "robustness"},
    "held_out": {"examples", "folder", "judging"},
    "verdicts": {"calibration"},
    "growing": {"lock"}, "suggesting": {"data", "examples"},
    "cluster": {"process"},
    "scoring_worker": {"cluster", "devices", "process", "saving"}, "scoring_ray": {"cluster", "scoring_worker"},
    "scoring": {"cluster", "data", "devices", "examples", "folder", "growing", "held_out", "progress", "saving", "scoring_ray",
                "suggesting", "verdicts"},
    "exporting": {"calibration", "devices", "examples", "folder", "held_out", "judging", "saving", "scoring", "serving"},
    "page": {"metrics", "report_comparison", "report_text"}, "attribution": set(),
    "evidence": {"attribution", "data", "devices", "examples", "feeding", "figures", "folder", "held_out", "neighbours", "page",
                 "saving", "serving"},
    "reporting": {"evidence", "folder", "metrics", "overrides", "page", "progress", "report", "report_comparison"},
    "runs": {"config", "data", "devices", "examples", "folder", "held_out", "judging", "progress", "rejudging", "saving", "scoring",
             "training", "under_attack"},
    "sweep": {"cluster", "config", "config_file", "data", "folder", "lock", "methods", "process", "report"},
    "cli": {"cluster", "config", "config_file", "data", "exporting", "generating", "per_class", "per_share", "process", "report",
            "reporting", "runs", "serving", "sweep"},
    "__init__": {"registry"},
}
# What the three columns must never see, whatever the table above says.
LEARNING = {"attacks", "collapse", "densities", "descent", "detector", "diffusion", "feeding", "fitted", "frechet", "jacobians",
            "learner", "methods", "negatives", "neighbours", "networks", "pyod", "saved_form", "sklearn"}
JUDGING = {"score_table", "bootstrap", "metrics", "near", "figures", "page", "report", "report_text", "comparison",
           "report_comparison"}


def part(path):
    """The folder or the file directly below kerasnd."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path):
    """Parts of kerasnd that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            words = name.split(".")
            if words[0] == "kerasnd" and len(words) > 1:
                yield words[1]


FILES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path):
    mine = part(path)
    used = {name for name in imports(path) if name != mine} - {"errors", "arguments", "atomic"}
    assert mine in ALLOWED, "a new part needs a place in the table"
    assert used <= ALLOWED[mine], f"{path.name} imports {sorted(used - ALLOWED[mine])}"
    if mine in JUDGING:
        assert not used & LEARNING and "data" not in used


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_learning_sees_no_truth(path):
    """The word `label` does not occur in what learns: truth cannot leak in by habit."""
    if part(path) in LEARNING:
        names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        names |= {node.arg for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.arg)}
        assert not {"label", "labels", "category"} & names


def test_a_file_has_one_subject():
    assert not [path for path in FILES if "util" in path.name]
    assert not [path.name for path in FILES if len(path.read_text().splitlines()) > 250]
