"""Yandex Cloud on this machine: the zip that is deployed, run as Cloud Functions runs it, with its events."""
