"""What a worker does about plugins that misbehave."""
