"""Reading `set_stage:`, a stage of life and how long it lasts: `{stage: bereaved, for: 365d}`."""

from __future__ import annotations

from flows.documents import Located, Mistakes
from flows.fields import DAY, Fields
from flows.rules.model import SetStage
from flows.stream_files import DASHED_NAME


def read_stage(at: Located, mistakes: Mistakes) -> SetStage | None:
    """The stage; without `for` it lasts until another is set."""
    fields = Fields(at, mistakes, ("stage", "for"))
    complete = fields.require("stage")
    stage = fields.text("stage")
    if stage and not DASHED_NAME.match(stage):
        fields.wrong("stage", f"{stage!r} cannot be a stage", "Use small letters, digits, - and _.")
    lasts = fields.duration("for", 1000, 3660 * DAY)
    return SetStage(stage=stage, lasts=lasts) if complete else None
