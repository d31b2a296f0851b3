"""The golden set: events in an artifact with the answers that its model gave, checked before it serves."""

from threeways.scoring.golden.checking import check, prove, told
from threeways.scoring.golden.format import MOST, NAME, read

__all__ = ["MOST", "NAME", "check", "prove", "read", "told"]
