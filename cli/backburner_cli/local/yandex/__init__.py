"""The local Yandex Cloud: runs the zip that is deployed as Cloud Functions would, with its triggers."""
