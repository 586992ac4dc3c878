"""Tests of what is put on record."""
