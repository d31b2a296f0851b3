"""A fitted scikit-learn estimator as an ONNX graph, in float64, and the gate that says whether it counts.

`skl2onnx` writes trees in float32, which moves points across their thresholds, and fails on
HistGradientBoosting (1.20: "Expected an int, got a boolean"); so the few parts that are served fast are
written here, straight from what was fitted.
"""

from threeways.training.export.convert import exported
from threeways.training.export.gate import PLAIN, GateFailed, passed
from threeways.training.export.graph import NotExportable

__all__ = ["PLAIN", "GateFailed", "NotExportable", "exported", "passed"]
