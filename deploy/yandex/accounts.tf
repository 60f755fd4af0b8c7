locals {
  # Message Queue has roles only for whole folders. Submit receives from no queue.
  folder_roles = merge(
    {
      "submit ymq.writer"  = { account = "submit", role = "ymq.writer" }
      "checker ymq.writer" = { account = "checker", role = "ymq.writer" }
      "checker ymq.reader" = { account = "checker", role = "ymq.reader" }
    },
    var.provider_key == null ? {
      "submit ai"  = { account = "submit", role = "ai.languageModels.user" }
      "checker ai" = { account = "checker", role = "ai.languageModels.user" }
    } : {}
  )
}

# ---- the functions' own --------------------------------------------------------------------------------------------

resource "yandex_iam_service_account" "function" {
  for_each  = toset(["submit", "checker"])
  name      = "${var.name}-${each.key}"
  folder_id = var.folder_id
}

resource "yandex_resourcemanager_folder_iam_member" "function" {
  for_each  = local.folder_roles
  folder_id = var.folder_id
  role      = each.value.role
  member    = "serviceAccount:${yandex_iam_service_account.function[each.value.account].id}"
}

# Object Storage and Message Queue take only static keys. These go from IAM to Lockbox and into the functions, and appear
# neither in the state nor on anybody's terminal.
resource "yandex_lockbox_secret" "keys" {
  for_each    = yandex_iam_service_account.function
  name        = "${each.value.name}-keys"
  description = "Static access key of ${each.value.name}, written by IAM itself"
  folder_id   = var.folder_id
}

resource "yandex_iam_service_account_static_access_key" "function" {
  for_each           = yandex_iam_service_account.function
  service_account_id = each.value.id
  description        = "Bucket and queues of ${each.value.name}"
  output_to_lockbox {
    secret_id            = yandex_lockbox_secret.keys[each.key].id
    entry_for_access_key = "access_key"
    entry_for_secret_key = "secret_key"
  }
}

resource "yandex_lockbox_secret_iam_member" "keys" {
  for_each  = yandex_iam_service_account.function
  secret_id = yandex_lockbox_secret.keys[each.key].id
  role      = "lockbox.payloadViewer"
  member    = "serviceAccount:${each.value.id}"
}

resource "yandex_lockbox_secret_iam_member" "provider_key" {
  for_each  = { for name, account in yandex_iam_service_account.function : name => account if var.provider_key != null }
  secret_id = var.provider_key.secret_id
  role      = "lockbox.payloadViewer"
  member    = "serviceAccount:${each.value.id}"
}

resource "yandex_lockbox_secret_iam_member" "notify_webhook_secret" {
  for_each  = toset(var.notify_webhook_secret == null ? [] : ["checker"])
  secret_id = var.notify_webhook_secret.secret_id
  role      = "lockbox.payloadViewer"
  member    = "serviceAccount:${yandex_iam_service_account.function[each.key].id}"
}

# ---- the triggers' -------------------------------------------------------------------------------------------------

resource "yandex_iam_service_account" "invoker" {
  name      = "${var.name}-invoker"
  folder_id = var.folder_id
}

resource "yandex_function_iam_binding" "invoker" {
  for_each    = yandex_function.function
  function_id = each.value.id
  role        = "functions.functionInvoker"
  members     = ["serviceAccount:${yandex_iam_service_account.invoker.id}"]
}

resource "yandex_iam_service_account" "dead_letters" {
  name      = "${var.name}-dead-letters"
  folder_id = var.folder_id
}

resource "yandex_resourcemanager_folder_iam_member" "dead_letters" {
  folder_id = var.folder_id
  role      = "ymq.writer"
  member    = "serviceAccount:${yandex_iam_service_account.dead_letters.id}"
}

# It reads from the ticks queue; a role on the folder is the smallest that there is.
resource "yandex_iam_service_account" "ticks" {
  count     = var.ticks_per_minute > 1 ? 1 : 0
  name      = "${var.name}-ticks"
  folder_id = var.folder_id
}

resource "yandex_resourcemanager_folder_iam_member" "ticks" {
  count     = var.ticks_per_minute > 1 ? 1 : 0
  folder_id = var.folder_id
  role      = "ymq.reader"
  member    = "serviceAccount:${yandex_iam_service_account.ticks[0].id}"
}
