data_dir = "d"
domain = "."
alt_domain = "a..b"
host_domains = ["-x.example.com"]
