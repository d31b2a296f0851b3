"""Tell what changed since a model was trained: counts and label outcomes in, findings out.

`judge_counts` compares windows of counts with the reference, `judge_errors` the errors of label outcomes, and
`drifted` names the parts of slices and features that findings are about.
"""

from threeways.lifecycle.drift.counts import Window, judge_counts, windows_of
from threeways.lifecycle.drift.errors import Outcomes, judge_errors
from threeways.lifecycle.drift.finding import Finding, Measured, drifted

__all__ = [
    "Finding", "Measured", "Outcomes", "Window", "drifted", "judge_counts", "judge_errors", "windows_of",
]  # fmt: skip
