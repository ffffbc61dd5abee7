# Read by the programs beside it, which say `here` (the true path of the program) and `program`.
# Runs kerasnd.cli.$program with the checkout's .venv, else with the python3 on PATH; nothing has to be activated.
root=$(CDPATH= cd -- "$(dirname -- "$here")/.." && pwd -P) || exit 1
python=$root/.venv/bin/python
if [ ! -x "$python" ]; then
    python=$(command -v python3) || {
        echo "$program: there is neither $root/.venv nor a python3. Install Python 3.11 to 3.13, then \`make demo\`." >&2
        exit 1
    }
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "$program: kerasnd needs Python 3.11 to 3.13, and $python is older. Run \`make demo PYTHON=python3.12\`." >&2
        exit 1
    }
fi
# The checkout's code is what runs. -P: a numpy.py in the working directory must not stand in for NumPy.
PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
export PYTHONPATH
exec "$python" -P -m "kerasnd.cli.$program" "$@"
