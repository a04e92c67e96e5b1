"""A training of known work: reads all of its data, does matrix products for a number of steps, and logs as most do."""

import json
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
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
    matrix = np.random.default_rng().integers(0, 255, (8, 8), dtype=np.uint8)
    Path("plots/confusion.png").write_bytes(grey_png(matrix.repeat(60, axis=0).repeat(80, axis=1)))


def train(steps: int, epochs: int, rate: float) -> Iterator[float]:
    """Matrix products in as many threads as BLAS takes; a loss for each epoch."""
    left, right = np.random.default_rng(0).random((2, 500, 500))
    for epoch in range(epochs):
        for _ in range(steps // epochs):
            left = np.tanh(left @ right * rate)
        yield float(np.exp(-rate * epoch))


def grey_png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """The pixels as a PNG, without importing a library for it."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


if __name__ == "__main__":
    main()
