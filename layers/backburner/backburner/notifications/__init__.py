"""Notifies that documents and folders have ended. Writes only `ledger/notices/`, and only if notifications are on."""
