data_dir = "d"
datacenter = "north east"
