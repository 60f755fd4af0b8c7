# A bucket with documents in it outlives `terraform destroy`: the service does not delete one that is not empty.
# No encryption with a KMS key: an ETag must stay the digest of its object's bytes, because a job's id is made from it.
resource "yandex_storage_bucket" "documents" {
  bucket    = var.bucket
  folder_id = var.folder_id

  anonymous_access_flags {
    read        = false
    list        = false
    config_read = false
  }

  lifecycle_rule {
    id      = "expire-superseded"
    enabled = true
    filter {
      prefix = "ledger/superseded/"
    }
    expiration {
      days = var.superseded_days
    }
  }

  lifecycle_rule {
    id      = "expire-notes-of-response-ids"
    enabled = true
    filter {
      prefix = "ledger/responses/"
    }
    expiration {
      days = var.superseded_days
    }
  }

  lifecycle_rule {
    id      = "expire-what-nobody-was-told"
    enabled = true
    filter {
      prefix = "ledger/notices/"
    }
    expiration {
      days = 30
    }
  }

  lifecycle_rule {
    id      = "expire-what-failed-jobs-left"
    enabled = true
    filter {
      prefix = "ledger/work/"
    }
    expiration {
      days = var.work_days
    }
  }

  lifecycle_rule {
    id                                     = "abort-unfinished-uploads"
    enabled                                = true
    abort_incomplete_multipart_upload_days = 7
  }
}

# The role admits a function's key; the policy says what it may do there, and that it may never write inbox/.
resource "yandex_storage_bucket_iam_binding" "functions" {
  bucket  = yandex_storage_bucket.documents.bucket
  role    = "storage.editor"
  members = [for account in yandex_iam_service_account.function : "serviceAccount:${account.id}"]
}

# What no statement allows is denied, even to the owner. "Principal: *" would let in the whole world.
resource "yandex_storage_bucket_policy" "documents" {
  bucket = yandex_storage_bucket.documents.bucket
  policy = templatefile("${path.module}/bucket-policy.json.tftpl", {
    bucket  = var.bucket
    users   = var.bucket_users
    submit  = yandex_iam_service_account.function["submit"].id
    checker = yandex_iam_service_account.function["checker"].id
  })
}
