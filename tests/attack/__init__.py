"""What once broke the running server, so that it does not again."""
