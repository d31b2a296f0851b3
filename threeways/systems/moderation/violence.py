"""Is an upload violent? Its texts tell, with a probability."""

from threeways.systems.moderation.texts import text_task

task = text_task("violence")
