"""The fourth consumer, added later: found by its name, trained on rows of its own, judged by five folds."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from test_text_training_data import shared_file

from threeways.scoring import tasks
from threeways.systems.moderation import training
from threeways.systems.moderation.training import data
from threeways.training.train import train

COMMENTS = 'text,is_toxic\nyou fool,Toxic\n"well, thanks",Not Toxic\nyou fool,Toxic\nwhat,Unknown\n'


def test_a_comment_is_an_upload_s_transcript_and_equal_ones_are_there_once(tmp_path: Path) -> None:
    file = tmp_path / "comments.csv"
    file.write_text(COMMENTS)
    examples = data.sample(tasks.find("toxicity"), str(file), print)
    told = dict(zip(examples.block.columns["text"], examples.target.tolist(), strict=True))
    assert told == {"you fool": 1, "well, thanks": 0}
    assert examples.dropped == {"no label": 1, "the same text again": 1}


@pytest.mark.exhaustive
def test_real_comments_are_told_as_well_as_the_goal_says(tmp_path: Path) -> None:
    file = shared_file("toxicity_en.csv")
    report = train(file, console=Console(file=io.StringIO()), folder=tmp_path / ".local", task="toxicity")
    assert report.measures["auc_five_fold"] >= 0.94
    assert report.measures["ece_five_fold"] <= 0.03
    assert (tmp_path / ".local" / training.LAST_TRAIN).is_file()
