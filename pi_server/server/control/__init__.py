"""What a running server can be asked, and what it tells of itself."""
