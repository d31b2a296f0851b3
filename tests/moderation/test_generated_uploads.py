"""Generated uploads: the same for a seed, sound, ambiguous but learnable, with copies of a catalogue."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import json
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from threeways.systems.moderation.generator import CATEGORIES, LabelledUpload, catalogue, uploads
from threeways.systems.moderation.uploads import Upload


@pytest.fixture(scope="module")
def made() -> list[LabelledUpload]:
    return uploads(4_000, seed=1)


def test_a_seed_determines_the_uploads_however_many_are_asked_for(made: list[LabelledUpload]) -> None:
    assert uploads(100, seed=1) == made[:100]
    assert uploads(100, seed=2) != made[:100]
    assert {one.upload.upload_id for one in uploads(100, seed=2)}.isdisjoint(
        one.upload.upload_id for one in made
    )


def test_each_generated_upload_is_a_sound_event(made: list[LabelledUpload]) -> None:
    for one in made:
        assert json.decode(json.encode(one.upload), type=Upload) == one.upload


def test_categories_are_rare_and_partly_together(made: list[LabelledUpload]) -> None:
    for category in CATEGORIES:
        assert 0.05 < np.mean([category in one.truth for one in made]) < 0.15
    assert 0.02 < np.mean([len(one.truth) > 1 for one in made]) < 0.1


@pytest.mark.parametrize("category", ["nsfw", "violence", "toxicity"])
def test_a_plain_text_model_is_good_and_not_perfect(made: list[LabelledUpload], category: str) -> None:
    texts = [
        " ".join((one.title, one.description, *one.tags, one.transcript)) for one in (m.upload for m in made)
    ]
    truth = [category in one.truth for one in made]
    words = TfidfVectorizer(min_df=2, sublinear_tf=True)
    model = LogisticRegression(C=10).fit(words.fit_transform(texts[:3_000]), truth[:3_000])
    area = roc_auc_score(truth[3_000:], model.predict_proba(words.transform(texts[3_000:]))[:, 1])
    assert 0.88 < area < 0.985


def test_a_copy_has_frames_of_a_work_of_which_some_bits_differ(made: list[LabelledUpload]) -> None:
    known = np.array([int(frame, 16) for work in catalogue() for frame in work.frames], dtype=np.uint64)

    def nearest(one: LabelledUpload) -> int:
        frames = np.array([int(frame, 16) for frame in one.upload.frames], dtype=np.uint64)
        return int(np.bitwise_count(frames[:, None] ^ known).min()) if len(frames) else 64

    copies = np.array([nearest(one) for one in made if "copyright" in one.truth])
    others = np.array([nearest(one) for one in made if "copyright" not in one.truth][:500])
    assert np.mean(copies <= 6) > 0.85
    assert copies.max() > 6  # a few were altered on purpose
    assert 0.95 < np.mean(others > 8) < 1  # a few quote a single frame


def test_the_works_of_a_catalogue_have_names_of_their_own() -> None:
    many = catalogue(works=1_000)
    assert len({work.name for work in many}) == len(many)
    assert all(5 <= len(work.frames) <= 20 for work in many)
    assert catalogue() == many[: len(catalogue())]
