"""Starts `replay` in a process of its own, which has neither kerasnd nor Keras."""
import json
import subprocess
import sys
from pathlib import Path

from absl import logging

from kerasnd.errors import BadData, Misuse
from kerasnd.serving import replay, versions

AGAIN = "Export it again."


def verify(*folders):
    """Replays the golden inputs of exported models, from the disk.

    Args:
        *folders: paths, each of one version.

    Returns:
        list of dict, see `replay.check`.

    Raises:
        Misuse: a folder is no exported version. BadData: a file is missing or has changed, or an answer differs.
    """
    folders = [Path(folder).expanduser() for folder in folders]
    for folder in folders:
        _refuse_other(folder)
    words = [sys.executable, "-I", str(Path(replay.__file__).resolve()), *map(str, folders)]
    ended = subprocess.run(words, capture_output=True, text=True)
    logging.debug("%s", ended.stderr)
    found = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    for told in found:
        if "wrong" in told:
            raise BadData(f"{told['model']} is not what was exported: {told['wrong']}. {AGAIN}")
    if ended.returncode or len(found) != len(folders):
        last = (ended.stderr.strip().splitlines() or ["no word of it"])[-1]
        stopped = folders[len(found)] if len(found) < len(folders) else folders[0]
        raise BadData(f"{stopped} could not be replayed: its process ended with {ended.returncode}: {last[:200]}.")
    return found


def _refuse_other(folder):
    if (folder / "saved_model.pb").exists() or (folder / replay.EXTRA).exists():
        return
    inside = versions.numbers(folder) if folder.is_dir() else []
    remedy = f"Write {folder / str(inside[-1])}." if inside else "bin/export makes one and prints its path."
    raise Misuse(f"`model` must be the folder of an exported version. Received: {folder}. {remedy}")
