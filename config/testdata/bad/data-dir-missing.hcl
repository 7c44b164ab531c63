datacenter = "a"
