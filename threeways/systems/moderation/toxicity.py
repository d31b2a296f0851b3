"""Does an upload, or what is said in it and under it, insult or threaten anybody? Its texts tell."""

from threeways.systems.moderation.texts import text_task

task = text_task("toxicity")
