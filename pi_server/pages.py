"""Pages for plugins: an operation with ``page=True`` takes a form and answers with HTML.

``Page`` names a template of the package's ``templates/``, ``Redirect`` another page of the service, ``Text`` is text;
``Form[Model]`` is what a person typed.  See ``docs/pages.md``.
"""

from pi_server.domain.form_errors import ErrorText
from pi_server.domain.forms import Form
from pi_server.domain.pages import Page, Redirect, Text

__all__ = ["ErrorText", "Form", "Page", "Redirect", "Text"]
