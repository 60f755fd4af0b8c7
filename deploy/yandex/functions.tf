locals {
  functions = {
    submit = {
      description = "Starts a background generation for every upload to inbox/"
      memory      = var.submit_memory
    }
    checker = {
      description = "Collects finished generations, at least every minute, and starts those that wait"
      memory      = var.checker_memory
    }
  }

  # All of it, with the secrets, must fit into 4 KB: tests/yandex/test_terraform.py adds up the worst case.
  settings = {
    AWS_ENDPOINT_URL_S3           = "https://storage.yandexcloud.net"
    AWS_ENDPOINT_URL_SQS          = "https://message-queue.api.cloud.yandex.net"
    AWS_REGION                    = "ru-central1"
    BACKBURNER_BUCKET             = var.bucket
    BACKBURNER_PENDING_QUEUE_URL  = yandex_message_queue.pending.id
    BACKBURNER_BACKLOG_QUEUE_URL  = yandex_message_queue.backlog.id
    BACKBURNER_DEAD_QUEUE_URL     = yandex_message_queue.dead.id
    BACKBURNER_TICKS_QUEUE_URL    = var.ticks_per_minute > 1 ? yandex_message_queue.ticks[0].id : null
    BACKBURNER_QUEUE_PROTOCOL     = var.queue_protocol
    BACKBURNER_PROVIDER           = var.provider_profile
    BACKBURNER_MODEL              = var.model
    OPENAI_BASE_URL               = var.base_url
    OPENAI_PROJECT_ID             = local.project_id
    BACKBURNER_CONTEXT_TOKENS     = var.context_tokens
    BACKBURNER_VISION_MODELS      = var.vision_models
    BACKBURNER_LINE_PARAMETERS    = var.line_parameters
    BACKBURNER_MAX_IN_FLIGHT      = var.max_in_flight
    BACKBURNER_SUBMITS_PER_MINUTE = var.submits_per_minute
    BACKBURNER_POLLS_PER_SECOND   = var.polls_per_second
    BACKBURNER_TICKS_PER_MINUTE   = var.ticks_per_minute
    BACKBURNER_DAILY_TOKENS       = var.daily_tokens
    BACKBURNER_DAILY_COST         = var.daily_cost
    BACKBURNER_DEADLINE_S         = var.deadline_s
    BACKBURNER_LEASE_S            = var.lease_s
    BACKBURNER_SWEEP_EVERY_S      = var.sweep_every_s
    BACKBURNER_MAX_ATTEMPTS       = var.max_attempts
    BACKBURNER_NOTIFY             = local.notify
    BACKBURNER_NOTIFY_QUEUE_URL   = var.notify_queue_url
    BACKBURNER_NOTIFY_WEBHOOK_URL = var.notify_webhook_url
  }
  environment = { for name, value in local.settings : name => tostring(value) if value != null }
  notify      = var.notify_webhook_url == null && var.notify_queue_url == null ? null : var.notify
  project_id  = var.project_id == null && var.provider_profile == "yandex" ? var.folder_id : var.project_id
}

resource "yandex_logging_group" "logs" {
  name      = var.name
  folder_id = var.folder_id
}

resource "yandex_function" "function" {
  for_each           = local.functions
  name               = "${var.name}-${each.key}"
  description        = each.value.description
  folder_id          = var.folder_id
  runtime            = var.runtime
  entrypoint         = "${each.key}.handler"
  memory             = each.value.memory
  execution_timeout  = "100"
  service_account_id = yandex_iam_service_account.function[each.key].id
  user_hash          = filesha256(var.package)
  # How much memory there is, under the name that Lambda uses for it.
  environment = merge(local.environment, { AWS_LAMBDA_FUNCTION_MEMORY_SIZE = tostring(each.value.memory) })

  content {
    zip_filename = var.package
  }

  secrets {
    id                   = yandex_lockbox_secret.keys[each.key].id
    version_id           = yandex_iam_service_account_static_access_key.function[each.key].output_to_lockbox_version_id
    key                  = "access_key"
    environment_variable = "AWS_ACCESS_KEY_ID"
  }

  secrets {
    id                   = yandex_lockbox_secret.keys[each.key].id
    version_id           = yandex_iam_service_account_static_access_key.function[each.key].output_to_lockbox_version_id
    key                  = "secret_key"
    environment_variable = "AWS_SECRET_ACCESS_KEY"
  }

  dynamic "secrets" {
    for_each = var.provider_key == null ? [] : [var.provider_key]
    content {
      id                   = secrets.value.secret_id
      version_id           = secrets.value.version_id
      key                  = secrets.value.key
      environment_variable = "OPENAI_API_KEY"
    }
  }

  # Submit only records what has ended; the checker sends the notifications.
  dynamic "secrets" {
    for_each = var.notify_webhook_secret == null || each.key != "checker" ? [] : [var.notify_webhook_secret]
    content {
      id                   = secrets.value.secret_id
      version_id           = secrets.value.version_id
      key                  = secrets.value.key
      environment_variable = "BACKBURNER_NOTIFY_WEBHOOK_SECRET"
    }
  }

  log_options {
    log_group_id = yandex_logging_group.logs.id
    min_level    = "INFO"
  }

  depends_on = [
    yandex_lockbox_secret_iam_member.keys,
    yandex_lockbox_secret_iam_member.provider_key,
    yandex_lockbox_secret_iam_member.notify_webhook_secret,
    yandex_resourcemanager_folder_iam_member.function,
    yandex_storage_bucket_iam_binding.functions,
    yandex_storage_bucket_policy.documents,
  ]
}
