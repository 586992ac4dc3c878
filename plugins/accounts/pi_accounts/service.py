"""The plugin: people sign up, sign in and keep their medical records."""

from pi_accounts.account_operations import AccountOperations
from pi_accounts.record_operations import RecordOperations


class Accounts(AccountOperations, RecordOperations):
    """People sign up, sign in and keep their medical records, which nobody else sees."""

    root = "/accounts"
