"""The command line as a newcomer, an operator and a supervisor meet it: as real processes."""
