"""What the suite says of broken copies, while it has nothing to say of the sound code."""

from __future__ import annotations

import re

import pytest
from broken import COPIES, Broken, batches_for, first_violation, in_place
from world import replay


@pytest.mark.parametrize("broken", COPIES, ids=[broken.name for broken in COPIES])
def test_a_broken_copy_is_caught_and_the_sound_code_passes_the_same_schedule(broken: Broken) -> None:
    with in_place(broken):
        violation = first_violation(batches_for(broken))
        assert violation is not None, "no single fault finds anything wrong with it"
        assert re.search(broken.says, str(violation)), violation
        with pytest.raises(type(violation), match=re.escape(str(violation).splitlines()[0])):
            replay(violation.schedule)
    replay(violation.schedule)
