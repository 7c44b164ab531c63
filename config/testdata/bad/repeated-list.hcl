data_dir = "d"
retry_join = ["10.0.0.1"]
retry_join = ["10.0.0.2"]
