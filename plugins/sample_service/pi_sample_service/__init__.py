"""The smallest possible plugin: one configured value, answered."""
