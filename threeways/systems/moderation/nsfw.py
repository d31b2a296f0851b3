"""Does an upload show nudity or sex, or is it for adults only? Its texts tell, with a probability."""

from threeways.systems.moderation.texts import text_task

task = text_task("nsfw")
