"""The room of providers: codecs, transport, and whole providers against real processes."""
