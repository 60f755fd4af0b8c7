# ---- where ---------------------------------------------------------------------------------------------------------

variable "folder_id" {
  type        = string
  description = "Folder that everything is created in."
  validation {
    condition     = can(regex("^[a-z0-9]{20}$", var.folder_id))
    error_message = "A folder id has 20 lower-case letters and digits: yc config get folder-id."
  }
}

variable "name" {
  type        = string
  default     = "backburner"
  description = "Prefix of the names of everything that is created."
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "3 to 32 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "bucket" {
  type        = string
  description = "Name of the bucket; it must be unique in all of Yandex Cloud."
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "3 to 63 lower-case letters, digits and hyphens."
  }
}

variable "bucket_users" {
  type        = list(string)
  description = "Ids of the users and service accounts that may do everything in the bucket: those who upload and read, and whoever applies this. Nobody else has access."
  validation {
    condition     = length(var.bucket_users) > 0 && length(var.bucket_users) <= 100 && alltrue([for id in var.bucket_users : can(regex("^[a-z0-9]{20}$", id))])
    error_message = "1 to 100 ids of 20 lower-case letters and digits each; without your own you would lock yourself out."
  }
}

# ---- provider ------------------------------------------------------------------------------------------------------

variable "provider_profile" {
  type        = string
  default     = "yandex"
  description = "Which provider profile applies (BACKBURNER_PROVIDER)."
  validation {
    condition     = contains(["yandex", "openai", "azure", "vllm", "generic"], var.provider_profile)
    error_message = "One of yandex, openai, azure, vllm, generic."
  }
}

variable "base_url" {
  type        = string
  default     = null
  description = "Base URL of the Responses API (OPENAI_BASE_URL); null for Yandex AI Studio and OpenAI, whose addresses are known."
  validation {
    condition     = var.base_url == null || can(regex("^https?://[^[:space:]]{1,250}$", var.base_url))
    error_message = "An http(s) URL of at most 256 characters, or null."
  }
}

variable "project_id" {
  type        = string
  default     = null
  description = "Project (OPENAI_PROJECT_ID); null means this folder with Yandex AI Studio, and none elsewhere."
  validation {
    condition     = var.project_id == null || can(regex("^[A-Za-z0-9._-]{1,128}$", var.project_id))
    error_message = "At most 128 letters, digits, dots, underscores and hyphens, or null."
  }
}

variable "model" {
  type        = string
  description = "Model for recipes that name none, e.g. yandexgpt/latest (BACKBURNER_MODEL)."
  validation {
    condition     = can(regex("^[^[:space:]]{1,256}$", var.model))
    error_message = "1 to 256 characters without spaces."
  }
}

variable "provider_key" {
  type = object({
    secret_id  = string
    version_id = string
    key        = string
  })
  default     = null
  description = "Entry of a Lockbox secret that holds the provider's key; null with Yandex AI Studio, which takes the functions' own IAM token."
  validation {
    condition     = var.provider_profile == "yandex" || var.provider_key != null
    error_message = "Only Yandex AI Studio takes an IAM token: name the Lockbox secret that holds the key."
  }
}

# ---- pace and budget -----------------------------------------------------------------------------------------------

variable "max_in_flight" {
  type        = number
  default     = 1000
  description = "Most generations under way at the provider at any time (BACKBURNER_MAX_IN_FLIGHT)."
  validation {
    condition     = var.max_in_flight >= 1 && var.max_in_flight <= 100000
    error_message = "1 to 100000."
  }
}

variable "submits_per_minute" {
  type        = number
  default     = null
  description = "Most generations started per minute, by both functions together (BACKBURNER_SUBMITS_PER_MINUTE); null means the profile's: 83 with Yandex AI Studio, within its 5,000 an hour."
  validation {
    condition     = var.submits_per_minute == null ? true : var.submits_per_minute >= 1 && var.submits_per_minute <= 60000
    error_message = "1 to 60000, or null."
  }
}

variable "polls_per_second" {
  type        = number
  default     = null
  description = "Most polls of generations per second (BACKBURNER_POLLS_PER_SECOND); null means the profile's: 50."
  validation {
    condition     = var.polls_per_second == null ? true : var.polls_per_second >= 1 && var.polls_per_second <= 1000
    error_message = "1 to 1000, or null."
  }
}

variable "ticks_per_minute" {
  type        = number
  default     = 1
  description = "How often the checker starts each minute (BACKBURNER_TICKS_PER_MINUTE). With more than 1 there is another queue, whose messages start the ticks between those of the timer."
  validation {
    condition     = contains([1, 2, 3, 4], var.ticks_per_minute)
    error_message = "1, 2, 3 or 4."
  }
}

variable "daily_tokens" {
  type        = number
  default     = null
  description = "Tokens that may be spent in a day (BACKBURNER_DAILY_TOKENS); null means no limit."
  validation {
    condition     = var.daily_tokens == null ? true : var.daily_tokens >= 1 && var.daily_tokens < 1000000000000
    error_message = "A number above 0, or null."
  }
}

variable "daily_cost" {
  type        = number
  default     = null
  description = "Cost that may be spent in a day, in the currency of the recipes' prices (BACKBURNER_DAILY_COST); null means no limit."
  validation {
    condition     = var.daily_cost == null ? true : var.daily_cost > 0 && var.daily_cost < 1000000000
    error_message = "A number above 0, or null."
  }
}

# ---- a job's life --------------------------------------------------------------------------------------------------

variable "deadline_s" {
  type        = number
  default     = 86400
  description = "How long a generation may take from its create (BACKBURNER_DEADLINE_S)."
  validation {
    condition     = var.deadline_s >= 60 && var.deadline_s <= 604800
    error_message = "60 to 604800 seconds."
  }
}

variable "lease_s" {
  type        = number
  default     = 120
  description = "How long a claimed job may show no progress before another process takes it over (BACKBURNER_LEASE_S)."
  validation {
    condition     = var.lease_s > 100 && var.lease_s <= 900
    error_message = "Longer than a function may run (100 s) and at most a queue's longest delay (900 s)."
  }
}

variable "sweep_every_s" {
  type        = number
  default     = 3600
  description = "How often the whole bucket is compared with the ledger (BACKBURNER_SWEEP_EVERY_S)."
  validation {
    condition     = var.sweep_every_s >= 60 && var.sweep_every_s <= 86400
    error_message = "60 to 86400 seconds."
  }
}

variable "line_parameters" {
  description = "Parameters that the lines of a batch may set beyond the usual ones, e.g. \"tools, tool_choice\" (BACKBURNER_LINE_PARAMETERS)."
  type        = string
  default     = null
  validation {
    condition     = var.line_parameters == null || can(regex("^[a-z0-9_, *]{1,256}$", var.line_parameters))
    error_message = "Write names of parameters, separated by commas."
  }
}

variable "vision_models" {
  type        = string
  default     = null
  description = "Models that see pictures, e.g. gemma-3-27b-it,qwen3-vl; * for every model, -NAME for one that does not see (BACKBURNER_VISION_MODELS)."
  validation {
    condition     = var.vision_models == null || can(regex("^[^\"\\\\\\s=]{1,128}$", var.vision_models))
    error_message = "Names of models, separated by commas without spaces, up to 128 characters."
  }
}

variable "context_tokens" {
  type        = string
  default     = null
  description = "Context windows of models, e.g. 32768 for all, or my-model=32768, other=131072 (BACKBURNER_CONTEXT_TOKENS)."
  validation {
    condition     = var.context_tokens == null || can(regex("^[^\"\\\\]{1,256}$", var.context_tokens))
    error_message = "Up to 256 characters without quotes and backslashes."
  }
}

variable "max_attempts" {
  type        = number
  default     = 3
  description = "Generations started for one job or part before it fails (BACKBURNER_MAX_ATTEMPTS)."
  validation {
    condition     = var.max_attempts >= 1 && var.max_attempts <= 10
    error_message = "1 to 10."
  }
}

# ---- notifications -------------------------------------------------------------------------------------------------

variable "notify" {
  type        = string
  default     = "documents,folders"
  description = "What the queue and the webhook are notified of: documents, folders, or both (BACKBURNER_NOTIFY). Nothing is sent if neither is set."
  validation {
    condition     = contains(["documents", "folders", "documents,folders"], var.notify)
    error_message = "documents, folders, or documents,folders."
  }
}

variable "notify_queue_url" {
  type        = string
  default     = null
  description = "Message Queue queue in the same folder that gets a message when something has ended (BACKBURNER_NOTIFY_QUEUE_URL); null means none."
  validation {
    condition     = var.notify_queue_url == null || (can(regex("^https://[^[:space:]]{1,248}$", var.notify_queue_url)) && !can(regex("[.]fifo$", var.notify_queue_url)))
    error_message = "The https URL of a standard queue, at most 256 characters, or null."
  }
}

variable "notify_webhook_url" {
  type        = string
  default     = null
  description = "Address that gets a signed POST when something has ended (BACKBURNER_NOTIFY_WEBHOOK_URL); null means none."
  validation {
    condition     = var.notify_webhook_url == null || can(regex("^https://[^[:space:]]{1,248}$", var.notify_webhook_url))
    error_message = "An https URL of at most 256 characters, or null."
  }
}

variable "notify_webhook_secret" {
  type = object({
    secret_id  = string
    version_id = string
    key        = string
  })
  default     = null
  description = "Entry of a Lockbox secret that holds the key with which the POSTs are signed; only the checker may read it."
  validation {
    condition     = (var.notify_webhook_secret == null) == (var.notify_webhook_url == null)
    error_message = "A webhook's URL and its secret go together: set both, or neither."
  }
}

# ---- operation -----------------------------------------------------------------------------------------------------

variable "package" {
  type        = string
  default     = "../../dist/backburner-yandex.zip"
  description = "The zip that make package-yandex writes."
}

variable "runtime" {
  type        = string
  default     = "python312"
  description = "Runtime of both functions."
  validation {
    condition     = contains(["python312", "python314"], var.runtime)
    error_message = "python312 or python314."
  }
}

variable "submit_memory" {
  type        = number
  default     = 1024
  description = "Memory of the submit function in MB."
  validation {
    condition     = var.submit_memory >= 512 && var.submit_memory <= 8192 && var.submit_memory % 128 == 0
    error_message = "512 to 8192, a multiple of 128."
  }
}

variable "checker_memory" {
  type        = number
  default     = 1024
  description = "Memory of the checker function in MB."
  validation {
    condition     = var.checker_memory >= 512 && var.checker_memory <= 8192 && var.checker_memory % 128 == 0
    error_message = "512 to 8192, a multiple of 128."
  }
}

variable "queue_protocol" {
  type        = string
  default     = "json"
  description = "Protocol of calls to Message Queue (BACKBURNER_QUEUE_PROTOCOL): json, or query if it refuses that."
  validation {
    condition     = contains(["json", "query"], var.queue_protocol)
    error_message = "json or query."
  }
}

variable "work_days" {
  type        = number
  default     = 90
  description = "How many days the parts of a failed document are kept for a replay. Longer than any job takes."
  validation {
    condition     = var.work_days >= 30 && var.work_days <= 3650
    error_message = "30 to 3650."
  }
}

variable "superseded_days" {
  type        = number
  default     = 90
  description = "How many days records of superseded runs, and notes of response ids, are kept."
  validation {
    condition     = var.superseded_days >= 30 && var.superseded_days <= 3650
    error_message = "30 to 3650."
  }
}
