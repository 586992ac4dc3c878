"""Who is calling, from what they show."""
