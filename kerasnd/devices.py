"""On what a run computes: settled once, before TensorFlow's runtime starts."""
import keras
import tensorflow as tf

from kerasnd.errors import Misuse


def prepare(distribute="auto", replicas=0, device="auto", threads=0, precision="float32"):
    """Sets devices, threads and the compute type.

    Args:
        distribute: "auto" (mirrored where there are several GPUs or `replicas`), "none" or "mirrored".
        replicas: int, logical CPU devices to try MirroredStrategy with; 0 for none.
        device: "auto", "cpu" or "gpu".
        threads: int, threads of one operation; 0 leaves it to TensorFlow.
        precision: "float32" or "bfloat16" (weights stay float32).

    Returns:
        tf.distribute.Strategy

    Raises:
        Misuse: a GPU is asked for and there is none, or `replicas` does not go with the rest.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if device == "gpu" and not gpus:
        raise Misuse("`--device=gpu` needs a GPU that TensorFlow can see. Received: none. Use --device=cpu.")
    if replicas and distribute == "none":
        raise Misuse(f"`--replicas` needs --distribute=mirrored or auto. Received: --replicas={replicas} --distribute=none.")
    if replicas and (gpus and device != "cpu"):
        raise Misuse(f"`--replicas` divides the CPU, to try without GPUs. Received: --replicas={replicas} with {len(gpus)} GPUs. "
                     "Add --device=cpu, or leave --replicas out to use every GPU.")
    try:
        if device == "cpu":
            tf.config.set_visible_devices([], "GPU")
            gpus = []
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
        if threads:
            tf.config.threading.set_intra_op_parallelism_threads(int(threads))
            tf.config.threading.set_inter_op_parallelism_threads(int(threads))
        if replicas:
            cpu = tf.config.list_physical_devices("CPU")[0]
            if len(tf.config.get_logical_device_configuration(cpu) or []) != replicas:
                tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * int(replicas))
    except RuntimeError as error:
        raise Misuse(f"devices and threads must be settled before TensorFlow starts. Received: {error}. Set them in a fresh "
                     "process.") from error
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    names = [f"CPU:{i}" for i in range(replicas)] if replicas else [f"GPU:{i}" for i in range(len(gpus))]
    if distribute == "mirrored" and not names:
        return tf.distribute.MirroredStrategy(["CPU:0"])
    if distribute == "mirrored" or (distribute == "auto" and len(names) > 1):
        return tf.distribute.MirroredStrategy(names)
    return tf.distribute.get_strategy()
