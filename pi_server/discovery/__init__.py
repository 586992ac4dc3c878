"""Finding plugins and bringing each from a name to mounted operations, without letting one harm another."""
