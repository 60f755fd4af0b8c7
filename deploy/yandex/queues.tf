locals {
  # Waiting is not failing: a message is replaced long before it has been received that often.
  redrive = jsonencode({ deadLetterTargetArn = yandex_message_queue.dead.arn, maxReceiveCount = 1000 })
}

resource "yandex_message_queue" "pending" {
  name                       = "${var.name}-pending"
  message_retention_seconds  = 1209600
  visibility_timeout_seconds = 120
  redrive_policy             = local.redrive
}

resource "yandex_message_queue" "backlog" {
  name                       = "${var.name}-backlog"
  message_retention_seconds  = 1209600
  visibility_timeout_seconds = 120
  redrive_policy             = local.redrive
}

resource "yandex_message_queue" "dead" {
  name                       = "${var.name}-dead"
  message_retention_seconds  = 1209600
  visibility_timeout_seconds = 120
}

# A tick that is late or failed is not worth repeating: its message is gone when the timer's next tick begins, and before it
# would show again. So there is nothing to set aside either.
resource "yandex_message_queue" "ticks" {
  count                      = var.ticks_per_minute > 1 ? 1 : 0
  name                       = "${var.name}-ticks"
  message_retention_seconds  = 60
  visibility_timeout_seconds = 120
}
