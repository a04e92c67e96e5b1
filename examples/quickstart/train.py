"""Learn from data/train.csv which handwritten digits are odd, and evaluate on data/test.csv."""

import os
from pathlib import Path

import matplotlib as mpl
import mlflow
import pandas as pd
import yaml
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, log_loss, roc_auc_score

mpl.use("Agg")  # no display in CI

HERE = Path(__file__).resolve().parent
TARGET = "odd"
CLASSES = ["even", "odd"]


def read(name: str) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """The pixels, indexed by the example's id, the target, and the digit that was written."""
    rows = pd.read_csv(HERE / "data" / f"{name}.csv", index_col="id")
    return rows.drop(columns=[TARGET, "digit"]), rows[TARGET], rows["digit"]


def log_curves(model: GradientBoostingClassifier, parts: dict[str, tuple[pd.DataFrame, pd.Series]]) -> None:
    """Loss and accuracy after every round of boosting, one step each."""
    stages = {name: model.staged_predict_proba(features) for name, (features, _) in parts.items()}
    for step in range(1, model.n_estimators_ + 1):
        metrics = {}
        for name, (_, target) in parts.items():
            score = next(stages[name])[:, 1]
            metrics[f"{name}_loss"] = log_loss(target, score)
            metrics[f"{name}_accuracy"] = accuracy_score(target, score >= 0.5)
        mlflow.log_metrics(metrics, step=step)


def save_confusion_matrix(predictions: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    display = ConfusionMatrixDisplay.from_predictions(
        predictions["y_true"], predictions["y_pred"], display_labels=CLASSES, cmap="Blues", colorbar=False
    )
    display.ax_.set_title(f"{len(predictions)} test examples")
    display.figure_.set_size_inches(4, 4)
    display.figure_.savefig(path, dpi=120, bbox_inches="tight")


def main() -> None:
    params = yaml.safe_load((HERE / "params.yaml").read_text())
    params["seed"] = int(os.environ.get("ML_CI_SEED", params["seed"]))

    train = read("train")[:2]
    test_x, test_y, digit = read("test")

    with mlflow.start_run():
        mlflow.log_params(params)
        model = GradientBoostingClassifier(
            learning_rate=params["learning_rate"],
            max_depth=params["max_depth"],
            n_estimators=params["rounds"],
            subsample=params["subsample"],
            random_state=params["seed"],
        ).fit(*train)
        log_curves(model, {"train": train, "validation": read("validation")[:2]})

        score = model.predict_proba(test_x)[:, 1]
        predictions = pd.DataFrame({"y_true": test_y, "y_pred": (score >= 0.5).astype(int), "y_score": score})
        predictions["digit"] = digit
        metrics = {
            "accuracy": accuracy_score(test_y, predictions["y_pred"]),
            "roc_auc": roc_auc_score(test_y, score),
            "log_loss": log_loss(test_y, score),
        }
        mlflow.log_metrics(metrics)

        predictions.to_csv(HERE / "predictions.csv", index_label="id")
        save_confusion_matrix(predictions, HERE / "plots" / "confusion_matrix.png")
        mlflow.log_artifact(str(HERE / "predictions.csv"))
        mlflow.log_artifact(str(HERE / "plots" / "confusion_matrix.png"))

    print(", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


if __name__ == "__main__":
    main()
