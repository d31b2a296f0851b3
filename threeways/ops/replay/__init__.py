"""Score again what is in quarantine or at a failure destination, after a fix.

A record leaves the place it is read from only when its prediction has been read back from the output stream,
or its new entry from quarantine. So a replay may be stopped anywhere and run twice: at the worst a record is
scored again, with the same `source_event_id`.
"""
