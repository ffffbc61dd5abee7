"""Where a results file comes from: the command, the version of the code, the machine."""
import datetime
import functools
import os
import pathlib
import platform
import shlex
import subprocess

import kerasnd

PACKAGE = pathlib.Path(__file__).resolve().parents[2]


@functools.cache
def commit():
    """str, the commit of a checkout, with "+" where files were changed since; else the version of the package."""
    try:
        def git(*words):
            return subprocess.run(["git", "-C", str(PACKAGE), *words], capture_output=True, text=True, check=True).stdout.strip()
        if pathlib.Path(git("rev-parse", "--show-toplevel")) == PACKAGE:
            changed = git("status", "--porcelain", "--untracked-files=no", "--", "kerasnd", "configs")
            return git("rev-parse", "--short=12", "HEAD") + "+" * bool(changed)
    except (OSError, subprocess.CalledProcessError):
        pass
    return f"kerasnd {kerasnd.__version__}"


def markdown(command, digest):
    """str, a list for the head of a results file.

    Args:
        command: list of str, the words of the call.
        digest: str, a hash of all configs.
    """
    return "\n".join(["- command: `" + shlex.join(command).replace("`", "'") + "`", f"- commit: {commit()}", f"- configs: {digest}",
                      f"- date: {datetime.date.today():%Y-%m-%d}",
                      f"- machine: {os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python "
                      f"{platform.python_version()}"])
