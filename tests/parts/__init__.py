"""Real parts for tests: providers that run as processes of their own."""
