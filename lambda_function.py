"""The face that AWS calls: the model is loaded once, when Lambda starts the process; each event uses it.

A model that cannot be used stops the start, with the reason and the mend in the function's log.
"""

import gc

import model

handle = model.build()
gc.freeze()  # what is there now stays: collections need not look through it again


def lambda_handler(event, context):  # type: ignore[no-untyped-def]  # Lambda's own calling convention
    """One batch of Kinesis records. The answer names the lowest record that must come again, if any."""
    return handle(event, context)
