"""Memory: training that reads its images from the disk needs no more of it for more of them."""
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

SIDE, FEW = 128, 600        # 28 MiB of raw pixels, and four times that
PROGRAM = """
import sys
import keras
from kerasnd import DeepSVDD, feeding, load_data

feeding.PASS_VALUES = 2 ** 21       # as if the images were larger: the few fill the buffers of a pass too

def peak():
    # of this process: getrusage begins at the peak of the one that started it
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 2 ** 10

def train(folder, cache_gib):
    pool = load_data(folder, cache_gib=cache_gib)
    inputs = keras.Input(pool.example_shape)
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(16)(inputs))
    detector = DeepSVDD(encoder=keras.Model(inputs, keras.layers.Dense(4, use_bias=False)(x)), preprocess="unit")
    detector.compile("sgd")
    detector.fit(pool.x, epochs=1, batch_size=64, seed=0, verbose=0)
    return peak()

few, many = sys.argv[1:]
first = train(few, 1e-3)
streamed = train(many, 1e-3)
print(first, streamed, train(many, 1.0))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells the peak of a process")
def test_the_peak_of_memory_does_not_grow_with_the_images_on_the_disk(tmp_path):
    for name, n in (("few", FEW), ("many", 4 * FEW)):
        (tmp_path / name / "good").mkdir(parents=True)
        for i in range(n):
            Image.new("RGB", (SIDE, SIDE), (i % 256, i // 256, 7)).save(tmp_path / name / "good" / f"{i}.png")
    done = subprocess.run([sys.executable, "-c", PROGRAM, tmp_path / "few", tmp_path / "many"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    first, streamed, held = map(float, done.stdout.split())
    more = 3 * FEW * SIDE * SIDE * 3 / 2 ** 20      # MiB of raw pixels that the larger set has over the smaller
    assert streamed - first < more / 2
    assert held - streamed > more / 2               # the measure itself: the same set in memory is seen
