"""Lets in only consumers from listed networks."""
