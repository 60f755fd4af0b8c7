"""Yandex Cloud: the built zip on the local Cloud Functions runtime, and the Terraform that deploys it."""
