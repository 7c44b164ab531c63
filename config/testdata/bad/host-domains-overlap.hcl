data_dir = "d"
domain = "example.com"
host_domains = ["hadoop.example.com"]
