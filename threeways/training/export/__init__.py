"""Export a fitted scikit-learn estimator as an ONNX graph in float64, and compare the two exactly.

`skl2onnx` writes trees in float32, which moves points across their thresholds, and fails on
HistGradientBoosting (1.20: "Expected an int, got a boolean"); so the few estimators that are served as ONNX
are converted here, directly from their fitted state.
"""

from threeways.training.export.compared import GateFailed
from threeways.training.export.convert import exported
from threeways.training.export.gate import PLAIN, passed, table_passed
from threeways.training.export.graph import NotExportable

__all__ = ["PLAIN", "GateFailed", "NotExportable", "exported", "passed", "table_passed"]
