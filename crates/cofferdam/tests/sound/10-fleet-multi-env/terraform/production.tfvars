environment    = "production"
instance_class = "db.m6g.xlarge"
