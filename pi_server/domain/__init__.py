"""The nouns of pi_server: pure values, rules and protocols, without any I/O."""
