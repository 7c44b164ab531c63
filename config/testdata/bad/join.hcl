data_dir = "d"
retry_join = ["h1:", "h1:99999", "a b", "", "10.0.0.1:8301", "[::1]:8301", "provider=aws tag_key=x", "h1:8301:9"]
