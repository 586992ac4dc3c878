"""SOAP is only a codec: messages in, bytes out, without any I/O."""
