"""Exchange rates read from a REST provider."""
