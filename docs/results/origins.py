"""Ends every page of docs/results with its commit and the hashes of the configs that it names; table.csv has them in every row.

    python docs/results/origins.py                 # pages that have none
    python docs/results/origins.py --pages=mnist   # a page that was measured again, after it was committed

The commit is the last that changed the page: the code that measured it, or a later one that only wrote it down. A config's hash
is Git's, of the file at that commit: `git show HASH` prints it.
"""
import argparse
import re
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
BEGIN = "<!-- origins.py -->"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", default="", help="names of pages, with commas between")
    again = [name for name in parser.parse_args().pages.split(",") if name]
    for path in sorted(HERE.glob("*.md")):
        text = path.read_text()
        if path.name != "table.md" and (BEGIN not in text or path.stem in again):
            path.write_text(f"{text.partition(BEGIN)[0].rstrip()}\n\n{BEGIN}\n{origin(path, text)}\n")


def origin(path, text):
    """str, the last lines of a page."""
    commit = git("log", "-1", "--format=%h", "--abbrev=12", "--", str(path))
    date = git("log", "-1", "--format=%as", "--", str(path))
    known = [name.removeprefix("configs/") for name in git("ls-tree", "-r", "--name-only", commit, "configs/").split()]
    script = path.with_suffix(".py")
    calls = "\n".join(each.read_text() for each in sorted(HERE.glob(f"{path.stem}*.py")))
    named = sorted(name for name in known if re.search(rf"configs/{name}", text + calls) or "/" not in name and (
        re.search(rf"--methods?={Path(name).stem}\b", text + calls) or re.search(rf"[\"']{Path(name).stem}[\"'_]", calls)))
    if not named:
        used = f"docs/results/{script.name}" if script.exists() else "benchmarks"
        return f"Commit {commit}, {date}. No configs; {used} is {git('rev-parse', f'{commit}:{used}')[:12]}."
    hashes = [f"{name} {git('rev-parse', f'{commit}:configs/{name}')[:12]}" for name in named]
    return f"Commit {commit}, {date}. Configs: {', '.join(hashes)}."


def git(*words):
    """str, what Git prints, from the root of the checkout."""
    return subprocess.run(["git", "-C", str(HERE.parents[1]), *words], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
