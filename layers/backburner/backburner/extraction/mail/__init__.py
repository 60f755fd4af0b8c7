"""Mails of every kind: Internet messages, mailboxes (mbox), Outlook's MSG and TNEF, signed envelopes.

Each becomes its main headers, its text, and every attachment under a heading with its name: read if its format can be
read, else with the reason. What is missing stands as a note in the text and in `Extracted.notes`.
"""
