"""How readers fetch that may wait: few records come late and together.

Each record wakes all readers of its topic at once. On a machine with few processors those that
nobody waits for are in the way of the one that starts the job.
"""

PATIENT_BYTES = 64 * 1024
"""With so much to give the broker answers at once."""
PATIENT_MS = 200
"""With less it answers after this."""
