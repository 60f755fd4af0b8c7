terraform {
  required_version = ">= 1.9"
  required_providers {
    yandex = {
      source = "yandex-cloud/yandex"
      # The first one with yandex_storage_bucket_policy.
      version = ">= 0.146.0"
    }
  }
}

# The credentials come from the environment (docs/yandex.md): YC_TOKEN, and YC_MESSAGE_QUEUE_ACCESS_KEY and
# YC_MESSAGE_QUEUE_SECRET_KEY, since queues are created with static keys. None of them enters the state.
provider "yandex" {
  folder_id = var.folder_id
}
