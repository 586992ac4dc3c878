"""What becomes of memory once a worker has started."""

import gc


def settle() -> None:
    """Take what is there now for permanent.

    The collector otherwise looks through all of it again and again, for 50 ms and more, while every request waits.
    """
    gc.collect()
    gc.freeze()
