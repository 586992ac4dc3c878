"""Speaking to providers: settings, codecs, one HTTP transport, and the outbound links of this room.

Nothing is imported here: lxml and zeep cost twelve megabytes and are loaded by `build` for SOAP providers only.
"""
