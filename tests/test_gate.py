"""What a training compiles, copies and holds stays within limits, whatever the machine."""

from __future__ import annotations

import pytest

from benchmarks.speed.programs import LIMITS, copies, figures

LOOP = """\
HloModule jit_f

%fused (p: f32[4]) -> f32[4] {
  %p = f32[4] parameter(0)
  ROOT %copy.3 = f32[4] copy(%p)
}

%body (s: (f32[4])) -> (f32[4]) {
  %copy.1 = f32[4]{0} copy(%e)
  %fusion = f32[4] fusion(%copy.1), kind=kLoop, calls=%fused
  ROOT %t = (f32[4]) tuple(%fusion)
}

ENTRY %main (a: f32[4]) -> (f32[4]) {
  %copy.9 = f32[4] copy(%a)
  ROOT %while = (f32[4]) while(%copy.9), condition=%cond, body=%body
}
"""


def test_copies_are_counted_where_they_are_made_in_every_step() -> None:
    assert copies(LOOP) == 2


@pytest.mark.slow
def test_a_training_stays_within_the_limits() -> None:
    """A figure above its limit is a step that became dearer: mend it, or raise the limit and say
    why."""
    measured = figures()
    above = {name: measured[name] for name, limit in LIMITS.items() if measured[name] > limit}
    assert not above, f"at most {LIMITS}"
