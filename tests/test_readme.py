"""The README's Python is run, and its links lead somewhere."""
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text()


def test_the_python_of_the_readme_runs_and_detects(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for code in re.findall(r"```python\n(.*?)```", TEXT, re.S):
        exec(compile(code, "README.md", "exec"), names)
    assert names["kerasnd"].metrics.auroc(names["split"].label, names["scores"]) > 0.9
    assert type(names["detector"]) is names["kerasnd"].DeepSVDD and (tmp_path / "detector.keras").exists()


def test_the_links_of_the_readme_lead_somewhere():
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", TEXT) if "://" not in link]
    assert links and not [link for link in links if not (ROOT / link).exists()]
