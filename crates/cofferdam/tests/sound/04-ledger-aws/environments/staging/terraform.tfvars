newrelic_account_id  = 4100002
subnet_ids           = ["subnet-1a", "subnet-1b", "subnet-1c"]
security_group_ids   = ["sg-ledger"]
pager_destination_id = "ledger-pager-staging"
