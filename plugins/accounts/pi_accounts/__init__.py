"""People sign up, sign in and keep their medical records."""
