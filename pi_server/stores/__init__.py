"""Where state is kept: documents and keys, each behind one protocol with several keepers."""
