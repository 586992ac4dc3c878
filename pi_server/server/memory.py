"""What becomes of memory once a worker has started."""

import gc


def settle() -> None:
    """Take what is there now for permanent, and look less often for garbage: a call leaves hardly any in circles.

    The collector otherwise looks through all of it again and again, for 50 ms and more, while every request waits.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)  # containers made and not ended, then rounds of the younger generation
