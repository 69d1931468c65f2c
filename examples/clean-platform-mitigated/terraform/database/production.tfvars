environment            = "production"
subnet_ids             = ["subnet-0a1", "subnet-0b1", "subnet-0c1"]
vpc_security_group_ids = ["sg-0d1"]
instance_class         = "db.r6g.2xlarge"
kms_key_arn            = "arn:aws:kms:us-east-1:111111111111:alias/clean-platform"
