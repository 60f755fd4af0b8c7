"""Mails of every kind: Internet messages, mailboxes (mbox), Outlook's MSG and TNEF, signed envelopes.

Each becomes its main headers, its text, and every attachment under a heading with its name: its text if its format can
be read, else the reason. What is missing appears as a note in the text and in `Extracted.notes`.
"""
