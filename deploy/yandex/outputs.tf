output "bucket" {
  description = "The bucket; uploads go to inbox/."
  value       = yandex_storage_bucket.documents.bucket
}

output "environment" {
  description = "The functions' environment, without secrets, for the operator's commands (docs/runbook.md)."
  value       = local.environment
}

output "submit_function_id" {
  description = "The function that uploads trigger."
  value       = yandex_function.function["submit"].id
}

output "checker_function_id" {
  description = "The function that the timer triggers."
  value       = yandex_function.function["checker"].id
}

output "log_group_id" {
  description = "Log group of both functions."
  value       = yandex_logging_group.logs.id
}

output "version" {
  description = "The version of Backburner that these files belong to."
  value       = "0.1.0"
}
