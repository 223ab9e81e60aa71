"""A small cache for rendered pages.

An entry of the cache is dropped when nobody has read it for an hour, or when the cache is full. Reading an entry makes it young again.
"""

import time

BOUND = 500


class Cache:
    """Pages by their address, with the time of the last reading beside them."""

    def __init__(self, clock=time.monotonic):
        # The clock is a parameter so that tests do not have to wait.
        self.clock = clock
        self.pages = {}
