data_dir = "d"
node_name = "a"
rack = "\777"
