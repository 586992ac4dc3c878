"""Stand-ins for providers, and providers that play a part."""
