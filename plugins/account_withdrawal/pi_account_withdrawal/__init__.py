"""Money withdrawn at a core bank over SOAP."""
