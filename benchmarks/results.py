"""Markdown: tables of races, and what their numbers were measured on."""
import datetime
import importlib.metadata
import os
import platform
import statistics
import subprocess
from pathlib import Path

PACKAGES = ("kerasnd", "tensorflow", "keras", "numpy", "scikit-learn", "torch")


def table(heads, rows):
    """str, a Markdown table whose columns are aligned for the eye too; the first column to the left."""
    cells = [[str(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(heads))]
    cells.insert(1, ["-" * width if i == 0 else "-" * (width - 1) + ":" for i, width in enumerate(widths)])
    lines = [[row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))] for row in cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def race(answers, unit, one, own, rival):
    """str, a table of variants that were timed in turn.

    Args:
        answers: {name: list of {"seconds", "worked", "memory"}, one a round}.
        unit: str, what is counted, e.g. "steps/s".
        one: str, what a second is divided by, e.g. "step".
        own: str, the variant that the others are compared with where there is no rival.
        rival: str, with which the names of those begin whose fastest one is the measure; bfloat16 does not race float32.

    Returns:
        Ratios are medians over the rounds' own ratios: a slow minute of the machine is in both.
    """
    seconds = {name: [answer["seconds"] for answer in rounds] for name, rounds in answers.items()}
    rivals = [name for name in seconds if name.startswith(rival) and "bfloat16" not in name]
    measure = min(rivals, key=lambda name: statistics.median(seconds[name])) if rivals else own
    rows = []
    for name, rounds in seconds.items():
        rate = 1 / statistics.median(rounds)
        ratio = statistics.median(b / a for a, b in zip(rounds, seconds[measure])) if measure in seconds else float("nan")
        worked = statistics.median(answer["worked"] for answer in answers[name])
        scale, name_of = (1e3, "ms") if one == "step" else (1e6, "us")
        rows.append((f"**{name}**" if name == own else name, _rate(rate), f"{_rate(1 / max(rounds))} to {_rate(1 / min(rounds))}",
                     f"{ratio:.2f}", f"{worked * scale:.1f}", f"{answers[name][-1]['memory']:.0f}"))
    heads = ("variant", unit, "slowest to fastest round", f"times {measure}", f"processor {name_of} per {one}", "peak MiB")
    return table(heads, rows)


def _rate(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def origin(command, options):
    """str, a list: date, machine, versions and command."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in PACKAGES if name != "torch" or options.torch]
    load = os.getloadavg()[0]
    busy = ": **the machine is busy, these numbers mean nothing**" if load > 0.3 * cores() else ""
    facts = {
        "date": f"{datetime.datetime.now().astimezone():%Y-%m-%d %H:%M %Z}",
        "command": f"`{command}`",
        "processor": f"{processor()}, {cores()} cores, bfloat16 instructions: {', '.join(bfloat16()) or 'none known'}",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": ", ".join(versions),
        "settings": f"{options.threads} threads, {options.device}, {options.rounds} rounds in turn, medians",
        "load at the start": f"{load:.2f}{busy}",
    }
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def cores():
    """int, cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def processor():
    """str, the processor's name."""
    told = _cpuinfo("model name") or _asked("sysctl", "-n", "machdep.cpu.brand_string")
    return told or platform.processor() or platform.machine()


def bfloat16():
    """list of str, the processor's instructions for bfloat16."""
    return [flag for flag in _cpuinfo("flags").split() if flag in ("avx512_bf16", "amx_bf16")]


def _cpuinfo(key):
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


def _asked(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5).stdout.strip()
    except OSError:
        return ""
