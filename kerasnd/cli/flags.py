"""A thin wrapper around absl's flags: overrides, readable help, and mistakes in one line with an exit code.

As it comes, absl exits 1 on `--help` and on its parse errors, and prints a traceback for a program's own refusals.
"""
import errno
import os
import re
import sys
import textwrap

from absl import flags, logging

from kerasnd.errors import BadData, Misuse, suggest

DONE, FAILED, MISUSE, INTERRUPTED = 0, 1, 2, 130
_ABSL = "absl's logging"
_SMALLER = "Try --limit=N, or a smaller --config.stages[0].fit.batch_size."
_OVERRIDE = re.compile(r"--?config[.\[]")
_WHERE = re.compile(r"Graph execution error|Detected at node|File \"|<stack traces|Stack trace for|\d+ root error|"
                    r"\d+ successful|Hint:")


class Flags:
    """The flags of one program, in groups.

    Args:
        about: str, what the program does and how it is called, shown above its flags.
    """

    def __init__(self, about):
        self.about, self.values, self.title = about, flags.FlagValues(), ""

    def group(self, title):
        self.title = title

    def string(self, name, default, help):
        flags.DEFINE_string(name, default, help, flag_values=self.values, module_name=self.title)

    def switch(self, name, help):
        flags.DEFINE_boolean(name, False, help, flag_values=self.values, module_name=self.title)

    def count(self, name, help, default=0, at_least=0):
        flags.DEFINE_integer(name, default, help, lower_bound=at_least, flag_values=self.values, module_name=self.title)

    def number(self, name, help):
        flags.DEFINE_float(name, None, help, flag_values=self.values, module_name=self.title)

    def choice(self, name, options, help):
        flags.DEFINE_enum(name, options[0], options, help, flag_values=self.values, module_name=self.title)

    def parse(self, words):
        """Reads the command line.

        Args:
            words: list of str, without the program's name.

        Returns:
            (flag values, list of (key, text) of the `--config.KEY=TEXT` in their order).

        Raises:
            Misuse: an unknown flag, an illegal value, a word that belongs to no flag.
        """
        overrides, words = _split_overrides(words)
        for name, flag in flags.FLAGS.flags_by_module_dict().items():
            if name == logging.__name__:
                for each in flag:
                    self.values.register_flag_by_module(_ABSL, each)
                    self.values[each.name] = each
        try:
            rest = self.values(["program", *words])[1:]
        except flags.UnrecognizedFlagError as error:
            raise Misuse(f"`--{error.flagname}` must be a flag of this program; --help lists them. Received: "
                         f"--{error.flagname}.{suggest(error.flagname, self._names() | {'config'})}") from None
        except flags.IllegalFlagValueError as error:
            raise Misuse(self._expectation(str(error))) from None
        except flags.Error as error:
            missing = re.match(r"Missing value for flag -*(\w+)", str(error))
            raise Misuse(f"`--{missing[1]}` must be given a value. Received: none. Write --{missing[1]}=VALUE." if missing
                         else _in_one_line(error)) from None
        if rest:
            raise Misuse(f"`{rest[0]}` must belong to a flag. Received: {' '.join(rest)}. Write values as --flag=value, "
                         "quoted where they hold spaces.")
        if not flags.FLAGS.is_parsed():
            flags.FLAGS.mark_as_parsed()
        return self.values, overrides

    def _expectation(self, told):
        """absl's "flag --name=value: why" in the words of the other refusals."""
        parts = re.match(r"flag --(\w+)=(.*?): ", told, re.DOTALL)
        if not parts:
            return told
        name, received = parts.groups()
        parser = self.values[name].parser
        whole = f"a whole number, {getattr(parser, 'lower_bound', 0)} or more"
        kinds = {"int": whole, "float": "a number", "bool": "true or false"}
        expected = kinds.get(parser.flag_type(), "what --help says")
        options = getattr(parser, "enum_values", ())
        if options:
            expected = f"one of {', '.join(options)}"
        return f"`--{name}` must be {expected}. Received: --{name}={received}.{suggest(received, options)}"

    def _names(self):
        return {each.name for title, group in self.values.flags_by_module_dict().items() if title != _ABSL
                for each in group}

    def help(self, full=False):
        """str, every flag under the title of its group; absl's own too where `full`."""
        lines = [self.about.strip(), ""]
        for title, group in self.values.flags_by_module_dict().items():
            lines.append(f"{title}:")
            for flag in group:
                lines += _entry(flag)
            lines.append("")
        own = flags.FLAGS.flags_by_module_dict().get(logging.__name__, []) if full else []
        if own:
            lines += ["Logging (absl):", *(line for flag in own for line in _entry(flag))]
        else:
            lines.append("--helpfull also shows absl's logging flags.")
        return "\n".join(lines)


def _entry(flag):
    if flag.parser.flag_type() == "bool":
        head = f"  --{flag.name}"
    elif getattr(flag.parser, "enum_values", None):
        head = f"  --{flag.name}={'|'.join(flag.parser.enum_values)}"
    else:
        head = f"  --{flag.name}={'N' if flag.parser.flag_type() in ('int', 'float') else 'TEXT'}"
    text = re.sub(r"^<[^>]*>: ", "", flag.help or "")       # absl puts the options of a choice there; the head has them
    if flag.default not in (None, "", False, 0) and "default" not in text:
        text += f" (default: {flag.default})"
    wrapped = textwrap.wrap(" ".join(text.split()), 100, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return [head, *wrapped]


def _split_overrides(words):
    """Takes `--config.KEY=TEXT` and `--config.KEY TEXT` out of the words, which absl could not know beforehand."""
    overrides, rest, words = [], [], list(words)
    while words:
        word = words.pop(0)
        if word == "--":
            return overrides, [*rest, word, *words]
        if not _OVERRIDE.match(word):
            rest.append(word)
            continue
        key, equals, text = word.lstrip("-").removeprefix("config").removeprefix(".").partition("=")
        if not equals:
            if not words or re.match(r"--?[A-Za-z]", words[0]):
                raise Misuse(f"`--config.{key}` must be given a value. Received: none. Write --config.{key}=VALUE.")
            text = words.pop(0)
        overrides.append((key, text))
    return overrides, rest


def _in_one_line(error):
    """An exception's or a string's text without line ends, and without what Keras wraps around a layer's error."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    wrapped = re.search(r"Exception encountered when calling .*?\x1b\[1m(.*?)\x1b\[0m", text, re.DOTALL)
    return " ".join((wrapped[1] if wrapped else text).split())


def _disk_is_full(error):
    """TensorFlow's and HDF5's writers raise errors of their own, known by their text."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(error)


def _by_tensorflow(error):
    """"memory" or "other" for an error that TensorFlow's runtime raised, else None; TensorFlow is not imported for it."""
    errors = getattr(sys.modules.get("tensorflow"), "errors", None)
    if errors is None or not isinstance(error, errors.OpError):
        return None
    return "memory" if isinstance(error, errors.ResourceExhaustedError) else "other"


def _without_nodes(error):
    """The first line of what TensorFlow says that is no name of a node, nor where it was defined."""
    text = re.sub(r"\{\{.*?\}\}|\[\[.*?\]\]|\[Op:.*?\](\s*name:)?", "", str(error))
    lines = [re.sub(r"^\(\d+\) ", "", line.strip()) for line in text.splitlines()]
    return next((line for line in lines if line and not _WHERE.match(line)), type(error).__name__)


def run(name, program, main, argv=None, on_interrupt=""):
    """Runs a program and turns what goes wrong into one line on stderr and an exit code.

    Args:
        name: str, the program's name, which opens the line.
        program: Flags.
        main: callable (flag values, overrides).
        argv: list of str without the program's name, or None for the process's own.
        on_interrupt: str, what a user who pressed Ctrl-C should know.

    Returns:
        int, the exit code: 0 done, 1 failed, 2 misuse, 130 interrupted. A bug stays a traceback.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    asked = words[:words.index("--")] if "--" in words else words
    try:
        if {"-h", "-help", "--help", "--helpshort", "-helpfull", "--helpfull"} & set(asked):
            print(program.help(full=bool({"-helpfull", "--helpfull"} & set(asked))), flush=True)
            return DONE
        values, overrides = program.parse(words)
        logging.use_absl_handler()
        if not values["verbosity"].present:
            logging.set_verbosity(logging.INFO)
        main(values, overrides)
    except KeyboardInterrupt:
        return _say(name, f"interrupted. {on_interrupt}".strip(), INTERRUPTED)
    except Misuse as error:
        return _say(name, error, MISUSE)
    except BrokenPipeError:     # the reader of our output went away, `| head` for one: nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except MemoryError as error:
        return _say(name, f"memory ran out. {error} {_SMALLER}", FAILED)
    except Exception as error:
        logging.debug("where it happened", exc_info=True)       # shown with --verbosity=1
        if _disk_is_full(error):
            return _say(name, "the disk is full (No space left on device). Make room and give the same command again.",
                        FAILED)
        if isinstance(error, (BadData, OSError, FloatingPointError)):
            return _say(name, error, FAILED)
        kind = _by_tensorflow(error)
        if kind == "memory":
            return _say(name, f"memory ran out. {_without_nodes(error).rstrip('.')}. {_SMALLER}", FAILED)
        if kind:
            return _say(name, f"TensorFlow failed with {type(error).__name__}: {_without_nodes(error).rstrip('.')}. "
                        "--verbosity=1 shows where.", FAILED)
        raise
    return DONE


def _say(name, error, code):
    print(f"{name}: {_in_one_line(error)}", file=sys.stderr, flush=True)
    return code
