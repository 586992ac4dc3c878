"""The plugin: people sign up, sign in and keep their medical records."""

from pi_accounts.record_pages import RecordPages


class Accounts(RecordPages):
    """People sign up, sign in and keep their medical records, which nobody else sees."""

    root = "/accounts"
