"""The two real handlers against a local S3 and SQS and the stand-in provider, over HTTP."""
