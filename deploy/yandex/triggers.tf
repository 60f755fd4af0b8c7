# An event whose last try has failed goes to the dead-letter queue; the next sweep finds the document all the same.
resource "yandex_function_trigger" "uploads" {
  name        = "${var.name}-uploads"
  description = "Uploads to inbox/"
  folder_id   = var.folder_id

  object_storage {
    bucket_id    = yandex_storage_bucket.documents.bucket
    prefix       = "inbox/"
    create       = true
    update       = true
    batch_size   = "10"
    batch_cutoff = "1"
  }

  function {
    id                 = yandex_function.function["submit"].id
    service_account_id = yandex_iam_service_account.invoker.id
    retry_attempts     = "5"
    retry_interval     = "30"
  }

  dlq {
    queue_id           = yandex_message_queue.dead.arn
    service_account_id = yandex_iam_service_account.dead_letters.id
  }

  depends_on = [yandex_function_iam_binding.invoker, yandex_resourcemanager_folder_iam_member.dead_letters]
}

# The next tick comes in a minute and does the same work: an old one is not worth more than one more try.
resource "yandex_function_trigger" "tick" {
  name        = "${var.name}-tick"
  description = "One tick of the checker"
  folder_id   = var.folder_id

  timer {
    cron_expression = "* * * * ? *"
  }

  function {
    id                 = yandex_function.function["checker"].id
    service_account_id = yandex_iam_service_account.invoker.id
    retry_attempts     = "1"
    retry_interval     = "10"
  }

  dlq {
    queue_id           = yandex_message_queue.dead.arn
    service_account_id = yandex_iam_service_account.dead_letters.id
  }

  depends_on = [yandex_function_iam_binding.invoker, yandex_resourcemanager_folder_iam_member.dead_letters]
}

# The ticks between those of the timer. A failed one is not tried again: its message is gone by then (queues.tf).
resource "yandex_function_trigger" "further_ticks" {
  count       = var.ticks_per_minute > 1 ? 1 : 0
  name        = "${var.name}-further-ticks"
  description = "The ticks between those of the timer"
  folder_id   = var.folder_id

  message_queue {
    queue_id           = yandex_message_queue.ticks[0].arn
    service_account_id = yandex_iam_service_account.ticks[0].id
    batch_size         = "1"
    batch_cutoff       = "0"
  }

  function {
    id                 = yandex_function.function["checker"].id
    service_account_id = yandex_iam_service_account.invoker.id
  }

  depends_on = [yandex_function_iam_binding.invoker, yandex_resourcemanager_folder_iam_member.ticks]
}
