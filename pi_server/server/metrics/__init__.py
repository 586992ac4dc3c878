"""What a server counts, told by any of its workers for all of them."""
