"""Sessions of people signed in with a browser: a sealed cookie, opened when somebody asks for what is in it."""
