"""What is put on record: served requests, and both legs of every exchange."""
