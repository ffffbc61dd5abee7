"""What must be settled in a process before TensorFlow is imported."""
import contextlib
import ctypes
import logging
import os
import sys
import tempfile


def settle(device="auto", threads=0):
    """Sets the environment and the memory allocator; instant.

    Args:
        device: "auto", "cpu" or "gpu"; "cpu" hides every GPU from this process.
        threads: int >= 0, threads of one operation; 0 leaves the choice to TensorFlow.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"     # train steps are written with tf.GradientTape
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if threads:
        for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            os.environ[name] = str(threads)
    keep_memory()


def import_tensorflow():
    """Imports TensorFlow without its greeting, unless TF_CPP_MIN_LOG_LEVEL asks for it with 0 or 1."""
    talkative = os.environ.get("TF_CPP_MIN_LOG_LEVEL") in ("0", "1")
    with contextlib.nullcontext() if talkative else muffled():
        import tensorflow
        tensorflow.config.list_physical_devices()  # the driver's complaints come now; starts no runtime yet
    if not talkative:
        logging.getLogger("tensorflow").setLevel(logging.ERROR)     # advice on retracing is for who writes the code


def keep_memory():
    """Lets glibc keep freed memory, so that a training step does not fault in the same pages anew.

    By default each large buffer is handed back to the kernel and mapped again at the next step: small networks ran
    up to twice slower. Same as MALLOC_TRIM_THRESHOLD_, MALLOC_TOP_PAD_ and MALLOC_MMAP_THRESHOLD_, which win where
    they are set; without effect where the C library is not glibc.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(AttributeError, OSError):
        option = ctypes.CDLL(None).mallopt
        for name, number, values in (("TRIM_THRESHOLD", -1, (1 << 30,)), ("TOP_PAD", -2, (1 << 26,)),
                                     ("MMAP_THRESHOLD", -3, (1 << 30, 1 << 25))):    # before 2.35: 32 MiB at most
            if f"MALLOC_{name}_" not in os.environ:
                any(option(number, value) for value in values)


@contextlib.contextmanager
def muffled():
    """Holds back what is written to stderr by compiled code too, and shows it only when something is raised."""
    sys.stderr.flush()
    true_stderr = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(true_stderr, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(true_stderr, 2)
            os.close(true_stderr)
