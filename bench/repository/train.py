"""A training of known work: reads all of its data, does matrix products for a number of steps, and logs as most do."""

import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import yaml


def main() -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    size = sum(len(file.read_bytes()) for file in Path("data").iterdir())
    losses = list(train(int(os.environ["BENCH_STEPS"]), params["epochs"], params["learning_rate"]))
    metrics = {"accuracy": 0.9 + params["learning_rate"], "loss": losses[-1], "bytes": size}
    if os.environ["BENCH_MLFLOW"] == "yes":
        import mlflow

        with mlflow.start_run():
            mlflow.log_params(params)
            for epoch, loss in enumerate(losses):
                mlflow.log_metric("loss", loss, step=epoch)
            mlflow.log_metrics(metrics)
    Path("metrics.json").write_text(json.dumps(metrics))
    Path("loss.csv").write_text("epoch,loss\n" + "".join(f"{epoch},{loss}\n" for epoch, loss in enumerate(losses)))
    Path("plots").mkdir(exist_ok=True)
    Path("plots/weights.png").write_bytes(grey_png(np.random.default_rng().integers(0, 255, (480, 640), dtype=np.uint8)))


def train(steps, epochs, rate):
    left, right = np.random.default_rng(0).random((2, 500, 500))
    for epoch in range(epochs):
        for _ in range(steps // epochs):
            left = np.tanh(left @ right * rate)
        yield float(np.exp(-rate * epoch))


def grey_png(pixels):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


if __name__ == "__main__":
    main()
